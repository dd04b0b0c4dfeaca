use rely_core::{ConfigError, Instant, Level, config};

use super::config::is_trouble;
use super::{Assessment, Model};
use crate::{Band, Detector, Reading, Sample, Side, Why};

/// The operator's plain rule on top of any [`Model`]: an alarm where the deviation is over a limit.
///
/// No p-value and no promise about false alarms; for those who know their limit, and to compare with.
/// Three standard deviations, 1.5 times the weekly average or the risk of a SPOT are rules of this kind.
/// A deviation over half of the limit is degraded, and what is over the limit is learnt as if it lay at
/// it.
///
/// ```
/// use rely_core::{Instant, Level};
/// use rely_detect::calibrated::Threshold;
/// use rely_detect::families::RobustZ;
/// use rely_detect::{Detector, Sample};
///
/// let mut detector = Threshold::new("load", RobustZ::default(), 3.0)?;
/// for n in 1..100 {
///     detector.observe(Sample::new(Instant::from_nanos(n), (n % 7) as f64));
/// }
/// assert_eq!(detector.observe(Sample::new(Instant::from_nanos(100), 90.0)).level, Level::Unhealthy);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold<M> {
    name: String,
    model: M,
    limit: f64,
    side: Side,
    last: Option<Instant>,
    level: Level,
    since: Instant,
    samples: u64,
}

impl<M: Model> Threshold<M> {
    /// An alarm where the deviation from what `model` expects is over `limit`, in the model's unit.
    ///
    /// # Errors
    /// If the limit is not over zero.
    pub fn new(name: impl Into<String>, model: M, limit: f64) -> Result<Self, ConfigError> {
        let limit = config::in_range("limit", limit, f64::MIN_POSITIVE..=Sample::LIMIT)?;
        let (level, since) = (Level::Unknown, Instant::ORIGIN);
        let name = name.into();
        Ok(Self { name, model, limit, side: Side::Both, last: None, level, since, samples: 0 })
    }

    /// The same for deviations on one side only.
    #[must_use]
    pub fn side(self, side: Side) -> Self {
        Self { side, ..self }
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn settle(&mut self, sample: Sample, level: Level, why: Why) -> Reading {
        if self.level != level {
            (self.level, self.since) = (level, sample.at);
        }
        self.reading(sample, level, why)
    }

    fn reading(&self, sample: Sample, level: Level, why: Why) -> Reading {
        let since = if level == self.level { self.since } else { sample.at };
        Reading::plain(sample, level, since, self.samples, why)
    }
}

impl<M: Model> Detector for Threshold<M> {
    fn observe(&mut self, sample: Sample) -> Reading {
        if !sample.is_number() {
            return self.reading(sample, Level::Unknown, Why::NotANumber);
        }
        if sample.count == 0 {
            return self.reading(sample, Level::Unknown, Why::TooFew);
        }
        if self.last.is_some_and(|last| sample.at <= last) {
            return self.reading(sample, Level::Unknown, Why::Late);
        }
        self.last = Some(sample.at);
        self.samples = self.samples.saturating_add(1);
        let Some(assessed) = self.model.assess(&sample).and_then(Assessment::sound) else {
            self.model.learn(&sample);
            return self.settle(sample, Level::Unknown, Why::WarmingUp { have: 0, need: 1 });
        };
        let Assessment { expected, deviation, scale } = assessed;
        let reach = (self.limit * scale).min(Sample::LIMIT);
        let value = sample.value.clamp(expected - reach, expected + reach);
        self.model.learn(&Sample { value, ..sample });
        let share = match is_trouble(self.side, sample.value, expected) {
            true => deviation / self.limit,
            false => 0.0,
        };
        let (level, why) = match share {
            over if over > 1.0 => (Level::Unhealthy, Why::Alarm),
            half if half > 0.5 => (Level::Degraded, Why::Unusual),
            _ => (Level::Healthy, Why::Ordinary),
        };
        let mut reading = self.settle(sample, level, why);
        reading.expected = Some(expected);
        reading.band = Some(Band { low: expected - reach, high: expected + reach });
        (reading.score, reading.severity) = (share.min(1.0), share);
        reading
    }

    fn is_warm(&self) -> bool {
        self.level != Level::Unknown
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.capacity() + self.model.heap_bytes()
    }
}
