use core::time::Duration;

use rely_core::{ConfigError, Ratio};

use super::miner::Miner;
use super::watch::LogWatch;
use super::watch_config::LogWatchConfig;
use super::watch_state::LogWatchSnapshot;
use crate::{Detector, Seasonal, Side};

/// How a [`LogWatch`] is made; see [`LogWatchConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct LogWatchBuilder<D> {
    miner: Miner,
    config: LogWatchConfig,
    /// For rates and for the share of errors, made from the step.
    detectors: Detectors<D>,
}

#[derive(Clone, Debug)]
enum Detectors<D> {
    ByStep(fn(Duration) -> Result<(D, D), ConfigError>),
    Given(D, D),
}

/// A level that moves slowly; a rate may go half way up or down, and a share by a hundredth.
fn by_step(step: Duration) -> Result<(Seasonal, Seasonal), ConfigError> {
    let rate = Seasonal::builder("rate").without_season(step).tolerance(3.0);
    let errors = Seasonal::builder("errors").without_season(step).side(Side::High);
    Ok((
        rate.tolerance_share(Ratio::from_ppm_clamped(500_000)).build()?,
        errors.tolerance(0.01).build()?,
    ))
}

impl LogWatchBuilder<Seasonal> {
    pub(super) fn new(miner: Miner) -> Self {
        let detectors = Detectors::ByStep(by_step);
        Self { miner, config: LogWatchConfig::default(), detectors }
    }
}

impl<D: Detector + Clone> LogWatchBuilder<D> {
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: LogWatchConfig) -> Self {
        self.config = config;
        self
    }

    /// The time over which lines are counted together.
    pub const fn step(mut self, step: Duration) -> Self {
        self.config.step = step;
        self
    }

    /// How unlikely a new template or the absence of one has to be to be told.
    pub const fn alpha(mut self, alpha: f64) -> Self {
        self.config.alpha = alpha;
        self
    }

    /// How many new templates are told one by one in a step.
    pub const fn max_new(mut self, templates: u32) -> Self {
        self.config.max_new = templates;
        self
    }

    /// In how many steps a template has to be there before it can be missed.
    pub const fn regular_after(mut self, steps: u32) -> Self {
        self.config.regular_after = steps;
        self
    }

    /// Of how many templates the rate is judged.
    pub const fn max_series(mut self, templates: u32) -> Self {
        self.config.max_series = templates;
        self
    }

    /// How many events wait to be fetched.
    pub const fn max_events(mut self, events: u32) -> Self {
        self.config.max_events = events;
        self
    }

    /// What judges how often a template comes, lines in a step, and what judges the share of errors,
    /// 0 to 1. Both have to be fresh; a clone of `rate` is made for each template.
    pub fn detectors<E: Detector + Clone>(self, rate: E, errors: E) -> LogWatchBuilder<E> {
        let detectors = Detectors::Given(rate, errors);
        LogWatchBuilder { miner: self.miner, config: self.config, detectors }
    }

    /// The watch, which goes on with what the miner knows.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<LogWatch<D>, ConfigError> {
        self.config.check()?;
        let (rate, errors) = match self.detectors {
            Detectors::ByStep(make) => make(self.config.step)?,
            Detectors::Given(rate, errors) => (rate, errors),
        };
        Ok(LogWatch::new(self.miner, self.config, rate, errors))
    }

    /// The watch, which goes on where `snapshot` was taken; `restore` makes a detector anew.
    ///
    /// The miner has to be restored from its own snapshot of the same moment.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore<S>(
        self,
        snapshot: LogWatchSnapshot<S>,
        restore: impl FnMut(S) -> Result<D, ConfigError>,
    ) -> Result<LogWatch<D>, ConfigError> {
        let mut watch = self.build()?;
        snapshot.into_watch(&mut watch, restore)?;
        Ok(watch)
    }
}
