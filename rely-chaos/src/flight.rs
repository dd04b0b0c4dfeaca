//! The calls in flight through a point, for the faults that cut them.

use core::task::Waker;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Injected;
use crate::arming::Arming;

/// Every call between its admission and its answer.
#[derive(Default)]
pub(crate) struct Flights(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    next: u64,
    calls: BTreeMap<u64, Call>,
}

enum Call {
    Flying(Option<Waker>),
    Cut(Injected),
}

impl Flights {
    /// Admits a call.
    pub(crate) fn board(self: &Arc<Self>) -> Flight {
        let mut inner = self.lock();
        let seat = inner.next;
        inner.next += 1;
        inner.calls.insert(seat, Call::Flying(None));
        Flight { flights: Arc::clone(self), seat }
    }

    /// Cuts all calls that fly, counted as calls that `arming` hit; who is to be woken for it.
    pub(crate) fn cut(&self, arming: &Arming) -> Vec<Waker> {
        let mut woken = Vec::new();
        for call in self.lock().calls.values_mut() {
            if let Call::Flying(waker) = call {
                woken.extend(waker.take());
                *call = Call::Cut(arming.cut());
            }
        }
        woken
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call's place among those in flight, given back on drop.
pub(crate) struct Flight {
    flights: Arc<Flights>,
    seat: u64,
}

impl Flight {
    /// What cut the call, if anything did; if not, `waker` is woken when it is cut.
    pub(crate) fn poll_cut(&self, waker: &Waker) -> Option<Injected> {
        // Cloned here and dropped below, outside of the lock: both are the executor's code.
        let ours = waker.clone();
        let mut inner = self.flights.lock();
        let replaced = match inner.calls.get_mut(&self.seat) {
            Some(Call::Cut(injected)) => return Some(injected.clone()),
            Some(Call::Flying(waker)) => waker.replace(ours),
            None => None,
        };
        drop(inner);
        drop(replaced);
        None
    }
}

impl Flight {
    /// Ends the flight: nothing cuts it any more. What had cut it by then, if anything did.
    pub(crate) fn land(&self) -> Option<Injected> {
        let call = self.flights.lock().calls.remove(&self.seat);
        match call {
            Some(Call::Cut(injected)) => Some(injected),
            Some(Call::Flying(_)) | None => None,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.land();
    }
}
