use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

use crate::{Sample, Side};

/// How the shell around a [`Model`](super::Model) judges; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `side` | both | |
/// | `false_alarm_every` | 7 days | 1 second to 100 years |
/// | `tolerance` | 0 | at least 0 |
/// | `tolerance_share` | 5 % | |
/// | `min_count` | 1 | at least 1 |
/// | `warm_up` | 100 | 20 to 5000 |
/// | `relearn_after` | 12 hours | over zero |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How a calibrated detector judges."))]
pub struct CalibratedConfig {
    /// On which side a deviation is trouble.
    pub side: Side,
    /// How long from one false alarm to the next, in the long run.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub false_alarm_every: Duration,
    /// Deviations up to this do not matter, in the unit of the series.
    pub tolerance: f64,
    /// Deviations up to this share of what was expected do not matter.
    pub tolerance_share: Ratio,
    /// A sample that sums up fewer observations counts as missing.
    pub min_count: u64,
    /// How many deviations have to be there before anything is judged.
    pub warm_up: u32,
    /// An alarm that lasts so long, and for forty samples, is what is ordinary from then on: by default
    /// a working day and its night, so that somebody has had the time to look.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub relearn_after: Duration,
}

impl Default for CalibratedConfig {
    fn default() -> Self {
        Self {
            side: Side::Both,
            false_alarm_every: Duration::from_secs(7 * 24 * 3600),
            tolerance: 0.0,
            tolerance_share: Ratio::from_ppm_clamped(50_000),
            min_count: 1,
            warm_up: 100,
            relearn_after: Duration::from_secs(12 * 3600),
        }
    }
}

/// A [`CalibratedConfig`] that has been checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    pub(super) side: Side,
    pub(super) every: Duration,
    pub(super) tolerance: f64,
    pub(super) tolerance_share: f64,
    pub(super) min_count: u64,
    pub(super) warm_up: u32,
    pub(super) relearn_after: Duration,
}

impl CalibratedConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.rules().map(|_| ())
    }

    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        let every = Duration::from_secs(1)..=Duration::from_secs(36_525 * 24 * 3600);
        Ok(Rules {
            side: self.side,
            every: config::in_range("false_alarm_every", self.false_alarm_every, every)?,
            tolerance: config::in_range("tolerance", self.tolerance, 0.0..=Sample::LIMIT)?,
            tolerance_share: self.tolerance_share.as_f64(),
            min_count: config::in_range("min_count", self.min_count, 1..)?,
            warm_up: config::in_range("warm_up", self.warm_up, 20..=5000)?,
            relearn_after: config::nonzero("relearn_after", self.relearn_after)?,
        })
    }
}

impl Rules {
    pub(super) fn tolerates(&self, value: f64, expected: f64) -> bool {
        let tolerance = self.tolerance.max(self.tolerance_share * expected.abs());
        (value - expected).abs() <= tolerance
    }

    /// In what share of samples an alarm may begin, one coming every `step` seconds.
    pub(super) fn alpha(&self, step: f64) -> f64 {
        (step / self.every.as_secs_f64()).clamp(1e-9, 0.03)
    }
}

/// Whether a deviation of `value` from `expected` is on the side of trouble.
pub(super) fn is_trouble(side: Side, value: f64, expected: f64) -> bool {
    match side {
        Side::Both => true,
        Side::High => value > expected,
        Side::Low => value < expected,
    }
}
