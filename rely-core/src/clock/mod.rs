//! The one way in for time.
//!
//! Everything in the family that depends on time takes an [`Instant`] as a value; the shells get it
//! from a [`Clock`]. There are three, and they differ in nothing but where time comes from:
//!
//! | clock | reads | timers run on | for |
//! |---|---|---|---|
//! | [`Clock::system`] | the operating system's monotonic clock | one helper thread, started by the first timer that is polled | production, any executor or none |
//! | [`Clock::tokio`] (feature `tokio`) | tokio's clock | tokio's timer wheel | production on tokio; tests with paused time |
//! | [`Clock::manual`] | what the test sets | [`ManualClock::advance`] | tests and simulations |
//!
//! ```
//! use core::time::Duration;
//! use rely_core::Clock;
//!
//! let (clock, manual) = Clock::manual();
//! let start = clock.now();
//! manual.advance(Duration::from_secs(3600));
//! assert_eq!(clock.now() - start, Duration::from_secs(3600));
//! ```
//!
//! # The coarse reading
//!
//! [`Clock::coarse_now`] is for hot paths that only pick a window's bucket or compare with a
//! deadline. On Linux and Android the system clock takes it from `CLOCK_MONOTONIC_COARSE`: the same
//! time line as [`Clock::now`], behind it by at most [`Clock::coarse_resolution`] (the kernel's
//! tick, 1 to 10 ms), for about a fifth of the cost. Every other combination gives the precise
//! reading. No thread ticks in the background.

mod manual;
mod queue;
mod sleep;
mod system;
#[cfg(feature = "tokio")]
mod tokio;

use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

pub use self::manual::ManualClock;
pub use self::sleep::Sleep;
use crate::Instant;

/// A source of time: readings and timers. Cloning is cheap.
///
/// See the [module's documentation](self) for which one to take.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    #[cfg(feature = "tokio")]
    Tokio,
    Manual(Arc<manual::Shared>),
}

impl Clock {
    /// The operating system's monotonic clock; this is also the default.
    ///
    /// Its origin is the system's (on Linux: boot), the same for every such clock in the process.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// Tokio's clock: it stands still and jumps with tokio's paused time.
    ///
    /// Reading works anywhere; its timers must be polled inside a tokio runtime with time enabled.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    #[must_use]
    pub const fn tokio() -> Self {
        Self(Source::Tokio)
    }

    /// A clock that moves only when told, and the handle that moves it.
    ///
    /// It starts at [`Instant::ORIGIN`]; its wall time starts at the Unix epoch.
    #[must_use]
    pub fn manual() -> (Self, ManualClock) {
        let shared = Arc::new(manual::Shared::default());
        (Self(Source::Manual(Arc::clone(&shared))), ManualClock::new(shared))
    }

    /// The time now, as exact as the source can tell.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => system::now(),
            #[cfg(feature = "tokio")]
            Source::Tokio => tokio::now(),
            Source::Manual(shared) => shared.now(),
        }
    }

    /// The time now or a little earlier, by at most [`Clock::coarse_resolution`]; cheaper.
    #[must_use]
    pub fn coarse_now(&self) -> Instant {
        match &self.0 {
            Source::System => system::coarse_now(),
            #[cfg(feature = "tokio")]
            Source::Tokio => tokio::now(),
            Source::Manual(shared) => shared.now(),
        }
    }

    /// How far [`Clock::coarse_now`] may lie behind [`Clock::now`]; zero where both are the same.
    #[must_use]
    pub fn coarse_resolution(&self) -> Duration {
        match &self.0 {
            Source::System => system::coarse_resolution(),
            #[cfg(feature = "tokio")]
            Source::Tokio => Duration::ZERO,
            Source::Manual(_) => Duration::ZERO,
        }
    }

    /// The calendar time now: for journals, reports and calendars, never for deadlines.
    ///
    /// With paused or manual time it moves along with [`Clock::now`].
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            Source::System => system::wall(),
            #[cfg(feature = "tokio")]
            Source::Tokio => tokio::wall(),
            Source::Manual(shared) => shared.wall(),
        }
    }

    /// A future that is ready once `duration` has passed; zero is ready at once.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// A future that is ready once the clock reads `deadline` or later.
    ///
    /// Nothing happens before it is polled. Dropping it forgets the timer.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(self.clone(), deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_never_goes_back_and_the_coarse_reading_stays_close() {
        let clock = Clock::system();
        let mut before = clock.now();
        for _ in 0..10_000 {
            let coarse = clock.coarse_now();
            let now = clock.now();
            assert!(now >= before);
            assert!(now >= coarse, "{now:?} {coarse:?}");
            before = now;
        }
        // A coarse reading that is taken after a precise one lags it by a tick at most.
        let precise = clock.now();
        let coarse = clock.coarse_now();
        assert!(coarse + clock.coarse_resolution() * 2 >= precise);
    }

    #[test]
    fn the_default_is_the_system_clock() {
        assert!(matches!(Clock::default().0, Source::System));
        assert!(Clock::default().wall() > SystemTime::UNIX_EPOCH);
    }
}
