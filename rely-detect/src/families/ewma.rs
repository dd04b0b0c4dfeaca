use core::time::Duration;

use rely_core::{ConfigError, Instant, config};

use super::{floor, gain, usable};
use crate::Sample;
use crate::calibrated::{Assessment, Calibrated, CalibratedBuilder, Model};

/// How an [`EwmaBand`] follows; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `level_time` | 1 hour | over zero |
/// | `spread_time` | 12 hours | over zero |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How a moving band follows its series."))]
pub struct EwmaBandConfig {
    /// The time constant of the level.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub level_time: Duration,
    /// The time constant of the spread: longer, so that a restless hour does not widen the band.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub spread_time: Duration,
}

impl Default for EwmaBandConfig {
    fn default() -> Self {
        Self { level_time: Duration::from_secs(3600), spread_time: Duration::from_secs(12 * 3600) }
    }
}

impl EwmaBandConfig {
    /// The model, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<EwmaBand, ConfigError> {
        Ok(EwmaBand {
            level_time: config::nonzero("level_time", self.level_time)?.as_secs_f64(),
            spread_time: config::nonzero("spread_time", self.spread_time)?.as_secs_f64(),
            level: 0.0,
            spread: 0.0,
            last: None,
            samples: 0,
        })
    }
}

/// A level and a spread that follow as exponentially weighted means over time (S. W. Roberts: "Control
/// chart tests based on geometric moving averages", Technometrics 1, 1959).
///
/// The unit of deviation is the mean absolute deviation, a smoother of outliers than the standard
/// deviation and 0.8 of it for normal noise. Weights come from elapsed time, so that steps of a
/// second and of five minutes work alike. Eight numbers: under 1 kB with its calibration.
///
/// ```
/// use rely_detect::families::EwmaBand;
/// use rely_detect::Detector;
///
/// let detector = EwmaBand::detector("load").build()?;
/// assert!(detector.bytes() <= 1024);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct EwmaBand {
    level_time: f64,
    spread_time: f64,
    level: f64,
    spread: f64,
    last: Option<Instant>,
    samples: u64,
}

impl EwmaBand {
    /// A detector of the series called `name`, by the default configuration.
    pub fn detector(name: impl Into<String>) -> CalibratedBuilder<Self> {
        Calibrated::builder(name, Self::default())
    }

    /// The level now.
    #[must_use]
    pub const fn level(&self) -> f64 {
        self.level
    }
}

impl Default for EwmaBand {
    fn default() -> Self {
        Self::hourly(3600.0, 12.0 * 3600.0)
    }
}

impl EwmaBand {
    pub(super) const fn hourly(level_time: f64, spread_time: f64) -> Self {
        Self { level_time, spread_time, level: 0.0, spread: 0.0, last: None, samples: 0 }
    }
}

impl Model for EwmaBand {
    const LIGHT: bool = true;

    fn assess(&self, sample: &Sample) -> Option<Assessment> {
        let scale = self.spread + floor(self.level);
        (self.samples > 1).then(|| Assessment::new(sample, self.level, scale))
    }

    fn learn(&mut self, sample: &Sample) {
        let passed = self.last.map_or(0.0, |last| (sample.at - last).as_secs_f64());
        let off = sample.value - self.level;
        if self.samples > 0 {
            let pace = gain(passed, self.spread_time, self.samples - 1);
            self.spread += pace * (off.abs() - self.spread);
        }
        self.level += gain(passed, self.level_time, self.samples) * off;
        self.last = Some(sample.at);
        self.samples = self.samples.saturating_add(1);
    }

    fn relearn(&mut self, from: f64, to: f64) {
        // How the series lies there is not well known yet.
        (self.level, self.samples) = (self.level + (to - from), self.samples.min(20));
    }

    fn fits(&self, restored: &Self) -> bool {
        let same =
            (self.level_time, self.spread_time) == (restored.level_time, restored.spread_time);
        same && usable(restored.level) && usable(restored.spread) && restored.spread >= 0.0
    }

    fn merge(&mut self, other: &Self) -> bool {
        let (mine, theirs) = (self.samples as f64, other.samples as f64);
        if theirs > 0.0 {
            let share = theirs / (mine + theirs);
            self.level += share * (other.level - self.level);
            self.spread += share * (other.spread - self.spread);
            self.samples = self.samples.saturating_add(other.samples);
            self.last = self.last.max(other.last);
        }
        true
    }
}
