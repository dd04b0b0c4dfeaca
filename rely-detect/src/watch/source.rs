//! Where the samples of a live series come from.

use core::time::Duration;

use rely_core::meter::Tally;
use rely_core::{Instant, Point, Ratio};

use crate::Sample;

/// Gives the samples of a series, one whenever it is asked.
///
/// Every closure `FnMut(Instant) -> Sample` is one. Where there is nothing to tell, it gives
/// [`Sample::missing`].
pub trait Source {
    /// The sample of the time since the last one, at `now`.
    fn sample(&mut self, now: Instant) -> Sample;
}

impl<F: FnMut(Instant) -> Sample> Source for F {
    fn sample(&mut self, now: Instant) -> Sample {
        self(now)
    }
}

/// A series of what a [`Point`] counts from one sample to the next.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Clock, Meter, Outcome};
/// use rely_detect::watch::{PointSource, Source};
///
/// let (clock, manual) = Clock::manual();
/// let point = Meter::builder("orders").clock(clock.clone()).build()?.point("queue");
/// let mut latency = PointSource::mean_latency(point.clone());
/// point.record(Outcome::SUCCESS, Duration::from_millis(10));
/// point.record(Outcome::SUCCESS, Duration::from_millis(30));
/// let sample = latency.sample(clock.now());
/// assert_eq!((sample.value, sample.count), (0.02, 2));
/// assert_eq!(latency.sample(clock.now()).count, 0);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PointSource {
    point: Point,
    what: What,
    before: Tally,
    latency_before: Duration,
    last: Instant,
}

#[derive(Clone, Copy, Debug)]
enum What {
    MeanLatency,
    LatencyQuantile(Ratio),
    FailureShare,
    CallRate,
}

impl PointSource {
    /// The mean latency of successes and bad calls, in seconds; their number is the count.
    ///
    /// Each call is meant to have a weight of one: a latency counts once, whatever its weight.
    #[must_use]
    pub fn mean_latency(point: Point) -> Self {
        Self::new(point, What::MeanLatency)
    }

    /// The latency that a share of the successes does not exceed, in seconds, over the meter's window
    /// rather than the time since the last sample.
    ///
    /// Let the window be about as long as a step: in a longer one a sample repeats most of the one
    /// before, and a detector takes that for calm.
    #[must_use]
    pub fn latency_quantile(point: Point, share: Ratio) -> Self {
        Self::new(point, What::LatencyQuantile(share))
    }

    /// The share of bad calls among those that count, from 0 to 1; their number is the count.
    ///
    /// Give the detector a tolerance, or the first failure after a long time without one is news.
    #[must_use]
    pub fn failure_share(point: Point) -> Self {
        Self::new(point, What::FailureShare)
    }

    /// All calls for each second, whatever they came to. No calls are a rate of zero.
    #[must_use]
    pub fn call_rate(point: Point) -> Self {
        Self::new(point, What::CallRate)
    }

    fn new(point: Point, what: What) -> Self {
        let (before, latency_before) = (point.lifetime(), point.lifetime_latency());
        Self { what, before, latency_before, last: point.clock().now(), point }
    }
}

impl Source for PointSource {
    fn sample(&mut self, now: Instant) -> Sample {
        let (total, latency) = (self.point.lifetime(), self.point.lifetime_latency());
        let (before, latency_before) = (self.before, self.latency_before);
        let since = now - self.last;
        (self.before, self.latency_before, self.last) = (total, latency, now.max(self.last));
        let counted = total.counted().saturating_sub(before.counted());
        let share = |part: f64| match counted {
            0 => Sample::missing(now),
            _ => Sample::of(now, part / counted as f64, counted),
        };
        match self.what {
            What::MeanLatency => share(latency.saturating_sub(latency_before).as_secs_f64()),
            What::FailureShare => share(total.bad().saturating_sub(before.bad()) as f64),
            What::CallRate if since.is_zero() => Sample::missing(now),
            What::CallRate => {
                let calls = total.total().saturating_sub(before.total());
                Sample::new(now, calls as f64 / since.as_secs_f64())
            }
            What::LatencyQuantile(share) => {
                let latencies = self.point.latencies().snapshot(now);
                match latencies.quantile(share.as_f64()) {
                    Some(latency) => Sample::of(now, latency.as_secs_f64(), latencies.count()),
                    None => Sample::missing(now),
                }
            }
        }
    }
}
