//! What a source of judgement says, and for how long it holds.

use core::fmt;
use std::borrow::Cow;

use crate::Instant;

/// How well something is, as far as a source can tell. Exhaustive by nature.
///
/// Ordered from best to worst, with `Unknown` last: nothing that takes the worst of several levels
/// can turn ignorance into health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Level {
    /// As it should be.
    Healthy,
    /// Worse than it should be, still serving.
    Degraded,
    /// Not fit to serve.
    Unhealthy,
    /// No evidence, too little, or too old.
    Unknown,
}

impl Level {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One measured value that a verdict rests on.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Evidence {
    /// What was measured, with its unit at the end where it has one: `failure_share`, `p99_seconds`.
    pub name: Cow<'static, str>,
    /// The value.
    pub value: f64,
}

/// What a [`Signal`](crate::Signal) says: a level, since when, until when, and why.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Instant, Level, Verdict};
///
/// let now = Instant::from_nanos(1_000);
/// let verdict = Verdict::new(Level::Unhealthy, now)
///     .valid_for(Duration::from_secs(5))
///     .because("failure share over threshold")
///     .with_samples(120)
///     .with_evidence("failure_share", 0.31);
/// assert_eq!(verdict.level_at(now), Level::Unhealthy);
/// assert_eq!(verdict.level_at(now + Duration::from_secs(6)), Level::Unknown);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
pub struct Verdict {
    /// The level that was judged at `as_of`; read it through [`Verdict::level_at`].
    pub level: Level,
    /// The instant of the newest evidence.
    pub as_of: Instant,
    /// The last instant at which the verdict may be used; afterwards it reads unknown.
    pub valid_until: Instant,
    /// Since when the level has held without a break, as far as the source knows.
    pub since: Instant,
    /// How bad it is: 0 for nothing wrong, 1 for as bad as can be; absent where nothing is measured.
    pub score: Option<f64>,
    /// How many observations it rests on.
    pub samples: u64,
    /// Why, in a few words.
    pub reason: Cow<'static, str>,
    /// The values behind it.
    pub evidence: Vec<Evidence>,
}

impl Verdict {
    /// A verdict that holds since `as_of` and for ever, with nothing else known.
    pub const fn new(level: Level, as_of: Instant) -> Self {
        Self {
            level,
            as_of,
            valid_until: Instant::MAX,
            since: as_of,
            score: None,
            samples: 0,
            reason: Cow::Borrowed(""),
            evidence: Vec::new(),
        }
    }

    /// An unknown verdict and why nothing is known.
    pub fn unknown(as_of: Instant, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Level::Unknown, as_of).because(reason)
    }

    /// Limits how long after `as_of` the verdict may be used.
    pub fn valid_for(mut self, age: core::time::Duration) -> Self {
        self.valid_until = self.as_of + age;
        self
    }

    /// Says since when the level has held.
    pub const fn since(mut self, since: Instant) -> Self {
        self.since = since;
        self
    }

    /// Says why.
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Says how bad it is, from 0 to 1; a value that is not a number is left out.
    pub fn with_score(mut self, score: f64) -> Self {
        self.score = (!score.is_nan()).then(|| score.clamp(0.0, 1.0));
        self
    }

    /// Says how many observations it rests on.
    pub const fn with_samples(mut self, samples: u64) -> Self {
        self.samples = samples;
        self
    }

    /// Adds a value that it rests on.
    pub fn with_evidence(mut self, name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        self.evidence.push(Evidence { name: name.into(), value });
        self
    }

    /// The level at `now`: unknown once `valid_until` has passed. An exact hit still counts.
    #[must_use]
    pub fn level_at(&self, now: Instant) -> Level {
        if now > self.valid_until { Level::Unknown } else { self.level }
    }

    /// The same verdict as it reads at `now`: a stale one becomes unknown and says so.
    pub fn at(self, now: Instant) -> Self {
        if now <= self.valid_until {
            return self;
        }
        let reason = format!("stale: was {} as of {:?}", self.level, self.as_of);
        Self { level: Level::Unknown, since: self.valid_until, score: None, ..self }.because(reason)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn staleness_begins_after_the_last_valid_instant() {
        let at = Instant::from_nanos(100);
        let verdict = Verdict::new(Level::Healthy, at).valid_for(Duration::from_nanos(10));
        let end = Instant::from_nanos(110);
        assert_eq!(verdict.level_at(end), Level::Healthy);
        assert_eq!(verdict.level_at(Instant::from_nanos(111)), Level::Unknown);
        let stale = verdict.at(Instant::from_nanos(111));
        assert_eq!(stale.level, Level::Unknown);
        assert_eq!(stale.since, end);
        assert!(stale.reason.contains("was healthy"), "{}", stale.reason);
    }

    #[test]
    fn scores_stay_in_range() {
        let verdict =
            |score| Verdict::new(Level::Degraded, Instant::ORIGIN).with_score(score).score;
        assert_eq!(verdict(7.0), Some(1.0));
        assert_eq!(verdict(-1.0), Some(0.0));
        assert_eq!(verdict(f64::NAN), None);
    }
}
