use core::time::Duration;

use rely_core::Instant;

use super::Breaker;
use crate::machine::Event;

/// By hand.
///
/// Each command begins a new generation, so calls that are under way count for nothing in it, and its
/// change goes to subscribers. Forcing or disabling what is so already changes nothing.
///
/// ```
/// use core::time::Duration;
/// use rely_breaker::{Breaker, RejectedReason, State};
/// use rely_core::Clock;
///
/// let (clock, manual) = Clock::manual();
/// let breaker = Breaker::builder("queue").trials(1).clock(clock).build()?;
///
/// breaker.force_open();
/// let rejected = breaker.acquire().unwrap_err();
/// assert_eq!((rejected.reason, rejected.retry_after), (RejectedReason::ForcedOpen, None));
///
/// breaker.open_for(Duration::from_secs(60));
/// manual.advance(Duration::from_secs(60));
/// breaker.acquire().expect("a trial").success();
/// assert_eq!(breaker.state(), State::Closed);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
impl Breaker {
    /// Rejects every call until told otherwise; time does not end it. In shadow it rejects nothing,
    /// as ever.
    pub fn force_open(&self) {
        self.command(Event::ForceOpen);
    }

    /// Lets every call through until told otherwise, and counts it, but trips by no rule.
    pub fn force_closed(&self) {
        self.command(Event::ForceClosed);
    }

    /// Lets every call through until told otherwise, and counts nothing: not even that one was
    /// cancelled, or came late.
    pub fn disable(&self) {
        self.command(Event::Disable);
    }

    /// Opens for `time` from now on, whatever the state; then it is half-open, as after a trip.
    /// Zero is half-open at once.
    pub fn open_for(&self, time: Duration) {
        self.open_until(self.shared().clock.now() + time);
    }

    /// Opens until an instant of the breaker's clock, as [`Breaker::open_for`] does; one that has
    /// passed is half-open at once.
    pub fn open_until(&self, until: Instant) {
        self.command(Event::OpenUntil(until));
    }

    /// Closes the breaker and forgets what it held against the other side; ends what was forced or
    /// disabled.
    pub fn reset(&self) {
        self.command(Event::Reset);
    }

    fn command(&self, event: Event) {
        self.shared().step(event);
    }
}
