//! The latencies of a window at one moment.

use core::time::Duration;

use super::LatencyScale;

/// How many calls fell into each bucket of a scale: plain data, mergeable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencySnapshot {
    scale: LatencyScale,
    counts: Vec<u64>,
    count: u64,
}

impl LatencySnapshot {
    pub(crate) fn new(scale: LatencyScale, counts: Vec<u64>) -> Self {
        let count = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
        Self { scale, counts, count }
    }

    /// A snapshot without any latency.
    #[must_use]
    pub fn empty(scale: LatencyScale) -> Self {
        Self::new(scale, vec![0; scale.buckets()])
    }

    /// How many latencies it holds: the sum of its buckets.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The scale of its buckets.
    #[must_use]
    pub const fn scale(&self) -> LatencyScale {
        self.scale
    }

    /// The latency that a share `q` (0 to 1, taken to the nearer end outside) of the calls did not
    /// exceed; `None` if there were none, or `q` is not a number.
    ///
    /// As in `HdrHistogram`, it is the highest latency of the bucket in which the share is reached, and
    /// the lowest of the first bucket for a share of zero.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        if self.is_empty() || q.is_nan() {
            return None;
        }
        // Counts are far below 2^53, where they stop being exact as a float.
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let wanted = (q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64;
        let wanted = wanted.clamp(1, self.count);
        let mut seen = 0u64;
        let reached = self.counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        })?;
        let (low, width) = self.scale.bucket(reached);
        Some(Duration::from_nanos(if q > 0.0 { low + width - 1 } else { low }))
    }

    /// How many calls took no longer than `limit`, to the precision of the scale: the bucket that
    /// holds `limit` counts as within.
    #[must_use]
    pub fn at_most(&self, limit: Duration) -> u64 {
        let last = self.scale.index(crate::instant::saturating_nanos(limit));
        self.counts[..=last].iter().fold(0u64, |sum, count| sum.saturating_add(*count))
    }

    /// The mean, with each call in the middle of its bucket; `None` if there were none.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        let sum: u128 =
            self.buckets().map(|(low, width, n)| u128::from(low + width / 2) * u128::from(n)).sum();
        let mean = sum.checked_div(u128::from(self.count))?;
        Some(Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX)))
    }

    /// The highest latency, to the precision of the scale; `None` if there were none.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.quantile(1.0)
    }

    /// Adds the calls of another snapshot; `false`, and no change, if its scale is another.
    pub fn merge(&mut self, other: &Self) -> bool {
        if self.scale != other.scale {
            return false;
        }
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum = sum.saturating_add(*count);
        }
        self.count = self.count.saturating_add(other.count);
        true
    }

    /// The buckets that hold any call: lowest nanosecond, width in nanoseconds, calls.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let held = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        held.map(|(index, count)| {
            let (low, width) = self.scale.bucket(index);
            (low, width, *count)
        })
    }

    /// The same as an [`hdrhistogram::Histogram`] of nanoseconds with the same layout.
    ///
    /// # Errors
    /// Never for a snapshot that this crate made; the library's own error otherwise.
    #[cfg(feature = "hdrhistogram")]
    #[cfg_attr(docsrs, doc(cfg(feature = "hdrhistogram")))]
    pub fn to_hdrhistogram(
        &self,
    ) -> Result<hdrhistogram::Histogram<u64>, Box<dyn std::error::Error + Send + Sync>> {
        let (lowest, highest) = (self.scale.lowest(), self.scale.highest());
        let bounds = [lowest, highest].map(crate::instant::saturating_nanos);
        let digits = self.scale.digits();
        let mut histogram = hdrhistogram::Histogram::new_with_bounds(bounds[0], bounds[1], digits)?;
        for (low, _, count) in self.buckets() {
            histogram.record_n(low, count)?;
        }
        Ok(histogram)
    }
}
