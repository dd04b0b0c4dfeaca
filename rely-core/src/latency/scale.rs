//! Which latencies share a bucket.

use core::time::Duration;

use crate::ConfigError;
use crate::instant::saturating_nanos;

/// The range and the precision of a latency histogram, in the bucket layout of `HdrHistogram`.
///
/// The default tells 1 µs from 60 s with two significant digits (an error below 1 %) and takes 2,688
/// buckets. One digit (an error below 6.3 %) takes 384.
///
/// ```
/// use core::time::Duration;
/// use rely_core::latency::LatencyScale;
///
/// let scale = LatencyScale::new(Duration::from_micros(10), Duration::from_secs(5), 1)?;
/// assert!(scale.buckets() < 400);
/// assert!(LatencyScale::new(Duration::from_secs(1), Duration::from_millis(1), 2).is_err());
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LatencyScale {
    lowest: u64,
    highest: u64,
    digits: u8,
    unit_magnitude: u32,
    /// Half of the sub-buckets, as a power of two.
    half_magnitude: u32,
    /// All ones up to the last value of the first, finest doubling.
    finest: u64,
    buckets: usize,
}

impl LatencyScale {
    /// A scale that tells values apart from `lowest` up to `highest` to so many significant digits.
    ///
    /// # Errors
    /// If `lowest` is zero, `highest` is less than twice `lowest` or over an hour, or `digits` is
    /// not 1, 2 or 3.
    pub fn new(lowest: Duration, highest: Duration, digits: u8) -> Result<Self, ConfigError> {
        let (low, high) = (saturating_nanos(lowest), saturating_nanos(highest));
        if low == 0 {
            return Err(ConfigError::new("lowest", format_args!("{lowest:?}"), "1ns or more"));
        }
        if highest > Duration::from_secs(3600) || high / 2 < low {
            let allowed = "from twice the lowest to an hour";
            return Err(ConfigError::new("highest", format_args!("{highest:?}"), allowed));
        }
        if !(1..=3).contains(&digits) {
            return Err(ConfigError::new("digits", digits, "1 to 3"));
        }
        // Within 2 * 10^digits, neighbours differ by less than one part in 10^digits.
        let half_magnitude = match digits {
            1 => 4,
            2 => 7,
            _ => 10,
        };
        let unit_magnitude = low.ilog2();
        let mut untrackable = 1u64 << (half_magnitude + 1 + unit_magnitude);
        let mut doublings = 1;
        while untrackable <= high {
            untrackable <<= 1;
            doublings += 1;
        }
        let buckets = (doublings + 1) << half_magnitude;
        let finest = (1u64 << (half_magnitude + 1 + unit_magnitude)) - 1;
        let (lowest, highest) = (low, high);
        Ok(Self { lowest, highest, digits, unit_magnitude, half_magnitude, finest, buckets })
    }

    /// How many buckets there are.
    #[must_use]
    pub const fn buckets(&self) -> usize {
        self.buckets
    }

    /// The lowest latency that is told from zero.
    #[must_use]
    pub const fn lowest(&self) -> Duration {
        Duration::from_nanos(self.lowest)
    }

    /// The highest latency that is told from higher ones.
    #[must_use]
    pub const fn highest(&self) -> Duration {
        Duration::from_nanos(self.highest)
    }

    /// How many significant digits are kept.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// The bucket of a latency in nanoseconds.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // below `buckets`
    pub(crate) fn index(&self, nanos: u64) -> usize {
        let nanos = nanos.min(self.highest);
        let doubling = self.finest.leading_zeros() - (nanos | self.finest).leading_zeros();
        let sub_bucket = nanos >> (doubling + self.unit_magnitude);
        ((u64::from(doubling) << self.half_magnitude) + sub_bucket) as usize
    }

    /// The lowest latency of a bucket and how many nanoseconds it spans.
    pub(crate) fn bucket(&self, index: usize) -> (u64, u64) {
        let index = index as u64;
        let half = 1u64 << self.half_magnitude;
        let (doubling, sub_bucket) = match (index >> self.half_magnitude).checked_sub(1) {
            None | Some(0) => (0, index),
            Some(doubling) => (doubling, (index & (half - 1)) + half),
        };
        let shift = doubling + u64::from(self.unit_magnitude);
        (sub_bucket << shift, 1 << shift)
    }
}

impl Default for LatencyScale {
    fn default() -> Self {
        Self {
            lowest: 1_000,
            highest: 60_000_000_000,
            digits: 2,
            unit_magnitude: 9,
            half_magnitude: 7,
            finest: (1 << 17) - 1,
            buckets: 2_688,
        }
    }
}
