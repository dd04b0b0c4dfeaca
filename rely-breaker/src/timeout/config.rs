use core::time::Duration;

use rely_core::{ConfigError, config};

use super::AttemptTimeout;

/// How long an attempt may take: an [`AttemptTimeout`], as configuration.
///
/// There is no default: how long is too long, only who calls can tell.
///
/// ```
/// use core::time::Duration;
/// use rely_breaker::timeout::TimeoutConfig;
///
/// let timeout = TimeoutConfig { limit: Duration::from_millis(120) }.build()?;
/// assert_eq!(timeout.limit(), Duration::from_millis(120));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How long an attempt may take."))]
pub struct TimeoutConfig {
    /// The limit, over zero.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub limit: Duration,
}

impl TimeoutConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::nonzero("limit", self.limit).map(drop)
    }

    /// The layer, on the system's clock.
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn build(self) -> Result<AttemptTimeout, ConfigError> {
        AttemptTimeout::new(self.limit)
    }
}
