use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

/// How a [`Leak`](super::Leak) detector judges; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `season` | 1 day | at least a microsecond for each slot, at most 40 days |
/// | `slots` | 24 | 8 to 96 |
/// | `seasons` | 8 | 3 to 16 |
/// | `tolerance_share` | 0.5 % | up to 100 % |
/// | `limit` | unset | within ±[`Sample::LIMIT`](crate::Sample::LIMIT) |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How a leak detector judges."))]
pub struct LeakConfig {
    /// After what time the series repeats itself; a level is compared with the same time of it.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub season: Duration,
    /// Into how many parts the season is divided; the lowest value of each is its floor. A part should
    /// last longer than the saw-tooth of the garbage collector.
    pub slots: u32,
    /// How many seasons are remembered. The default spans a week, so that each day meets its weekday.
    pub seasons: u32,
    /// Growth in a season up to this share of the level does not matter.
    pub tolerance_share: Ratio,
    /// Where the series must not get to, in its unit: what is left of it is reported as time.
    pub limit: Option<f64>,
}

impl Default for LeakConfig {
    fn default() -> Self {
        Self {
            season: Duration::from_secs(24 * 3600),
            slots: 24,
            seasons: 8,
            tolerance_share: Ratio::from_ppm_clamped(5_000),
            limit: None,
        }
    }
}

/// A [`LeakConfig`] that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    /// The length of a slot.
    pub(super) step: Duration,
    pub(super) slots: usize,
    /// How many floors are kept.
    pub(super) memory: usize,
    pub(super) tolerance: f64,
    pub(super) limit: Option<f64>,
}

impl LeakConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.rules().map(|_| ())
    }

    pub(super) fn rules(&self) -> Result<Rules, ConfigError> {
        let slots = config::in_range("slots", self.slots, 8..=96)?;
        let shortest = Duration::from_micros(1) * slots;
        let longest = Duration::from_secs(40 * 24 * 3600);
        let season = config::in_range("season", self.season, shortest..=longest)?;
        let seasons = config::in_range("seasons", self.seasons, 3..=16)?;
        let sound = -crate::Sample::LIMIT..=crate::Sample::LIMIT;
        let limit = self.limit.map(|limit| config::in_range("limit", limit, sound)).transpose()?;
        Ok(Rules {
            step: season / slots,
            slots: slots as usize,
            memory: (slots * seasons) as usize,
            tolerance: self.tolerance_share.as_f64(),
            limit,
        })
    }
}
