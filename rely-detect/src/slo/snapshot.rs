//! What an objective keeps across restarts.

use core::time::Duration;
use std::time::SystemTime;

use rely_core::{ConfigError, Instant};

use super::counters::Counters;
use super::periods::{Periods, Plan};

/// Everything that an [`Slo`](super::Slo) has counted, to be kept across restarts.
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly. It knows
/// when it was taken by the wall, so that the time until it is [restored](super::SloBuilder::restore)
/// counts as not seen. What a feed counted in between is not in it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct SloSnapshot {
    version: u32,
    /// Since 1970, by the wall.
    taken: Duration,
    counters: Counters,
    periods: Periods,
    spent_at: Option<Instant>,
}

/// What a snapshot holds, once it is found to be sound.
pub(super) struct Kept {
    pub(super) counters: Counters,
    pub(super) periods: Periods,
    /// In the counters' time.
    pub(super) spent_at: Option<Instant>,
}

impl SloSnapshot {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    pub(super) fn new(
        counters: &Counters,
        periods: &Periods,
        spent_at: Option<Instant>,
        wall: SystemTime,
    ) -> Self {
        let (counters, periods) = (counters.clone(), periods.clone());
        Self { version: Self::VERSION, taken: since_epoch(wall), counters, periods, spent_at }
    }

    /// What it holds, and how long ago it was taken. It may come from anywhere, so nothing in it is
    /// taken on trust.
    pub(super) fn open(
        self,
        fresh: &Counters,
        plan: &Plan,
        wall: SystemTime,
    ) -> Result<(Kept, Duration), ConfigError> {
        if self.version != Self::VERSION {
            let allowed = Self::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", self.version, allowed));
        }
        if !self.counters.fits(fresh) {
            let allowed = "counts over the windows and the period as configured";
            return Err(ConfigError::new("snapshot.counters", "something else", allowed));
        }
        if !self.periods.is_sound(plan) {
            let allowed =
                "at most twelve periods with shares from 0 to 1, of the length as configured";
            return Err(ConfigError::new("snapshot.periods", "something else", allowed));
        }
        let ago = since_epoch(wall).saturating_sub(self.taken);
        let Self { counters, periods, spent_at, .. } = self;
        Ok((Kept { counters, periods, spent_at }, ago))
    }
}

fn since_epoch(wall: SystemTime) -> Duration {
    wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
