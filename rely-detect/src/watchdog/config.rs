use core::time::Duration;

use rely_core::{ConfigError, config};

/// When a source is dark, and how the watchdog shows that it lives itself.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `quiet_after` | 3 | 1 to 1000 |
/// | `alpha` | 1e-9 | 1e-300 to 0.01 |
/// | `max_sources` | 1024 | 1 to 100000 |
/// | `forget_after` | 1 day | over zero |
/// | `heartbeat` | 1 min | over zero |
/// | `answer_within` | none | over zero |
///
/// Three gaps: one sample may be lost and the next one late. One in a thousand million: a source that
/// is looked at each second and never flat is called so once in thirty years.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When a source is dark."))]
pub struct WatchdogConfig {
    /// After how many times the gap that is usual a source is quiet.
    pub quiet_after: f64,
    /// How improbable a run of one value has to be.
    pub alpha: f64,
    /// How many sources are watched; the one that was not heard of for longest gives way.
    pub max_sources: usize,
    /// After what time a source that is quiet is no source any more.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub forget_after: Duration,
    /// How often a heartbeat is to be sent.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub heartbeat: Duration,
    /// How soon the other side has to answer a heartbeat; it need not if nothing is given.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub answer_within: Option<Duration>,
}

impl Default for WatchdogConfig {
    fn default() -> Self {
        Self {
            quiet_after: 3.0,
            alpha: 1e-9,
            max_sources: 1024,
            forget_after: Duration::from_secs(24 * 3600),
            heartbeat: Duration::from_secs(60),
            answer_within: None,
        }
    }
}

impl WatchdogConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::in_range("quiet_after", self.quiet_after, 1.0..=1000.0)?;
        config::in_range("alpha", self.alpha, 1e-300..=0.01)?;
        config::in_range("max_sources", self.max_sources, 1..=100_000)?;
        config::nonzero("forget_after", self.forget_after)?;
        config::nonzero("heartbeat", self.heartbeat)?;
        if let Some(answer) = self.answer_within {
            config::nonzero("answer_within", answer)?;
        }
        Ok(())
    }
}
