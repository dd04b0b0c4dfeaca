use core::time::Duration;

use rely_core::{ConfigError, Ratio, config, window::CountWindow};

/// What a breaker does when; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `failure_rate` | 50 % | over 0 % |
/// | `window_calls` | 100 | 1 to 16777216 |
/// | `minimum_calls` | 20 | 1 to `window_calls` |
/// | `open_for` | 30 s | over zero |
/// | `trials` | 5 | 1 to 65535 |
/// | `trial_limit` | 30 s | over zero |
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What a circuit breaker does when."))]
pub struct BreakerConfig {
    /// The share of bad calls in the window at which the breaker opens; reaching it is enough.
    pub failure_rate: Ratio,
    /// How many calls the window holds.
    pub window_calls: u32,
    /// Below so many calls in the window nothing is judged.
    pub minimum_calls: u32,
    /// How long the breaker stays open before it lets trial calls through.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub open_for: Duration,
    /// How many trial calls decide whether to close.
    pub trials: u32,
    /// How long they may take together; after that the breaker is open again, for closing needs
    /// evidence. Where fewer calls than it takes to close come in that time, it never does.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub trial_limit: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate: Ratio::from_ppm_clamped(500_000),
            window_calls: 100,
            minimum_calls: 20,
            open_for: Duration::from_secs(30),
            trials: 5,
            trial_limit: Duration::from_secs(30),
        }
    }
}

impl BreakerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.failure_rate == Ratio::ZERO {
            return Err(ConfigError::new("failure_rate", self.failure_rate, "over 0 %"));
        }
        config::in_range("window_calls", self.window_calls, 1..=CountWindow::MAX_CALLS)?;
        config::in_range("minimum_calls", self.minimum_calls, 1..=self.window_calls)?;
        config::nonzero("open_for", self.open_for)?;
        config::in_range("trials", self.trials, 1..=u32::from(u16::MAX))?;
        config::nonzero("trial_limit", self.trial_limit)?;
        Ok(())
    }
}
