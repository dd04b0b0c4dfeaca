//! All that a detector remembers.

use std::collections::VecDeque;

use rely_core::{ConfigError, Instant, Level};

use super::config::Rules;
use super::profile::Profile;
use super::residuals::Residuals;
use crate::Sample;

/// What lasts of a deviation that is not learnt from.
const RUN: usize = 256;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) kept: Kept,
    pub(super) residuals: Residuals,
}

/// Everything but the residuals, whose order by size can be made anew.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Kept {
    pub(super) profile: Profile,
    /// Where the series is now, above its usual profile.
    pub(super) offset: f64,
    /// Nanoseconds from the clock's origin to the start of a season, less than a season.
    pub(super) anchor: u64,
    pub(super) last: Option<Instant>,
    pub(super) visit: Option<Visit>,
    /// The same of the samples that are not learnt from.
    pub(super) refused: Option<Visit>,
    pub(super) run: Option<Run>,
    /// How many gross residuals chance may have brought by now, less those that were learnt.
    pub(super) owed: f64,
    pub(super) evidence: f64,
    pub(super) alarm: bool,
    pub(super) level: Level,
    pub(super) since: Instant,
    pub(super) samples: u64,
    /// How many observations a sample usually sums up.
    pub(super) usual_count: f64,
}

/// The samples of the slot that the last one fell into; their mean is learnt when it is over.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Visit {
    pub(super) slot: usize,
    pub(super) lap: u64,
    pub(super) mean: f64,
    pub(super) samples: u64,
}

/// Residuals that are not learnt from, unless they last, each with its weight.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Run {
    pub(super) since: Instant,
    pub(super) residuals: VecDeque<(f64, f64)>,
}

impl Visit {
    /// Takes in a sample of the visit, or of a new one.
    pub(super) fn add(visit: &mut Option<Self>, slot: usize, lap: u64, value: f64) {
        let visit = visit.get_or_insert(Self { slot, lap, mean: 0.0, samples: 0 });
        visit.samples = visit.samples.saturating_add(1);
        visit.mean += (value - visit.mean) / visit.samples as f64;
    }
}

impl Run {
    pub(super) fn begin(since: Instant) -> Self {
        Self { since, residuals: VecDeque::new() }
    }

    pub(super) fn push(&mut self, residual: f64, weight: f64) {
        if self.residuals.len() >= RUN {
            self.residuals.pop_front();
        }
        self.residuals.push_back((residual, weight));
    }

    pub(super) fn median(&self) -> f64 {
        let mut sorted: Vec<f64> = self.residuals.iter().map(|(residual, _)| *residual).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }
}

impl State {
    pub(super) fn heap_bytes(&self) -> usize {
        let run = self.kept.run.as_ref().map_or(0, |run| run.residuals.capacity());
        self.kept.profile.heap_bytes() + self.residuals.heap_bytes() + run * size_of::<(f64, f64)>()
    }

    pub(super) fn new(rules: &Rules) -> Self {
        let kept = Kept {
            profile: Profile::new(rules.slots),
            offset: 0.0,
            anchor: 0,
            last: None,
            visit: None,
            refused: None,
            run: None,
            owed: 0.0,
            evidence: 0.0,
            alarm: false,
            level: Level::Unknown,
            since: Instant::ORIGIN,
            samples: 0,
            usual_count: 0.0,
        };
        Self { kept, residuals: Residuals::new(rules.memory) }
    }
}

/// Everything that a [`Seasonal`](super::Seasonal) detector has learnt, to be kept across restarts.
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly (for
/// `serde_json` that takes its feature `float_roundtrip`). It holds instants, which mean nothing on
/// another clock: see [`SeasonalSnapshot::rebase`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct SeasonalSnapshot {
    version: u32,
    season_nanos: u64,
    kept: Kept,
    residuals: Vec<f64>,
}

impl SeasonalSnapshot {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    pub(super) fn new(rules: &Rules, state: &State) -> Self {
        Self {
            version: Self::VERSION,
            season_nanos: rules.season,
            kept: state.kept.clone(),
            residuals: state.residuals.recent().collect(),
        }
    }

    /// The same on another clock, where `to` is the moment that was `from` on the old one.
    ///
    /// After a restart take both from the wall: `from` is the instant at which the snapshot was
    /// stored, `to` the new clock's now less the wall time that has passed since. The detector then
    /// finds itself at the right time of its season.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let kept = &mut self.kept;
        if let Some(season) = core::num::NonZeroU64::new(self.season_nanos) {
            let phase = |at: u64| u128::from(at % season);
            let anchor = phase(kept.anchor) + phase(to.as_nanos()) + u128::from(season.get())
                - phase(from.as_nanos());
            kept.anchor = u64::try_from(anchor % u128::from(season.get())).unwrap_or(0);
        }
        kept.last = kept.last.map(shift);
        kept.since = shift(kept.since);
        if let Some(run) = &mut kept.run {
            run.since = shift(run.since);
        }
        self
    }

    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    pub(super) fn into_state(self, rules: &Rules) -> Result<State, ConfigError> {
        let usable = |value: &f64| value.abs() <= 4.0 * Sample::LIMIT;
        let kept = &self.kept;
        let wrong = |field: &str, allowed: &str| {
            Err(ConfigError::new(format!("snapshot.{field}"), "something else", allowed))
        };
        if self.version != Self::VERSION {
            let allowed = Self::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", self.version, allowed));
        }
        if self.season_nanos != rules.season {
            let allowed = format!("{} as configured", rules.season);
            return Err(ConfigError::new("snapshot.season_nanos", self.season_nanos, allowed));
        }
        if !kept.profile.is_sound(rules.slots, usable) {
            return wrong("kept.profile", "as many slots as configured, of numbers");
        }
        let counted = [kept.owed, kept.evidence, kept.usual_count];
        if !usable(&kept.offset) || counted.iter().any(|value| !usable(value) || *value < 0.0) {
            return wrong("kept", "numbers");
        }
        if kept.anchor >= rules.season {
            return wrong("kept.anchor", "less than a season");
        }
        for visit in [&kept.visit, &kept.refused].into_iter().flatten() {
            if visit.slot >= rules.slots || !usable(&visit.mean) || visit.samples == 0 {
                return wrong("kept.visit", "a slot of the season and a number");
            }
        }
        if let Some(run) = &kept.run {
            let sound =
                |(residual, weight): &(f64, f64)| usable(residual) && (0.0..=1.0).contains(weight);
            if run.residuals.len() > RUN || !run.residuals.iter().all(sound) {
                return wrong("kept.run", "at most 256 numbers and weights from 0 to 1");
            }
        }
        if !self.residuals.iter().all(usable) {
            return wrong("residuals", "numbers");
        }
        let mut residuals = Residuals::new(rules.memory);
        self.residuals.into_iter().for_each(|residual| residuals.push(residual));
        Ok(State { kept: self.kept, residuals })
    }
}
