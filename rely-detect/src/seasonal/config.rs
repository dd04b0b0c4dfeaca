use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

use super::evidence::Evidence;

/// On which side a deviation is trouble. Exhaustive by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Side {
    /// Too high and too low alike.
    #[default]
    Both,
    /// Only too high: a latency that falls is no trouble.
    High,
    /// Only too low: traffic that fails to come.
    Low,
}

/// How a [`Seasonal`](super::Seasonal) detector judges; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `season` | 1 day | at least a microsecond for each slot, at most 400 days |
/// | `slots` | 288 | 1 to 20160 |
/// | `side` | both | |
/// | `alpha` | 0.001 | 1e-9 to 0.03 |
/// | `false_alarm_every` | unset | so that `alpha` comes out in its range |
/// | `tolerance` | 0 | at least 0 |
/// | `tolerance_share` | 5 % | |
/// | `min_count` | 1 | at least 1 |
/// | `warm_up` | 20 | 10 to `memory` |
/// | `memory` | 512 | 32 to 8192 |
/// | `relearn_after` | 4 seasons, at least 40 slots | over zero |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How a seasonal detector judges."))]
pub struct SeasonalConfig {
    /// After what time the series repeats itself.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub season: Duration,
    /// Into how many equal parts the season is divided: as many as samples come in a season, or
    /// fewer. One means no season.
    pub slots: u32,
    /// On which side a deviation is trouble.
    pub side: Side,
    /// For what share of ordinary samples an alarm may begin.
    pub alpha: f64,
    /// How long from one false alarm to the next, one sample coming in each slot; replaces `alpha`.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub false_alarm_every: Option<Duration>,
    /// Deviations up to this do not matter, in the unit of the series.
    pub tolerance: f64,
    /// Deviations up to this share of what was expected do not matter.
    pub tolerance_share: Ratio,
    /// A sample that sums up fewer observations counts as missing.
    pub min_count: u64,
    /// How many residuals have to be there before anything is judged.
    pub warm_up: u32,
    /// Among how many residuals a deviation is ranked.
    pub memory: u32,
    /// A deviation that lasts so long is what is ordinary from then on.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub relearn_after: Option<Duration>,
}

impl Default for SeasonalConfig {
    fn default() -> Self {
        Self {
            season: Duration::from_secs(24 * 3600),
            slots: 288,
            side: Side::Both,
            alpha: 0.001,
            false_alarm_every: None,
            tolerance: 0.0,
            tolerance_share: Ratio::from_ppm_clamped(50_000),
            min_count: 1,
            warm_up: 20,
            memory: 512,
            relearn_after: None,
        }
    }
}

/// A [`SeasonalConfig`] that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    /// Nanoseconds.
    pub(super) season: u64,
    /// Nanoseconds; the last slot may be a little longer.
    pub(super) step: u64,
    pub(super) slots: usize,
    pub(super) side: Side,
    pub(super) alpha: f64,
    pub(super) evidence: Evidence,
    /// How many gross residuals are learnt for each ordinary one, at most: twice as many as `alpha`
    /// says, or one in a whole memory, so that a heavier tail shows in time.
    pub(super) owing: f64,
    pub(super) tolerance: f64,
    pub(super) tolerance_share: f64,
    pub(super) min_count: u64,
    pub(super) warm_up: usize,
    pub(super) memory: usize,
    pub(super) relearn_after: Duration,
    /// As often in a row a slot deviates in that time, the first time included.
    pub(super) relearn_visits: u32,
    /// What was seen before so long a gap is no evidence any more.
    pub(super) forget_after: Duration,
}

impl SeasonalConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.rules().map(|_| ())
    }

    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        let slots = config::in_range("slots", self.slots, 1..=20_160)?;
        let shortest = Duration::from_micros(1) * slots;
        config::in_range("season", self.season, shortest..=Duration::from_secs(400 * 24 * 3600))?;
        let season = u64::try_from(self.season.as_nanos()).unwrap_or(u64::MAX);
        let step = season / u64::from(slots);
        let alpha = match self.false_alarm_every {
            None => config::in_range("alpha", self.alpha, 1e-9..=0.03)?,
            Some(every) => {
                let step = Duration::from_nanos(step).as_secs_f64();
                let allowed = step / 0.03..=step / 1e-9;
                step / config::in_range("false_alarm_every", every.as_secs_f64(), allowed)?
            }
        };
        let memory = config::in_range("memory", self.memory, 32..=8192)?;
        let warm_up = config::in_range("warm_up", self.warm_up, 10..=memory)?;
        let (season_time, step_time) = (self.season, Duration::from_nanos(step));
        let relearn_after = match self.relearn_after {
            Some(after) => config::nonzero("relearn_after", after)?,
            None => (season_time * 4).max(step_time * 40),
        };
        let laps = relearn_after.as_nanos().div_ceil(self.season.as_nanos());
        Ok(Rules {
            season,
            step,
            slots: slots as usize,
            side: self.side,
            alpha,
            evidence: Evidence::new(alpha),
            owing: (2.0 * alpha).max(1.0 / f64::from(memory)),
            tolerance: config::in_range("tolerance", self.tolerance, 0.0..=crate::Sample::LIMIT)?,
            tolerance_share: self.tolerance_share.as_f64(),
            min_count: config::in_range("min_count", self.min_count, 1..)?,
            warm_up: warm_up as usize,
            memory: memory as usize,
            relearn_after,
            relearn_visits: u32::try_from(laps.max(warm_up.div_ceil(slots).into()) + 1)
                .unwrap_or(u32::MAX),
            forget_after: season_time.max(step_time * 10),
        })
    }
}
