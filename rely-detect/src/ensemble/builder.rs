use core::marker::PhantomData;
use core::time::Duration;

use rely_core::{ConfigError, Ratio};

use super::model::Model;
use super::{EnsembleConfig, Online, OnlineSnapshot};
use crate::Side;

/// How an [`Ensemble`](super::Ensemble) or one of its channels is made; see [`EnsembleConfig`] for
/// defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct OnlineBuilder<M> {
    name: String,
    config: EnsembleConfig,
    model: PhantomData<M>,
}

impl<M: Model> OnlineBuilder<M> {
    pub(super) fn new(name: String) -> Self {
        Self { name, config: EnsembleConfig::default(), model: PhantomData }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: EnsembleConfig) -> Self {
        self.config = config;
        self
    }

    /// On which side a deviation is trouble.
    pub fn side(mut self, side: Side) -> Self {
        self.config.side = side;
        self
    }

    /// How long from one false alarm to the next.
    pub fn false_alarm_every(mut self, time: Duration) -> Self {
        self.config.false_alarm_every = time;
        self
    }

    /// Deviations up to this share of what was expected raise no alarm.
    pub fn tolerance_share(mut self, share: Ratio) -> Self {
        self.config.tolerance_share = share;
        self
    }

    /// A sample that sums up fewer observations counts as missing.
    pub fn min_count(mut self, count: u64) -> Self {
        self.config.min_count = count;
        self
    }

    /// How many samples are only learnt from.
    pub fn warm_up(mut self, samples: u32) -> Self {
        self.config.warm_up = Some(samples);
        self
    }

    /// The detector, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Online<M>, ConfigError> {
        self.config.check()?;
        Ok(Online::with(self.name, self.config))
    }

    /// The detector, which goes on where `snapshot` was taken; the configuration may have changed.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore(self, snapshot: OnlineSnapshot<M>) -> Result<Online<M>, ConfigError> {
        let mut detector = self.build()?;
        detector.state = snapshot.into_state()?;
        Ok(detector)
    }
}
