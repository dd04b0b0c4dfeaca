use core::time::Duration;

use rely_core::{ConfigError, config};

use super::{Correlator, steps};

/// What a [`Correlator`] remembers; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `step` | 1 s | over zero |
/// | `window` | 600 steps | 32 to 8192 |
/// | `max_lag` | 1 min | at least a step, at most a fourth of the window |
/// | `max_series` | 64 | 2 to 4096 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What a correlator remembers."))]
pub struct CorrelatorConfig {
    /// The step of the grid that all series are laid on: the longest time between their samples.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub step: Duration,
    /// How many steps are remembered of each series.
    pub window: u32,
    /// How far one series may lag behind another.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub max_lag: Duration,
    /// How many series there may be.
    pub max_series: u32,
}

impl Default for CorrelatorConfig {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(1),
            window: 600,
            max_lag: Duration::from_secs(60),
            max_series: 64,
        }
    }
}

/// A [`CorrelatorConfig`] that has been checked.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) step: Duration,
    pub(super) window: usize,
    pub(super) max_shift: usize,
    pub(super) max_series: usize,
}

impl CorrelatorConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.rules().map(|_| ())
    }

    fn rules(&self) -> Result<Rules, ConfigError> {
        let step = config::nonzero("step", self.step)?;
        let window = config::in_range("window", self.window, 32..=8192)?;
        let longest = step.saturating_mul(window / 4);
        let max_lag = config::in_range("max_lag", self.max_lag, step..=longest)?;
        let max_series = config::in_range("max_series", self.max_series, 2..=4096)?;
        Ok(Rules {
            step,
            window: window as usize,
            max_shift: usize::try_from(steps(max_lag, step)).unwrap_or(usize::MAX),
            max_series: max_series as usize,
        })
    }
}

/// How a [`Correlator`] is made; see [`CorrelatorConfig`] for defaults and bounds.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct CorrelatorBuilder {
    config: CorrelatorConfig,
}

impl CorrelatorBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: CorrelatorConfig) -> Self {
        self.config = config;
        self
    }

    /// The step of the grid that all series are laid on.
    pub const fn step(mut self, step: Duration) -> Self {
        self.config.step = step;
        self
    }

    /// How many steps are remembered of each series.
    pub const fn window(mut self, steps: u32) -> Self {
        self.config.window = steps;
        self
    }

    /// How far one series may lag behind another.
    pub const fn max_lag(mut self, lag: Duration) -> Self {
        self.config.max_lag = lag;
        self
    }

    /// How many series there may be.
    pub const fn max_series(mut self, series: u32) -> Self {
        self.config.max_series = series;
        self
    }

    /// The correlator, which knows no series yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Correlator, ConfigError> {
        Ok(Correlator::new(self.config.rules()?))
    }
}
