use core::ops::Bound;
use core::time::Duration;

use rely_core::backoff::BackoffConfig;
use rely_core::{Backoff, ConfigError, Ratio, config};

#[cfg(feature = "serde")]
use crate::config::off;

/// What a [`RetryPolicy`](super::RetryPolicy) does when, as far as it can be written down; every field
/// has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `max_attempts` | 3, the first included | at least 1 |
/// | `backoff` | 50 ms, doubling, at most 1 s, full jitter | see [`BackoffConfig`], or off |
/// | `max_retry_after` | 5 s | any |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When a call is sent again."))]
pub struct RetryConfig {
    /// How many attempts a call has, the first one included.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub max_attempts: u32,
    /// The delays before retries; none for retries that go to another endpoint. Written as `"off"`, or
    /// null where a format has that, there are none. A wait that was asked for stays.
    #[cfg_attr(feature = "serde", serde(with = "off"))]
    #[cfg_attr(feature = "schema", schemars(with = "off::OrOff<BackoffConfig>"))]
    pub backoff: Option<BackoffConfig>,
    /// The longest wait that the other side may ask for: where it asks for more, there is no retry.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub max_retry_after: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let (initial, max) = (Duration::from_millis(50), Duration::from_secs(1));
        Self {
            max_attempts: 3,
            backoff: Some(BackoffConfig { initial, max, ..BackoffConfig::default() }),
            max_retry_after: Duration::from_secs(5),
        }
    }
}

impl RetryConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.delays().map(drop)
    }

    /// The delays, once every field is checked.
    pub(super) fn delays(&self) -> Result<Option<Backoff>, ConfigError> {
        config::in_range("max_attempts", self.max_attempts, 1..)?;
        let backoff = self.backoff.map(BackoffConfig::build).transpose();
        backoff.map_err(|error| error.within("backoff"))
    }
}

/// How much a [`RetryBudget`](super::RetryBudget) holds; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `ratio` | 20 % | 0 % to 100 % |
/// | `min_per_second` | 10 | any, 0 for a share and nothing else |
/// | `ttl` | 10 s | 1 s to 60 s |
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How many retries there may be."))]
pub struct RetryBudgetConfig {
    /// The share of first calls that may be retried.
    pub ratio: Ratio,
    /// How many retries each second there may be on top, on average over `ttl`.
    pub min_per_second: u32,
    /// How long a deposit counts.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub ttl: Duration,
}

impl Default for RetryBudgetConfig {
    fn default() -> Self {
        let ratio = Ratio::from_ppm_clamped(200_000);
        Self { ratio, min_per_second: 10, ttl: Duration::from_secs(10) }
    }
}

impl RetryBudgetConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// If `ttl` is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        config::in_range("ttl", self.ttl, (Bound::Included(shortest), Bound::Included(longest)))?;
        Ok(())
    }
}
