use core::fmt;
use core::task::Waker;
use std::sync::Arc;

/// The readers to wake after a push, and what the push displaced.
///
/// Let go of your own lock, then call [`Wakes::wake`] or drop it, which is the same.
///
/// ```
/// use std::sync::Mutex;
/// use rely_core::Events;
///
/// let (state, events) = (Mutex::new(0), Events::new());
/// let mut held = state.lock().unwrap();
/// *held += 1;
/// let wakes = events.push_with(|| *held);
/// drop(held);
/// wakes.wake();
/// ```
#[must_use = "readers wake when this is dropped, so keep it until your lock is released"]
pub struct Wakes<E> {
    wakers: Vec<Waker>,
    displaced: Vec<Arc<E>>,
}

impl<E> Wakes<E> {
    /// Nothing to wake.
    pub const fn none() -> Self {
        Self { wakers: Vec::new(), displaced: Vec::new() }
    }

    /// Wakes the readers.
    pub fn wake(self) {
        drop(self);
    }

    /// Takes over the readers of another push, to wake all of them at once.
    pub fn merge(&mut self, mut other: Self) {
        self.wakers.append(&mut other.wakers);
        self.displaced.append(&mut other.displaced);
    }

    pub(super) fn add(&mut self, reader: Option<Waker>) {
        self.wakers.extend(reader);
    }

    /// Keeps an event that may be the last of its kind, so that its destructor runs with the wakers.
    pub(super) fn dispose(&mut self, event: impl Into<Option<Arc<E>>>) {
        self.displaced.extend(event.into());
    }
}

impl<E> Drop for Wakes<E> {
    fn drop(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

impl<E> Default for Wakes<E> {
    fn default() -> Self {
        Self::none()
    }
}

impl<E> fmt::Debug for Wakes<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakes").field("readers", &self.wakers.len()).finish_non_exhaustive()
    }
}
