//! One fault at one point, from being armed to its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use rely_core::{Clock, Instant};

use crate::draw::Draw;
use crate::{End, Fault, Injected, Report};

pub(crate) struct Arming {
    pub(crate) point: Arc<str>,
    pub(crate) clock: Clock,
    pub(crate) fault: Fault,
    pub(crate) armed_at: Instant,
    pub(crate) expires: Instant,
    draw: Draw,
    calls: AtomicU64,
    fired: AtomicU64,
    cut: AtomicU64,
    ending: Mutex<Ending>,
}

/// How it ended, or who waits for it to end.
#[derive(Default)]
struct Ending {
    end: Option<End>,
    next: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl Arming {
    pub(crate) fn new(
        point: Arc<str>,
        clock: Clock,
        fault: Fault,
        (armed_at, expires): (Instant, Instant),
        draw: Draw,
    ) -> Self {
        let (calls, fired, cut, ending) = Default::default();
        Self { point, clock, fault, armed_at, expires, draw, calls, fired, cut, ending }
    }

    /// Counts a call; its number if it is hit.
    pub(crate) fn draw(&self) -> Option<u64> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let hit = self.draw.hits(call, self.fault.share);
        hit.then(|| {
            self.fired.fetch_add(1, Ordering::Release);
            call
        })
    }

    /// Counts a call that was in flight before this fault and is cut by it.
    pub(crate) fn cut(&self) -> Injected {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        self.cut.fetch_add(1, Ordering::Relaxed);
        self.fired.fetch_add(1, Ordering::Release);
        self.injected(call)
    }

    fn injected(&self, call: u64) -> Injected {
        Injected::new(Arc::clone(&self.point), call, self.fault.effect)
    }

    /// Marks the end and hands out everybody who waited for it, to be woken outside of any lock.
    pub(crate) fn end(&self, end: End) -> BTreeMap<u64, Waker> {
        let mut ending = self.ending();
        ending.end = Some(end);
        core::mem::take(&mut ending.waiting)
    }

    pub(crate) fn report(&self) -> Report {
        let end = self.ending().end;
        // Fired first: so that it never shows more than the calls.
        let fired = self.fired.load(Ordering::Acquire);
        Report {
            point: (*self.point).to_owned(),
            fault: self.fault,
            armed_at: self.armed_at,
            expires: self.expires,
            calls: self.calls.load(Ordering::Relaxed),
            fired,
            cut: self.cut.load(Ordering::Relaxed),
            end,
        }
    }

    fn ending(&self) -> MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was hit.
pub(crate) struct Strike {
    pub(crate) arming: Arc<Arming>,
    pub(crate) call: u64,
}

impl Strike {
    pub(crate) fn injected(&self) -> Injected {
        self.arming.injected(self.call)
    }
}

/// A place among those who wait for the end of a fault, given back on drop.
pub(crate) struct Place {
    arming: Arc<Arming>,
    place: Option<u64>,
}

impl Place {
    pub(crate) const fn new(arming: Arc<Arming>) -> Self {
        Self { arming, place: None }
    }

    /// Whether the fault has ended; if not, `waker` is woken when it does.
    pub(crate) fn poll_ended(&mut self, waker: &Waker) -> bool {
        // Cloned here and dropped below, outside of the lock: both are the executor's code.
        let ours = waker.clone();
        let mut ending = self.arming.ending();
        if ending.end.is_some() {
            return true;
        }
        let place = *self.place.get_or_insert_with(|| {
            ending.next += 1;
            ending.next
        });
        let replaced = ending.waiting.insert(place, ours);
        drop(ending);
        drop(replaced);
        false
    }

    pub(crate) fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            let waker = self.arming.ending().waiting.remove(&place);
            drop(waker);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}
