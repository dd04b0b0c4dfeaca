use core::time::Duration;

use rely_core::{ConfigError, config};

/// What a [`LogWatch`](super::LogWatch) tells; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `step` | 1 minute | at least 1 ms |
/// | `alpha` | 0.001 | 1e-9 to 0.03 |
/// | `max_new` | 10 | at least 1 |
/// | `regular_after` | 20 | at least 2 |
/// | `max_series` | 64 | at most 65536 |
/// | `max_events` | 256 | 1 to 65536 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What is told about a log."))]
pub struct LogWatchConfig {
    /// The time over which lines are counted together.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub step: Duration,
    /// How unlikely a new template or the absence of one has to be to be told.
    pub alpha: f64,
    /// How many new templates are told one by one in a step.
    pub max_new: u32,
    /// In how many steps a template has to be there before it can be missed, and before its rate is
    /// judged.
    pub regular_after: u32,
    /// Of how many templates the rate is judged: those that were regular first.
    pub max_series: u32,
    /// How many events wait to be fetched; then the oldest gives way.
    pub max_events: u32,
}

impl Default for LogWatchConfig {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(60),
            alpha: 0.001,
            max_new: 10,
            regular_after: 20,
            max_series: 64,
            max_events: 256,
        }
    }
}

impl LogWatchConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::in_range("step", self.step, Duration::from_millis(1)..)?;
        config::in_range("alpha", self.alpha, 1e-9..=0.03)?;
        config::in_range("max_new", self.max_new, 1..)?;
        config::in_range("regular_after", self.regular_after, 2..)?;
        config::in_range("max_series", self.max_series, ..=65_536)?;
        config::in_range("max_events", self.max_events, 1..=65_536)?;
        Ok(())
    }
}
