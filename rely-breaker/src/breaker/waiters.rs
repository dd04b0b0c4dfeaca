//! Who is to be woken when the breaker changes.

use core::task::{Context, Waker};

use crate::Breaker;
use crate::sync::{Mutex, lock};

/// The wakers of those who wait for a change, each in a place that belongs to who waits.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<List>);

#[derive(Default)]
struct List {
    wakers: Vec<Option<Waker>>,
    /// The places that belong to nobody.
    free: Vec<usize>,
}

impl Waiters {
    pub(super) fn wake_all(&self) {
        let wakers: Vec<_> = lock(&self.0).wakers.iter_mut().filter_map(Option::take).collect();
        // Woken without the lock: it is the executor's code.
        for waker in wakers {
            waker.wake();
        }
    }
}

/// One who waits. Dropped, it waits no more.
pub(crate) struct Waiter {
    breaker: Breaker,
    place: usize,
}

impl Waiter {
    pub(crate) fn new(breaker: Breaker) -> Self {
        let mut list = lock(&breaker.waiters().0);
        let place = list.free.pop().unwrap_or_else(|| {
            list.wakers.push(None);
            list.wakers.len() - 1
        });
        drop(list);
        Self { breaker, place }
    }

    /// Has the task of `cx` woken at the next change, once. What is to be waited for has to be looked
    /// at after this: it may have come before.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let list = || lock(&self.breaker.waiters().0);
        let is_known = |list: &List| {
            list.wakers[self.place].as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
        };
        if is_known(&list()) {
            return;
        }
        // Cloned and dropped without the lock: it is the executor's code.
        let waker = cx.waker().clone();
        let old = list().wakers[self.place].replace(waker);
        drop(old);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut list = lock(&self.breaker.waiters().0);
        let waker = list.wakers[self.place].take();
        list.free.push(self.place);
        drop(list);
        drop(waker);
    }
}

impl Breaker {
    fn waiters(&self) -> &Waiters {
        &self.shared().rare().waiters
    }

    #[cfg(test)]
    #[cfg(not(rely_loom))]
    pub(crate) fn waiting(&self) -> usize {
        let list = lock(&self.waiters().0);
        list.wakers.len() - list.free.len()
    }
}

impl core::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Waiter").finish_non_exhaustive()
    }
}
