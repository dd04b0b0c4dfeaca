//! The operating system's clocks, and the one thread that serves their timers.

// This is the room where the real clocks are read, so that no other has to.
#![allow(clippy::disallowed_methods)]

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use super::queue::{Queue, TimerId};
#[cfg(any(target_os = "linux", target_os = "android"))]
mod os {
    use core::time::Duration;
    use std::sync::OnceLock;

    use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

    use crate::Instant;

    // The kernel keeps both fields of a monotonic reading in range and not negative.
    #[allow(clippy::cast_sign_loss)]
    fn nanos(time: Timespec) -> u64 {
        (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
    }

    pub(in crate::clock) fn now() -> Instant {
        Instant::from_nanos(nanos(clock_gettime(ClockId::Monotonic)))
    }

    pub(in crate::clock) fn coarse_now() -> Instant {
        Instant::from_nanos(nanos(clock_gettime(ClockId::MonotonicCoarse)))
    }

    pub(in crate::clock) fn coarse_resolution() -> Duration {
        static RESOLUTION: OnceLock<Duration> = OnceLock::new();
        // It is the kernel's tick, and stays so.
        let ask = || Duration::from_nanos(nanos(clock_getres(ClockId::MonotonicCoarse)));
        *RESOLUTION.get_or_init(ask)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod os {
    use core::time::Duration;
    use std::sync::OnceLock;

    use crate::Instant;

    pub(in crate::clock) fn now() -> Instant {
        static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
        Instant::ORIGIN + ORIGIN.get_or_init(std::time::Instant::now).elapsed()
    }

    pub(in crate::clock) fn coarse_now() -> Instant {
        now()
    }

    pub(in crate::clock) fn coarse_resolution() -> Duration {
        Duration::ZERO
    }
}

pub(super) use os::{coarse_now, coarse_resolution, now};

pub(super) fn wall() -> SystemTime {
    SystemTime::now()
}

/// The timers of every system clock in the process.
pub(super) struct Timers {
    queue: Mutex<Queue>,
    earlier: Condvar,
}

impl Timers {
    /// The timers, with their thread running; `None` where the system refuses a thread.
    pub(super) fn running() -> Option<&'static Self> {
        static TIMERS: OnceLock<Option<&'static Timers>> = OnceLock::new();
        *TIMERS.get_or_init(|| {
            let timers: &'static Self = Box::leak(Box::new(Self {
                queue: Mutex::new(Queue::default()),
                earlier: Condvar::new(),
            }));
            let thread = std::thread::Builder::new().name("rely-timers".into());
            thread.spawn(|| timers.serve()).ok().map(|_| timers)
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the thread that a timer may now be due before the one it waits for.
    pub(super) fn notify(&self) {
        self.earlier.notify_one();
    }

    pub(super) fn remove(&self, id: TimerId) {
        // The waker is dropped after the lock is released: its drop is the executor's code.
        let waker = self.lock().remove(id);
        drop(waker);
    }

    fn serve(&self) {
        let mut queue = self.lock();
        loop {
            let due = queue.take_due(now());
            if due.is_empty() {
                queue = match queue.next_deadline() {
                    None => self.earlier.wait(queue).unwrap_or_else(PoisonError::into_inner),
                    Some(deadline) => {
                        let wait = deadline.saturating_since(now()).max(Duration::from_nanos(1));
                        let woken = self.earlier.wait_timeout(queue, wait);
                        woken.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            } else {
                drop(queue);
                for waker in due {
                    // A panicking waker must not take everybody's timers with it.
                    let wake = std::panic::AssertUnwindSafe(|| waker.wake());
                    drop(std::panic::catch_unwind(wake));
                }
                queue = self.lock();
            }
        }
    }
}
