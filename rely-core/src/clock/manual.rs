//! Time that moves only when told.

use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::queue::{Queue, TimerId};
use crate::Instant;

/// The hand on a [`Clock::manual`](super::Clock::manual) clock.
///
/// Moving it wakes every timer that came due, in order of deadline, before the call returns. It may
/// also be set back, to see what a clock that jumps does to the code under test.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Clock, Instant};
///
/// let (clock, manual) = Clock::manual();
/// manual.advance(Duration::from_millis(5));
/// manual.set(Instant::ORIGIN + Duration::from_secs(60));
/// assert_eq!(clock.now(), Instant::ORIGIN + Duration::from_secs(60));
/// assert_eq!(manual.next_timer(), None);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Shared>);

impl ManualClock {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Moves the clock forward by `step` and wakes the timers that came due.
    pub fn advance(&self, step: Duration) {
        let move_on = |now| Some((Instant::from_nanos(now) + step).as_nanos());
        let before = self.0.now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, move_on);
        self.wake_due(Instant::from_nanos(before.unwrap_or_else(|now| now)) + step);
    }

    /// Sets the clock to `now`, earlier or later, and wakes the timers that came due.
    pub fn set(&self, now: Instant) {
        self.0.now.store(now.as_nanos(), Ordering::SeqCst);
        self.wake_due(now);
    }

    fn wake_due(&self, now: Instant) {
        let due = self.0.lock().take_due(now);
        for waker in due {
            waker.wake();
        }
    }

    /// Moves the clock to the earliest timer and wakes it; `None`, and no move, if there is none.
    ///
    /// Stepping from timer to timer runs a simulation of days without missing an instant at which
    /// something happens.
    pub fn advance_to_next_timer(&self) -> Option<Instant> {
        let next = self.next_timer()?;
        self.set(next.max(self.0.now()));
        Some(next)
    }

    /// The deadline of the earliest timer that waits.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.0.lock().next_deadline()
    }

    /// How many timers wait.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.0.lock().len()
    }

    /// Sets the calendar time that the clock's origin stands for.
    pub fn set_wall_origin(&self, origin: SystemTime) {
        *self.0.wall_origin.lock().unwrap_or_else(PoisonError::into_inner) = origin;
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    now: AtomicU64,
    queue: Mutex<Queue>,
    wall_origin: Mutex<SystemTime>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            now: AtomicU64::new(0),
            queue: Mutex::default(),
            wall_origin: Mutex::new(SystemTime::UNIX_EPOCH),
        }
    }
}

impl Shared {
    pub(super) fn now(&self) -> Instant {
        Instant::from_nanos(self.now.load(Ordering::SeqCst))
    }

    pub(super) fn wall(&self) -> SystemTime {
        let origin = *self.wall_origin.lock().unwrap_or_else(PoisonError::into_inner);
        // A manual clock may be set past what the calendar can hold; it then stays at its origin.
        origin.checked_add(self.now().since_origin()).unwrap_or(origin)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remove(&self, id: TimerId) {
        let waker = self.lock().remove(id);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Clock;
    use super::*;

    #[test]
    fn threads_that_advance_the_clock_lose_no_step() {
        let (clock, manual) = Clock::manual();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20_000).for_each(|_| manual.advance(Duration::from_nanos(1))));
            }
        });
        assert_eq!(clock.now(), Instant::from_nanos(80_000));
    }
}
