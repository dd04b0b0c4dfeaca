use core::time::Duration;

use rely_core::{ConfigError, Ratio};

use super::state::State;
use super::{Leak, LeakConfig, LeakSnapshot};

/// How a [`Leak`] detector is made; see [`LeakConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct LeakBuilder {
    name: String,
    config: LeakConfig,
}

impl LeakBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, config: LeakConfig::default() }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: LeakConfig) -> Self {
        self.config = config;
        self
    }

    /// After what time the series repeats itself.
    pub const fn season(mut self, season: Duration) -> Self {
        self.config.season = season;
        self
    }

    /// Into how many parts the season is divided; each has its floor.
    pub const fn slots(mut self, slots: u32) -> Self {
        self.config.slots = slots;
        self
    }

    /// How many seasons are remembered.
    pub const fn seasons(mut self, seasons: u32) -> Self {
        self.config.seasons = seasons;
        self
    }

    /// Growth in a season up to this share of the level does not matter.
    pub const fn tolerance_share(mut self, share: Ratio) -> Self {
        self.config.tolerance_share = share;
        self
    }

    /// Where the series must not get to.
    pub const fn limit(mut self, limit: f64) -> Self {
        self.config.limit = Some(limit);
        self
    }

    /// The detector, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Leak, ConfigError> {
        let rules = self.config.rules()?;
        let state = State::new(&rules);
        Ok(Leak::new(self.name, rules, state))
    }

    /// The detector, which goes on where `snapshot` was taken.
    ///
    /// Season, slots and seasons must be those of then; everything else may have changed.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore(self, snapshot: LeakSnapshot) -> Result<Leak, ConfigError> {
        let rules = self.config.rules()?;
        let state = snapshot.into_state(&rules)?;
        Ok(Leak::new(self.name, rules, state))
    }
}
