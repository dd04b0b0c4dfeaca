use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use rely_core::{Instant, Outcome};

use crate::breaker::Shared;

/// Permission to make one call; say what became of it.
///
/// It carries the generation that admitted the call. Dropped without a word, the call is
/// [cancelled](crate::Cancelled): by default that counts for nothing, and a trial call's place goes
/// to another call. Dropped while its thread panics, it is a failure.
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct Permit {
    shared: Arc<Shared>,
    generation: u64,
    start: Instant,
    trial: bool,
    open: bool,
}

impl Permit {
    #[inline]
    pub(crate) fn new(shared: Arc<Shared>, generation: u64, trial: bool) -> Self {
        let start = shared.start();
        Self { shared, generation, start, trial, open: true }
    }

    /// A permit whose call counts for nothing, whatever it comes to.
    pub(crate) const fn uncounted(shared: Arc<Shared>, generation: u64) -> Self {
        Self { shared, generation, start: Instant::ORIGIN, trial: false, open: false }
    }

    /// Says what the call came to. Ignored and rejected calls count for nothing; neither do
    /// cancelled ones, unless [configured](crate::Cancelled).
    ///
    /// Where slow calls open the breaker, its clock says how long the call took: since the permit
    /// was given.
    #[inline]
    pub fn record(mut self, outcome: Outcome) {
        self.settle(outcome, None);
    }

    /// Says what the call came to, and how long it took: for a caller that knows better than the
    /// breaker's clock, because it has measured the call alone or because the other side has.
    pub fn record_after(mut self, outcome: Outcome, latency: Duration) {
        self.settle(outcome, Some(latency));
    }

    /// The call went well.
    #[inline]
    pub fn success(self) {
        self.record(Outcome::SUCCESS);
    }

    /// The call failed.
    pub fn failure(self) {
        self.record(Outcome::FAILURE);
    }

    /// Whether it is one of the few calls that a half-open breaker lets through.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.trial
    }

    /// The generation that admitted the call.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    #[inline]
    fn settle(&mut self, outcome: Outcome, latency: Option<Duration>) {
        if core::mem::take(&mut self.open) {
            if outcome.class.is_counted() {
                let slow = self.shared.is_slow(self.start, latency);
                self.shared.ended(self.generation, self.trial, outcome.class, slow);
            } else {
                let slow = || self.shared.is_slow(self.start, latency);
                self.shared.ended_uncounted(self.generation, self.trial, outcome.class, slow);
            }
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.open {
            let panics = std::thread::panicking();
            self.settle(if panics { Outcome::FAILURE } else { Outcome::CANCELLED }, None);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("generation", &self.generation)
            .field("trial", &self.trial)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use core::time::Duration;

    use rely_core::{Clock, Instant, Ratio};

    use crate::Breaker;

    #[test]
    fn the_clock_is_read_only_where_slow_calls_are_asked_for() {
        let (clock, manual) = Clock::manual();
        manual.advance(Duration::from_secs(1));
        let builder = Breaker::builder("queue").consecutive_failures(3).clock(clock);
        let start = |breaker: &Breaker| breaker.acquire().unwrap().start;
        assert_eq!(start(&builder.clone().build().unwrap()), Instant::ORIGIN);
        let timed = builder.slow_calls(Duration::from_secs(1), Ratio::ONE).build().unwrap();
        assert_eq!(start(&timed), Instant::ORIGIN + Duration::from_secs(1));
    }
}
