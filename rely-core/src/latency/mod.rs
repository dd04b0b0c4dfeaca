//! How long calls took: windows of histograms that agree with `HdrHistogram` bucket for bucket.
//!
//! [`LatencyWindow`] is what hot paths record into: fixed memory, one compare-and-swap a call.
//! [`LatencySnapshot`] is what it held at some moment: quantiles, mean, and (feature
//! `hdrhistogram`) the same as an `hdrhistogram::Histogram`.

mod scale;
mod snapshot;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

use core::fmt;
use core::time::Duration;

pub use self::scale::LatencyScale;
pub use self::snapshot::LatencySnapshot;
use crate::instant::saturating_nanos;
use crate::window::TimeWindow;
use crate::{ConfigError, Instant};

/// The latencies of the last span of time.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_core::latency::{LatencyScale, LatencyWindow};
///
/// let window = LatencyWindow::new(LatencyScale::default(), Duration::from_secs(60), 4)?;
/// let now = Instant::ORIGIN;
/// for millis in 1..=100 {
///     window.record(now, Duration::from_millis(millis));
/// }
/// let snapshot = window.snapshot(now);
/// assert_eq!(snapshot.count(), 100);
/// let p99 = snapshot.quantile(0.99).expect("there are latencies").as_secs_f64();
/// assert!((p99 - 0.099).abs() < 0.001);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub struct LatencyWindow {
    scale: LatencyScale,
    counts: TimeWindow,
}

impl LatencyWindow {
    /// A window over the last `span`, which moves on in `slices` steps.
    ///
    /// It takes 8 bytes x [`LatencyScale::buckets`] x slices, rounded up to a power of two.
    ///
    /// # Errors
    /// If the span or the number of slices is out of range; see
    /// [`TimeWindow::builder`](crate::window::TimeWindow::builder).
    pub fn new(scale: LatencyScale, span: Duration, slices: u32) -> Result<Self, ConfigError> {
        let counts = TimeWindow::builder(span).buckets(slices).lanes(scale.buckets()).build()?;
        Ok(Self { scale, counts })
    }

    /// Takes in a latency; one over the scale counts as its highest.
    pub fn record(&self, now: Instant, latency: Duration) {
        self.record_nanos(now, saturating_nanos(latency));
    }

    #[inline]
    pub(crate) fn record_nanos(&self, now: Instant, nanos: u64) {
        self.counts.record(now, self.scale.index(nanos), 1);
    }

    /// What the window holds at `now`.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> LatencySnapshot {
        LatencySnapshot::new(self.scale, self.counts.sums(now))
    }

    /// How many latencies over `limit`, to the precision of the scale, each slice of the window holds
    /// at `now`: see [`TimeWindow::bucket_sums`].
    #[must_use]
    pub fn over(&self, now: Instant, limit: Duration) -> Vec<(u64, u64)> {
        self.counts.bucket_sums(now, self.scale.index(saturating_nanos(limit)) + 1)
    }

    /// How long a latency is held at least: the span less one slice.
    #[must_use]
    pub fn held_for(&self) -> Duration {
        self.counts.span().saturating_sub(self.counts.bucket())
    }

    /// The scale of its buckets.
    #[must_use]
    pub const fn scale(&self) -> LatencyScale {
        self.scale
    }
}

impl fmt::Debug for LatencyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencyWindow")
            .field("scale", &self.scale)
            .field("span", &self.counts.span())
            .finish_non_exhaustive()
    }
}
