use core::time::Duration;

use rely_core::backoff::{Backoff, BackoffConfig};
use rely_core::{ConfigError, config};

/// How a [`Reconciler`](super::Reconciler) goes about it.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `interval` | 10 s | at least 1 ms |
/// | `surge` | 1 | at least 1 |
/// | `attempts` | 5 | at least 1 |
/// | `timeout` | 5 min | over zero |
/// | `confirm` | 1 min | over zero |
/// | `backoff` | 1 s, doubling up to 5 min, full jitter | see [`BackoffConfig`] |
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReconcileConfig {
    /// How often to look what differs.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub interval: Duration,
    /// How many instances at most may have been touched and not be back yet, those that were given
    /// up included.
    pub surge: u32,
    /// How often to try one instance before it is given up.
    pub attempts: u32,
    /// How long one replacement may take.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub timeout: Duration,
    /// How long a replaced instance may take to report what was declared.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub confirm: Duration,
    /// How long to wait before each further attempt, and before an instance that was brought back
    /// and soon differs again is replaced again.
    pub backoff: BackoffConfig,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        let secs = Duration::from_secs;
        let backoff =
            BackoffConfig { initial: secs(1), max: secs(300), ..BackoffConfig::default() };
        Self {
            interval: secs(10),
            surge: 1,
            attempts: 5,
            timeout: secs(300),
            confirm: secs(60),
            backoff,
        }
    }
}

impl ReconcileConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.checked_backoff().map(drop)
    }

    pub(super) fn checked_backoff(&self) -> Result<Backoff, ConfigError> {
        config::in_range("interval", self.interval, Duration::from_millis(1)..)?;
        config::in_range("surge", self.surge, 1..)?;
        config::in_range("attempts", self.attempts, 1..)?;
        config::nonzero("timeout", self.timeout)?;
        config::nonzero("confirm", self.confirm)?;
        self.backoff.build().map_err(|error| error.within("backoff"))
    }
}
