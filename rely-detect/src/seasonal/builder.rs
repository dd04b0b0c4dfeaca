use core::time::Duration;

use rely_core::{ConfigError, Ratio};

use super::state::State;
use super::{Seasonal, SeasonalConfig, SeasonalSnapshot, Side};

/// How a [`Seasonal`] detector is made; see [`SeasonalConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct SeasonalBuilder {
    name: String,
    config: SeasonalConfig,
    step: Option<Duration>,
}

impl SeasonalBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, config: SeasonalConfig::default(), step: None }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: SeasonalConfig) -> Self {
        (self.config, self.step) = (config, None);
        self
    }

    /// After what time the series repeats itself.
    pub const fn season(mut self, season: Duration) -> Self {
        self.config.season = season;
        self
    }

    /// Into how many equal parts the season is divided.
    pub const fn slots(mut self, slots: u32) -> Self {
        (self.config.slots, self.step) = (slots, None);
        self
    }

    /// The same by the length of a part, which has to divide the season: the time from one sample to
    /// the next.
    pub const fn step(mut self, step: Duration) -> Self {
        self.step = Some(step);
        self
    }

    /// No season: a level that moves slowly, a sample each `step`.
    pub const fn without_season(mut self, step: Duration) -> Self {
        (self.config.season, self.config.slots, self.step) = (step, 1, None);
        self
    }

    /// On which side a deviation is trouble.
    pub const fn side(mut self, side: Side) -> Self {
        self.config.side = side;
        self
    }

    /// For what share of ordinary samples an alarm may begin.
    pub const fn alpha(mut self, alpha: f64) -> Self {
        (self.config.alpha, self.config.false_alarm_every) = (alpha, None);
        self
    }

    /// How long from one false alarm to the next.
    pub const fn false_alarm_every(mut self, time: Duration) -> Self {
        self.config.false_alarm_every = Some(time);
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

    /// How many residuals have to be there before anything is judged.
    pub const fn warm_up(mut self, residuals: u32) -> Self {
        self.config.warm_up = residuals;
        self
    }

    /// Among how many residuals a deviation is ranked.
    pub const fn memory(mut self, residuals: u32) -> Self {
        self.config.memory = residuals;
        self
    }

    /// A deviation that lasts so long is what is ordinary from then on.
    pub const fn relearn_after(mut self, time: Duration) -> Self {
        self.config.relearn_after = Some(time);
        self
    }

    /// The detector, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Seasonal, ConfigError> {
        let config = self.resolved()?;
        let rules = config.rules()?;
        let state = State::new(&rules);
        Ok(Seasonal::new(self.name, rules, state))
    }

    /// The detector, which goes on where `snapshot` was taken.
    ///
    /// Season and slots must be those of then; everything else may have changed.
    ///
    /// # Errors
    /// The first field that is out of range, or what in the snapshot does not fit.
    pub fn restore(self, snapshot: SeasonalSnapshot) -> Result<Seasonal, ConfigError> {
        let config = self.resolved()?;
        let rules = config.rules()?;
        let state = snapshot.into_state(&rules)?;
        Ok(Seasonal::new(self.name, rules, state))
    }

    fn resolved(&self) -> Result<SeasonalConfig, ConfigError> {
        let mut config = self.config.clone();
        if let Some(step) = self.step {
            let (season, nanos) = (config.season.as_nanos(), step.as_nanos());
            let slots = season.checked_div(nanos).filter(|_| season % nanos == 0);
            let Some(slots) = slots.and_then(|slots| u32::try_from(slots).ok()) else {
                let allowed = format!("a whole part of the season {:?}", config.season);
                return Err(ConfigError::new("step", format_args!("{step:?}"), allowed));
            };
            config.slots = slots;
        }
        Ok(config)
    }
}
