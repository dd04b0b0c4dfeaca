use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

use crate::Side;

/// How an [`Ensemble`](super::Ensemble) or one of its channels judges; every field has a default that
/// needs no change.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `side` | both | |
/// | `false_alarm_every` | 1 week | over zero |
/// | `tolerance_share` | 1 % | |
/// | `min_count` | 1 | at least 1 |
/// | `warm_up` | unset | 20 to 100 000 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How an ensemble of detectors judges."))]
pub struct EnsembleConfig {
    /// On which side a deviation is trouble.
    pub side: Side,
    /// How long from one false alarm to the next.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub false_alarm_every: Duration,
    /// Deviations up to this share of what was expected raise no alarm, however rare they are: a disk that
    /// fills by a hundredth more than it ever did, say. P-value and severity stay what they are.
    pub tolerance_share: Ratio,
    /// A sample that sums up fewer observations counts as missing.
    pub min_count: u64,
    /// How many samples are only learnt from. Where it is unset, judging begins after 150 samples and
    /// starts anew after 300 and 750, each time with the whole past seen again in a better known
    /// scale.
    pub warm_up: Option<u32>,
}

impl Default for EnsembleConfig {
    fn default() -> Self {
        Self {
            side: Side::Both,
            false_alarm_every: Duration::from_secs(7 * 24 * 3600),
            tolerance_share: Ratio::from_ppm_clamped(10_000),
            min_count: 1,
            warm_up: None,
        }
    }
}

impl EnsembleConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::nonzero("false_alarm_every", self.false_alarm_every)?;
        config::in_range("min_count", self.min_count, 1..)?;
        if let Some(samples) = self.warm_up {
            config::in_range("warm_up", samples, 20..=100_000)?;
        }
        Ok(())
    }
}
