//! From counters to rates.

use core::time::Duration;

use rely_core::{ConfigError, Instant, config};

use crate::Sample;

/// Turns the readings of a counter that only grows into rates.
///
/// | reading | what comes of it |
/// |---|---|
/// | the first one | nothing yet |
/// | as high as the one before, or higher | the rate over the time between |
/// | lower | the counter was reset in between: it has counted the whole of the reading since |
/// | after a gap | the mean rate over the gap, with the coverage that it has |
/// | at the time of the one before, or a little earlier | nothing: a duplicate, or late |
/// | earlier by more than ten steps | nothing: the clock was set back, and it begins anew |
/// | negative, or no number | nothing |
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_detect::Counter;
///
/// let mut counter = Counter::new(Duration::from_secs(10))?;
/// let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
/// assert_eq!(counter.observe(at(10), 500.0), None);
/// let rate = counter.observe(at(20), 620.0).expect("two readings");
/// assert_eq!((rate.per_second, rate.delta, rate.coverage), (12.0, 120.0, 1.0));
/// let rate = counter.observe(at(40), 30.0).expect("a restart is no gap");
/// assert_eq!((rate.per_second, rate.reset, rate.coverage), (1.5, true, 0.5));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, try_from = "stored::Counter")
)]
pub struct Counter {
    step: Duration,
    last: Option<(Instant, f64)>,
}

/// What was read may come from anywhere.
#[cfg(feature = "serde")]
mod stored {
    use super::{ConfigError, Duration, Instant};

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Counter {
        step: Duration,
        last: Option<(Instant, f64)>,
    }

    impl TryFrom<Counter> for super::Counter {
        type Error = ConfigError;

        fn try_from(Counter { step, last }: Counter) -> Result<Self, ConfigError> {
            if let Some((_, total)) = last.filter(|(_, total)| !super::is_total(*total)) {
                return Err(ConfigError::new("last", total, "at least 0"));
            }
            Ok(Self { last, ..Self::new(step)? })
        }
    }
}

/// What a [`Counter`] counted from one reading to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CounterRate {
    /// The time of the later reading.
    pub at: Instant,
    /// How many a second, in the mean.
    pub per_second: f64,
    /// How many; after a reset at least as many.
    pub delta: f64,
    /// What share of the readings that were due over that time is there, over 0 and at most 1. A rate
    /// of little coverage says little about any moment in it.
    pub coverage: f64,
    /// Whether the counter began anew in between; what it counted before that is lost.
    pub reset: bool,
}

impl CounterRate {
    /// The rate per second as a sample, which sums up what was counted.
    #[must_use]
    pub fn sample(&self) -> Sample {
        Sample::new(self.at, self.per_second)
    }
}

/// A reading earlier by more steps than this is no late one: the clock was set back.
const SET_BACK: u32 = 10;

fn is_total(total: f64) -> bool {
    (0.0..=Sample::LIMIT).contains(&total)
}

impl Counter {
    /// For a counter that is read each `step`.
    ///
    /// # Errors
    /// If the step is zero.
    pub fn new(step: Duration) -> Result<Self, ConfigError> {
        Ok(Self { step: config::nonzero("step", step)?, last: None })
    }

    /// Takes in a reading, and says what was counted since the one before.
    pub fn observe(&mut self, at: Instant, total: f64) -> Option<CounterRate> {
        if !is_total(total) {
            return None;
        }
        let Some((last, before)) = self.last else {
            self.last = Some((at, total));
            return None;
        };
        if at <= last {
            if last - at > self.step.saturating_mul(SET_BACK) {
                self.last = Some((at, total));
            }
            return None;
        }
        self.last = Some((at, total));
        let reset = total < before;
        let delta = if reset { total } else { total - before };
        let passed = (at - last).as_secs_f64();
        let coverage = (self.step.as_secs_f64() / passed).min(1.0);
        Some(CounterRate { at, per_second: delta / passed, delta, coverage, reset })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STEP: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(seconds)
    }

    #[test]
    fn each_kind_of_reading_is_taken_for_what_it_is() {
        // Time, reading; delta, coverage, reset.
        let table = [
            (1000, 50.0, None),
            (1010, 50.0, Some((0.0, 1.0, false))),
            (1010, 90.0, None),
            (1005, 90.0, None),
            (1012, 70.0, Some((20.0, 1.0, false))),
            (1052, 70.0, Some((0.0, 0.25, false))),
            (1062, f64::NAN, None),
            (1063, -1.0, None),
            (1064, f64::INFINITY, None),
            (1072, 8.0, Some((8.0, 0.5, true))),
            (1082, 0.0, Some((0.0, 1.0, true))),
            // Back by a little over ten steps: begins anew; by less: late.
            (982, 5.0, Some((0.0, 0.0, false))),
            (981, 400.0, None),
            (880, 400.0, None),
            (890, 430.0, Some((30.0, 1.0, false))),
        ];
        let mut counter = Counter::new(STEP).unwrap();
        for (seconds, total, expected) in table {
            let seen = counter.observe(at(seconds), total);
            if (seconds, total) == (982, 5.0) {
                assert_eq!(seen, None, "exactly ten steps back is late");
                continue;
            }
            let seen = seen.map(|rate| (rate.delta, rate.coverage, rate.reset));
            assert_eq!(seen, expected, "{seconds} {total}");
        }
    }

    #[test]
    fn a_step_of_zero_is_refused() {
        assert_eq!(Counter::new(Duration::ZERO).unwrap_err().field(), "step");
    }

    #[test]
    fn a_step_of_any_length_will_do() {
        let mut counter = Counter::new(Duration::MAX).unwrap();
        assert_eq!(counter.observe(at(10), 5.0), None);
        assert_eq!(counter.observe(at(9), 5.0), None);
        let rate = counter.observe(Instant::from_nanos(u64::MAX), 6.0).unwrap();
        assert_eq!((rate.delta, rate.coverage), (1.0, 1.0));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn what_was_stored_is_not_taken_on_trust() {
        let mut counter = Counter::new(STEP).unwrap();
        counter.observe(at(10), 5.0);
        let honest = serde_json::to_string(&counter).unwrap();
        assert_eq!(serde_json::from_str::<Counter>(&honest).unwrap(), counter);
        for (from, to) in [("\"secs\":10", "\"secs\":0"), ("5.0", "-5.0"), ("5.0", "1e300")] {
            let hostile = honest.replacen(from, to, 1);
            assert!(hostile != honest && serde_json::from_str::<Counter>(&hostile).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_counted_adds_up(steps in prop::collection::vec((1..100_u64, 0..1000_u32), 1..50)) {
            let mut counter = Counter::new(STEP).unwrap();
            let (mut seconds, mut total, mut sum) = (0, 7.0, 0.0);
            counter.observe(at(0), total);
            for (passed, grown) in &steps {
                seconds += passed;
                total += f64::from(*grown);
                let rate = counter.observe(at(seconds), total).unwrap();
                prop_assert!(rate.coverage > 0.0 && rate.coverage <= 1.0 && !rate.reset);
                sum += rate.per_second * *passed as f64;
            }
            prop_assert!((sum - (total - 7.0)).abs() < 1e-6 * total);
        }

        #[test]
        fn no_reading_gives_a_rate_below_zero(
            readings in prop::collection::vec((0..10_000_u64, any::<f64>()), 0..100),
        ) {
            let mut counter = Counter::new(STEP).unwrap();
            for (seconds, total) in readings {
                if let Some(rate) = counter.observe(at(seconds), total) {
                    prop_assert!(rate.per_second >= 0.0 && rate.per_second.is_finite());
                }
            }
        }
    }
}
