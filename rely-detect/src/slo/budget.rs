//! How much of an error budget is left, and how long it lasts.

use core::time::Duration;

use rely_core::Instant;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::counters::{Counters, Seen};

/// An error budget, in bad events.
///
/// How many events a period will have is not known before its end: what has not been seen of it counts
/// for events as frequent as in the longest window, all good.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// So many bad events the period may have.
    pub total: f64,
    /// So many it has had.
    pub spent: u64,
    /// All events that it has had.
    pub events: u64,
    /// So many bad ones it may still have; under zero where it is overspent.
    pub remaining: f64,
    /// The same as a share of the total, at most 1.
    pub share: f64,
    /// How many times faster than would just use it up by the end of the period it burns, in the long
    /// window of the pair with the shortest short one; `None` if that saw nothing.
    pub burn_rate: Option<f64>,
    /// When it was used up, or will be if it burns on as in that window; `None` if it lasts for the
    /// calendar's period, or nothing burns.
    pub exhausted_at: Option<Instant>,
    /// The same if it burns on as in the longest window; `None` if too little of that was seen.
    pub trend: Option<Trend>,
    /// The share of the period so far in which events would have been seen.
    pub coverage: f64,
}

/// When a budget will be used up if it burns on as it did in the longest window.
///
/// That window is cut into twelve parts. Their mean and the 90 % interval of Student's t around it
/// (Student: "The probable error of a mean", Biometrika 6, 1908) give the three times, so that bad
/// events that come in bursts widen the interval. What falls out of a rolling period in the meantime is
/// left out of account: the times are rather too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trend {
    /// By the mean; `None` if it lasts for the calendar's period, or nothing burns.
    pub at: Option<Instant>,
    /// By the upper end of the interval.
    pub earliest: Option<Instant>,
    /// By the lower end; `None` also if it may last for ever.
    pub latest: Option<Instant>,
}

/// How an objective did in a period that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PeriodRecord {
    /// When it began, or its counting did, in seconds since 1970-01-01T00:00:00Z.
    pub from_unix_seconds: i64,
    /// When it ended.
    pub until_unix_seconds: i64,
    /// Its good events.
    pub good: u64,
    /// Its bad events.
    pub bad: u64,
    /// The share of its budget that was left, under zero where it was overspent; `None` without events.
    pub share: Option<f64>,
    /// The share of the whole period in which events would have been seen.
    pub coverage: f64,
}

/// Into so many parts the longest window is cut.
const PARTS: u32 = 12;

/// What a budget is reckoned from.
pub(super) struct Basis<'a> {
    pub(super) now: Instant,
    /// What was seen of the period so far.
    pub(super) period: Seen,
    pub(super) length: Duration,
    /// When it ends, if it is one of the calendar.
    pub(super) until: Option<Instant>,
    /// The share of events that may be bad, over zero.
    pub(super) allowed: f64,
    pub(super) fast: Seen,
    pub(super) longest: Duration,
    pub(super) counters: &'a Counters,
    pub(super) spent_at: Option<Instant>,
}

impl Basis<'_> {
    /// Nothing without events.
    pub(super) fn budget(&self) -> Option<Budget> {
        let calls = self.period.calls;
        let usual = self.counters.within(self.longest);
        let usual = usual.per_second(usual.calls.counted());
        let rest = self.length.saturating_sub(self.period.time).as_secs_f64();
        let total = self.allowed * (calls.counted() as f64 + usual * rest);
        if total <= 0.0 {
            return None;
        }
        let remaining = total - calls.bad() as f64;
        let share = remaining / total;
        let at = |bad_per_second: f64| self.exhausted_at(remaining, bad_per_second);
        Some(Budget {
            total,
            spent: calls.bad(),
            events: calls.counted(),
            remaining,
            share,
            burn_rate: self.fast.calls.share().map(|share| share / self.allowed),
            exhausted_at: at(self.fast.per_second(self.fast.calls.bad())),
            trend: self.rates().map(|[lower, mean, upper]| Trend {
                at: at(mean),
                earliest: at(upper),
                latest: at(lower),
            }),
            // A period that has just begun lacks nothing.
            coverage: if self.period.span.is_zero() { 1.0 } else { self.period.coverage() },
        })
    }

    fn exhausted_at(&self, remaining: f64, bad_per_second: f64) -> Option<Instant> {
        if remaining <= 0.0 {
            return Some(self.spent_at.unwrap_or(self.now));
        }
        if bad_per_second <= 0.0 {
            return None;
        }
        let left = Duration::try_from_secs_f64(remaining / bad_per_second).ok()?;
        let at = self.now + left;
        (at < self.until.unwrap_or(Instant::MAX)).then_some(at)
    }

    /// Bad events a second: the lower end of the interval, the mean, and the upper end.
    fn rates(&self) -> Option<[f64; 3]> {
        let parts = self.counters.parts(self.longest, PARTS);
        let rates: Vec<f64> = parts
            .filter(|part| part.coverage() >= 0.5)
            .map(|part| part.per_second(part.calls.bad()))
            .collect();
        // With a third of the window a spread says something.
        if rates.len() < PARTS as usize / 3 {
            return None;
        }
        let n = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / n;
        let squares: f64 = rates.iter().map(|rate| (rate - mean).powi(2)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        let quantile = StudentsT::new(0.0, 1.0, n - 1.0).ok()?.inverse_cdf(0.95);
        Some([mean - quantile * error, mean, mean + quantile * error])
    }
}
