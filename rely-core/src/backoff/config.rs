use core::time::Duration;

use super::{Backoff, Growth, Jitter};
use crate::{ConfigError, config};

/// The configuration of a [`Backoff`].
///
/// ```
/// use core::time::Duration;
/// use rely_core::backoff::{BackoffConfig, Jitter};
///
/// let config = BackoffConfig { jitter: Jitter::Equal, ..BackoffConfig::default() };
/// let backoff = config.build()?;
/// assert_eq!(backoff.ceiling(1), Duration::from_millis(200));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How long to wait before each attempt."))]
pub struct BackoffConfig {
    /// How the delay grows; exponential by default.
    pub growth: Growth,
    /// The first delay before jitter, more than zero; 100 ms by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub initial: Duration,
    /// By how much each delay is longer than the one before, 1 to 1000; for exponential growth and
    /// decorrelated jitter only. By default 2, and 3 for decorrelated jitter.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub factor: Option<f64>,
    /// The longest delay, after jitter too; at least `initial`, 20 s by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub max: Duration,
    /// How chance spreads the delays; full by default.
    pub jitter: Jitter,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            growth: Growth::Exponential,
            initial: Duration::from_millis(100),
            factor: None,
            max: Duration::from_secs(20),
            jitter: Jitter::Full,
        }
    }
}

impl BackoffConfig {
    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// If a value is out of the range that its field documents, or if `factor` or decorrelated
    /// jitter is given for a growth that is not exponential.
    pub fn build(self) -> Result<Backoff, ConfigError> {
        let Self { growth, initial, factor, max, jitter } = self;
        config::nonzero("initial", initial)?;
        config::in_range("max", max, initial..)?;
        if growth != Growth::Exponential {
            if let Some(factor) = factor {
                return Err(ConfigError::new(
                    "factor",
                    factor,
                    "none unless growth is exponential",
                ));
            }
            if jitter == Jitter::Decorrelated {
                let allowed = "none, full or equal unless growth is exponential";
                return Err(ConfigError::new("jitter", "decorrelated", allowed));
            }
        }
        let usual = if jitter == Jitter::Decorrelated { 3.0 } else { 2.0 };
        let factor = config::in_range("factor", factor.unwrap_or(usual), 1.0..=1000.0)?;
        Ok(Backoff { config: self, factor })
    }
}

impl Backoff {
    /// The same delay each time, without jitter.
    ///
    /// # Errors
    ///
    /// If `delay` is zero.
    pub fn constant(delay: Duration) -> Result<Self, ConfigError> {
        let (growth, jitter) = (Growth::Constant, Jitter::None);
        BackoffConfig { growth, initial: delay, max: delay, factor: None, jitter }.build()
    }

    /// Delays of `initial`, twice, three times that, up to `max`, with full jitter.
    ///
    /// # Errors
    ///
    /// If `initial` is zero or `max` is shorter than it.
    pub fn linear(initial: Duration, max: Duration) -> Result<Self, ConfigError> {
        let growth = Growth::Linear;
        BackoffConfig { growth, initial, max, ..BackoffConfig::default() }.build()
    }

    /// Delays of `initial` that double up to `max`, with full jitter.
    ///
    /// # Errors
    ///
    /// As for [`Backoff::linear`].
    pub fn exponential(initial: Duration, max: Duration) -> Result<Self, ConfigError> {
        BackoffConfig { initial, max, ..BackoffConfig::default() }.build()
    }

    /// The same rule with another jitter; see [`BackoffConfig`] for another factor.
    ///
    /// # Errors
    ///
    /// If the jitter is decorrelated and the growth is not exponential.
    pub fn with_jitter(self, jitter: Jitter) -> Result<Self, ConfigError> {
        BackoffConfig { jitter, ..self.config }.build()
    }

    /// The configuration that it was built from.
    #[must_use]
    pub const fn config(&self) -> &BackoffConfig {
        &self.config
    }
}
