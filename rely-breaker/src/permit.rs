use core::fmt;
use core::mem::ManuallyDrop;
use core::time::Duration;

use rely_core::{Class, Instant, Outcome, Weight};

use crate::Breaker;
use crate::breaker::Shared;
use crate::word::Tag;

/// Permission to make one call; say what became of it.
///
/// It carries the generation that admitted the call. Dropped without a word, the call is
/// [cancelled](crate::Cancelled): by default that counts for nothing, and a trial call's place goes
/// to another call. Dropped while its thread panics, it is a failure.
///
/// It borrows the breaker; [`OwnedPermit`] does not.
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct Permit<'a>(pub(crate) Lease<&'a Shared>);

/// A [`Permit`] that keeps its breaker: for futures and tasks.
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct OwnedPermit(pub(crate) Lease<Breaker>);

macro_rules! say {
    ($($permit:tt)*) => {
        impl $($permit)* {
            /// Says what the call came to. Ignored and rejected calls count for nothing; neither do
            /// cancelled ones, unless [configured](crate::Cancelled).
            ///
            /// Where slow calls open the breaker, its clock says how long the call took: since the
            /// permit was given.
            #[inline]
            pub fn record(self, outcome: Outcome) {
                self.0.settle(outcome, None);
            }

            /// Says what the call came to, and how long it took: for a caller that knows better than
            /// the breaker's clock, because it has measured the call alone or because the other side
            /// has.
            pub fn record_after(self, outcome: Outcome, latency: Duration) {
                self.0.settle(outcome, Some(latency));
            }

            /// The call went well.
            #[inline]
            pub fn success(self) {
                self.0.succeed();
            }

            /// The call failed.
            pub fn failure(self) {
                self.record(Outcome::FAILURE);
            }

            /// Whether it is one of the few calls that a half-open breaker lets through.
            #[must_use]
            pub fn is_trial(&self) -> bool {
                self.0.tag.is_trial()
            }

            /// The generation that admitted the call.
            #[must_use]
            pub fn generation(&self) -> u64 {
                self.0.tag.generation()
            }
        }

        impl fmt::Debug for $($permit)* {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Permit")
                    .field("generation", &self.generation())
                    .field("trial", &self.is_trial())
                    .finish_non_exhaustive()
            }
        }
    };
}

say!(Permit<'_>);
say!(OwnedPermit);

/// Whoever knows the breaker of a permit.
pub(crate) trait Home {
    fn shared(&self) -> &Shared;
}

impl Home for &Shared {
    #[inline(always)]
    fn shared(&self) -> &Shared {
        self
    }
}

impl Home for Breaker {
    #[inline(always)]
    fn shared(&self) -> &Shared {
        self.shared()
    }
}

/// What both permits are.
pub(crate) struct Lease<H: Home> {
    /// Nothing once it has been said what became of the call.
    home: Option<H>,
    pub(crate) tag: Tag,
    start: Instant,
}

impl<H: Home> Lease<H> {
    #[inline(always)]
    pub(crate) const fn new(home: H, tag: Tag, start: Instant) -> Self {
        Self { home: Some(home), tag, start }
    }

    /// The breaker, the tag and the start, with nothing left to drop.
    #[inline(always)]
    pub(crate) fn end(self) -> (Option<H>, Tag, Instant) {
        // A permit that was taken apart must not be looked at again when it is dropped: that is nearly
        // half of what a call costs. Of its parts only the breaker has a drop, and that is taken out.
        let mut this = ManuallyDrop::new(self);
        (this.home.take(), this.tag, this.start)
    }

    #[inline(always)]
    fn succeed(self) {
        let (Some(home), tag, start) = self.end() else { return };
        let shared = home.shared();
        if !(tag.is_plain() && shared.succeeded(tag)) {
            shared.succeeded_otherwise(tag, start);
        }
    }

    #[inline(always)]
    fn settle(self, outcome: Outcome, latency: Option<Duration>) {
        let light = outcome.weight == Weight::ONE;
        if outcome.class == Class::Success && light && latency.is_none() {
            return self.succeed();
        }
        let (Some(home), tag, start) = self.end() else { return };
        home.shared().settle(tag, outcome, start, latency);
    }
}

impl<H: Home> Drop for Lease<H> {
    #[cold]
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            let panics = std::thread::panicking();
            let outcome = if panics { Outcome::FAILURE } else { Outcome::CANCELLED };
            home.shared().settle(self.tag, outcome, self.start, None);
        }
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
        let start = |breaker: &Breaker| breaker.acquire().unwrap().0.start;
        assert_eq!(start(&builder.clone().build().unwrap()), Instant::from_nanos(u64::MAX));
        let timed = builder.slow_calls(Duration::from_secs(1), Ratio::ONE).build().unwrap();
        assert_eq!(start(&timed), Instant::ORIGIN + Duration::from_secs(1));
    }
}
