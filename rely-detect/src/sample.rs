//! What a detector takes in.

use rely_core::Instant;

/// One measured value of a series, and how many observations it sums up.
///
/// | sample | what detectors do |
/// |---|---|
/// | a value that is not a number, infinite, or beyond ±[`Sample::LIMIT`] | count it as missing |
/// | a count of zero | count it as missing: the mean of nothing says nothing |
/// | not later than the one before | leave it out |
/// | after a gap, or off the usual step | take it for what it is: time decides, not order |
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sample {
    /// When it was measured, or the end of the time that it sums up.
    pub at: Instant,
    /// The value, in the unit of the series.
    pub value: f64,
    /// How many observations it sums up: calls behind a mean, one for a gauge.
    pub count: u64,
}

impl Sample {
    /// Values farther from zero than this count as infinite, so that no sum can overflow.
    pub const LIMIT: f64 = 1e150;

    /// A value that stands for itself, such as a gauge or a rate.
    #[must_use]
    pub const fn new(at: Instant, value: f64) -> Self {
        Self { at, value, count: 1 }
    }

    /// A value that sums up `count` observations, such as a mean.
    #[must_use]
    pub const fn of(at: Instant, value: f64, count: u64) -> Self {
        Self { at, value, count }
    }

    /// Nothing was measured.
    #[must_use]
    pub const fn missing(at: Instant) -> Self {
        Self { at, value: f64::NAN, count: 0 }
    }

    /// Whether the value can be used as a number.
    pub(crate) fn is_number(&self) -> bool {
        self.value.abs() <= Self::LIMIT
    }
}
