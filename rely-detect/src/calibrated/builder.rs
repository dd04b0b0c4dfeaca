use core::time::Duration;

use rely_core::{ConfigError, Ratio};

use super::state::State;
use super::{Calibrated, CalibratedConfig, CalibratedSnapshot, Model};
use crate::Side;

/// How a [`Calibrated`] detector is made; see [`CalibratedConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct CalibratedBuilder<M> {
    name: String,
    model: M,
    config: CalibratedConfig,
}

impl<M: Model> CalibratedBuilder<M> {
    pub(super) fn new(name: String, model: M) -> Self {
        Self { name, model, config: CalibratedConfig::default() }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: CalibratedConfig) -> Self {
        self.config = config;
        self
    }

    /// On which side a deviation is trouble.
    pub const fn side(mut self, side: Side) -> Self {
        self.config.side = side;
        self
    }

    /// How long from one false alarm to the next.
    pub const fn false_alarm_every(mut self, time: Duration) -> Self {
        self.config.false_alarm_every = time;
        self
    }

    /// Deviations up to this do not matter, in the unit of the series.
    pub const fn tolerance(mut self, deviation: f64) -> Self {
        self.config.tolerance = deviation;
        self
    }

    /// Deviations up to this share of what was expected do not matter.
    pub const fn tolerance_share(mut self, share: Ratio) -> Self {
        self.config.tolerance_share = share;
        self
    }

    /// A sample that sums up fewer observations counts as missing.
    pub const fn min_count(mut self, count: u64) -> Self {
        self.config.min_count = count;
        self
    }

    /// How many deviations have to be there before anything is judged.
    pub const fn warm_up(mut self, deviations: u32) -> Self {
        self.config.warm_up = deviations;
        self
    }

    /// An alarm that lasts so long is what is ordinary from then on.
    pub const fn relearn_after(mut self, time: Duration) -> Self {
        self.config.relearn_after = time;
        self
    }

    /// The detector, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Calibrated<M>, ConfigError> {
        let rules = self.config.rules()?;
        Ok(Calibrated { name: self.name, rules, state: State::new(self.model) })
    }

    /// The detector, which goes on where `snapshot` was taken.
    ///
    /// The model has to be configured as it was then; everything else may have changed.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore(self, snapshot: CalibratedSnapshot<M>) -> Result<Calibrated<M>, ConfigError> {
        let rules = self.config.rules()?;
        let state = snapshot.into_state(&State::new(self.model))?;
        Ok(Calibrated { name: self.name, rules, state })
    }
}
