//! How old the data is that users see.

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use rely_core::{ConfigError, Instant, config};

use super::source::Progress;

/// Data that has to be no older than a limit: time is cut into slices, and a slice is good if the data
/// was fresh at its end. Cloning is cheap, and the clones share one count.
///
/// The age counts from the moment of which the data tells, not from when it came in. Before the first
/// data nothing counts. Slices follow each other, so bad ones come together; the chance of few bad
/// events (see [`SloConfig::confidence`](super::SloConfig::confidence)) takes them for independent.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Clock;
/// use rely_detect::slo::{Freshness, Slo};
///
/// let second = Duration::from_secs(1);
/// let (clock, manual) = Clock::manual();
/// let prices = Freshness::new(second * 60, second * 10)?;
/// let slo = Slo::builder("prices").clock(clock.clone()).freshness(&prices).build()?;
/// prices.updated(clock.now(), clock.now());
/// manual.advance(second * 100);
/// // Good at 10 … 60 s, bad at 70 … 100 s.
/// assert_eq!((prices.good(clock.now()), prices.bad(clock.now())), (6, 4));
/// # let _ = slo;
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Freshness(Arc<Mutex<Machine>>);

#[derive(Debug)]
struct Machine {
    limit: Duration,
    /// Nanoseconds, over zero.
    slice: u64,
    newest: Option<Instant>,
    /// Slices up to this one are counted.
    slices: u64,
    at: Instant,
    progress: Progress,
}

impl Freshness {
    /// Data may be as old as `limit`, and that is looked at once in every `slice`.
    ///
    /// # Errors
    /// `limit`, if it is zero, or `slice`, if it is zero or longer than the limit.
    pub fn new(limit: Duration, slice: Duration) -> Result<Self, ConfigError> {
        config::nonzero("limit", limit)?;
        config::in_range("slice", slice, Duration::from_nanos(1)..=limit)?;
        let slice = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
        let progress = Progress { bad: 0, good: 0, seen: Some(Duration::ZERO) };
        let (newest, at) = (None, Instant::ORIGIN);
        let machine = Machine { limit, slice, newest, slices: 0, at, progress };
        Ok(Self(Arc::new(Mutex::new(machine))))
    }

    /// At `now`, data came in that tells of the moment `of`. Older data than is there changes nothing.
    pub fn updated(&self, now: Instant, of: Instant) {
        self.with(now, |machine| {
            // Data from the future is as fresh as can be, and no fresher.
            machine.newest = machine.newest.max(Some(of.min(now)));
        });
    }

    /// The good slices up to `now`.
    #[must_use]
    pub fn good(&self, now: Instant) -> u64 {
        self.progress(now).good
    }

    /// The bad slices up to `now`.
    #[must_use]
    pub fn bad(&self, now: Instant) -> u64 {
        self.progress(now).bad
    }

    pub(super) fn progress(&self, now: Instant) -> Progress {
        self.with(now, |machine| machine.progress)
    }

    fn with<T>(&self, now: Instant, then: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        machine.advance(now);
        then(&mut machine)
    }
}

impl Machine {
    fn advance(&mut self, now: Instant) {
        if now <= self.at {
            return;
        }
        let time = now - self.at;
        self.at = now;
        let before = self.slices;
        self.slices = now.as_nanos() / self.slice;
        let Some(newest) = self.newest else { return };
        // The ends of slices that come no later than when the data grows too old.
        let fresh = (newest + self.limit).as_nanos() / self.slice;
        let good = fresh.clamp(before, self.slices) - before;
        self.progress.good = self.progress.good.saturating_add(good);
        self.progress.bad = self.progress.bad.saturating_add(self.slices - before - good);
        self.progress.seen = self.progress.seen.map(|seen| seen.saturating_add(time));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_slice_is_what_a_look_at_its_end_says(
            steps in prop::collection::vec((1..40_u64, 0..60_u64, any::<bool>()), 1..60),
            limit in 5..50_u64,
            slice in 1..5_u64,
        ) {
            let at = Instant::from_nanos;
            let nanos = Duration::from_nanos;
            let freshness = Freshness::new(nanos(limit), nanos(slice)).unwrap();
            let (mut now, mut newest, mut expected) = (0, None, (0, 0));
            for (step, age, ask) in steps {
                for tick in now + 1..=now + step {
                    if let (0, Some(newest)) = (tick % slice, newest) {
                        if tick - newest <= limit { expected.0 += 1 } else { expected.1 += 1 }
                    }
                }
                now += step;
                if ask {
                    prop_assert_eq!((freshness.good(at(now)), freshness.bad(at(now))), expected);
                }
                newest = newest.max(Some(now.saturating_sub(age)));
                freshness.updated(at(now), at(now.saturating_sub(age)));
            }
            prop_assert_eq!((freshness.good(at(now)), freshness.bad(at(now))), expected);
        }
    }

    #[test]
    fn nothing_counts_before_the_first_data_and_the_past_changes_nothing() {
        let (at, nanos) = (Instant::from_nanos, Duration::from_nanos);
        let freshness = Freshness::new(nanos(20), nanos(10)).unwrap();
        assert_eq!((freshness.good(at(100)), freshness.bad(at(100))), (0, 0));
        freshness.updated(at(100), at(500));
        assert_eq!((freshness.good(at(150)), freshness.bad(at(150))), (2, 3));
        freshness.updated(at(120), at(120));
        assert_eq!((freshness.good(at(150)), freshness.bad(at(150))), (2, 3));
        assert_eq!(Freshness::new(nanos(0), nanos(1)).unwrap_err().field(), "limit");
        assert_eq!(Freshness::new(nanos(5), nanos(6)).unwrap_err().field(), "slice");
    }
}
