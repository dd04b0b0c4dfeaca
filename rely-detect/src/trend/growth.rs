//! How fast it grows, and when that ends.

use core::fmt;
use core::time::Duration;

use rely_core::Instant;

use super::judge::seconds;
use crate::words::Span;

/// How a series grows over its season.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Growth {
    /// Growth in a second, in the unit of the series: the Theil-Sen slope of the floors.
    pub per_second: f64,
    /// The least that it may be, with 95 % confidence; nothing where too little is known to bound it.
    pub low: Option<f64>,
    /// The most that it may be.
    pub high: Option<f64>,
    /// About when it began, or the oldest that is remembered.
    pub since: Instant,
    /// When this was found.
    pub at: Instant,
    /// How high the series gets at the highest time of its season, by `at`.
    pub ceiling: f64,
}

impl Growth {
    /// When the series reaches `limit` at the highest time of its season, if it goes on like this.
    #[must_use]
    pub fn exhaustion(&self, limit: f64) -> Exhaustion {
        let left = (limit - self.ceiling).max(0.0);
        let after = |slope: f64| seconds(left / slope).filter(|_| slope > 0.0);
        Exhaustion {
            limit,
            at: self.at + after(self.per_second).unwrap_or(Duration::MAX),
            low: self.at + self.high.map_or(Some(Duration::ZERO), after).unwrap_or(Duration::MAX),
            high: self.low.and_then(after).map(|after| self.at + after),
            from: self.at,
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        let bounds = [Some(self.per_second), self.low, self.high, Some(self.ceiling)];
        bounds.iter().flatten().all(|value| value.is_finite())
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = 3600.0;
        write!(f, "grows by {:.4} an hour", self.per_second * hours)?;
        if let (Some(low), Some(high)) = (self.low, self.high) {
            write!(f, " ({:.4} to {:.4})", low * hours, high * hours)?;
        }
        write!(f, " for {}", Span(self.at - self.since))
    }
}

/// When a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Exhaustion {
    /// The limit.
    pub limit: f64,
    /// When it is reached, if growth goes on like this.
    pub at: Instant,
    /// The earliest, with 95 % confidence in the slope.
    pub low: Instant,
    /// The latest; nothing where it may never be reached.
    pub high: Option<Instant>,
    /// When this was found.
    pub from: Instant,
}

impl Exhaustion {
    /// How long until then, from when it was found.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.at - self.from
    }
}

impl fmt::Display for Exhaustion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = |at: Instant| Span(at - self.from);
        write!(f, "reaches {} in {} ({} to ", self.limit, left(self.at), left(self.low))?;
        match self.high {
            Some(high) => write!(f, "{})", left(high)),
            None => f.write_str("never)"),
        }
    }
}
