//! All that a detector remembers.

use std::collections::VecDeque;

use rely_core::{ConfigError, Instant, Level};

use super::config::Rules;
use super::growth::Growth;
use crate::{Sample, Why};

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct State {
    /// The lowest value of each slot that is over, the newest last; nothing where none was measured.
    pub(super) floors: VecDeque<Option<f64>>,
    /// The highest values of the last season's slots.
    pub(super) peaks: VecDeque<Option<f64>>,
    pub(super) open: Option<Slot>,
    /// How many samples come in a slot.
    pub(super) usual: f64,
    /// Samples so low that they are either wild or a restart.
    pub(super) fallen: Vec<Sample>,
    pub(super) last: Option<Instant>,
    /// The cumulative sum.
    pub(super) evidence: f64,
    pub(super) growth: Option<Growth>,
    /// What the floors say about a rise, where it was tested.
    pub(super) p_value: Option<f64>,
    pub(super) alarm: bool,
    pub(super) stand: Stand,
    pub(super) since: Instant,
    pub(super) samples: u64,
}

/// How the series stands since the last slot was over.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Stand {
    WarmingUp,
    Ordinary,
    Tolerated,
    Risen,
    Alarm,
    Recovering,
}

impl Stand {
    pub(super) const fn level(self) -> Level {
        match self {
            Self::WarmingUp => Level::Unknown,
            Self::Ordinary | Self::Tolerated => Level::Healthy,
            Self::Risen => Level::Degraded,
            Self::Alarm | Self::Recovering => Level::Unhealthy,
        }
    }
}

/// The slot that is not over yet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Slot {
    pub(super) start: Instant,
    pub(super) floor: f64,
    pub(super) peak: f64,
    pub(super) samples: u64,
}

impl Slot {
    pub(super) const fn begin(start: Instant) -> Self {
        Self { start, floor: f64::INFINITY, peak: f64::NEG_INFINITY, samples: 0 }
    }
}

impl State {
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            floors: VecDeque::with_capacity(rules.memory),
            peaks: VecDeque::with_capacity(rules.slots),
            open: None,
            usual: 0.0,
            fallen: Vec::with_capacity(super::FALLEN),
            last: None,
            evidence: 0.0,
            growth: None,
            p_value: None,
            alarm: false,
            stand: Stand::WarmingUp,
            since: Instant::ORIGIN,
            samples: 0,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        (self.floors.capacity() + self.peaks.capacity()) * size_of::<Option<f64>>()
            + self.fallen.capacity() * size_of::<Sample>()
    }

    /// Forgets the level and everything that rests on it; how often samples come stays.
    pub(super) fn forget(&mut self) {
        self.floors.clear();
        self.peaks.clear();
        self.fallen.clear();
        (self.open, self.evidence, self.growth, self.p_value) = (None, 0.0, None, None);
        (self.alarm, self.stand) = (false, Stand::WarmingUp);
    }

    pub(super) fn push(&mut self, rules: &Rules, floor: Option<f64>, peak: Option<f64>) {
        if self.floors.len() >= rules.memory {
            self.floors.pop_front();
        }
        if self.peaks.len() >= rules.slots {
            self.peaks.pop_front();
        }
        self.floors.push_back(floor);
        self.peaks.push_back(peak);
    }

    pub(super) fn why(&self, rules: &Rules) -> Why {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        match self.stand {
            Stand::WarmingUp => Why::WarmingUp {
                have: count(self.floors.iter().flatten().count()),
                need: count(super::judge::need(rules)),
            },
            Stand::Ordinary => Why::Ordinary,
            Stand::Tolerated => Why::Tolerated,
            Stand::Risen => Why::Unusual,
            Stand::Alarm => Why::Alarm,
            Stand::Recovering => Why::Recovering,
        }
    }
}

/// Everything that a [`Leak`](super::Leak) detector has learnt, to be kept across restarts of the
/// detector (not of what it watches: that gives memory back).
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly (for
/// `serde_json` that takes its feature `float_roundtrip`). It holds instants, which mean nothing on
/// another clock: see [`LeakSnapshot::rebase`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct LeakSnapshot {
    version: u32,
    step_nanos: u64,
    slots: usize,
    state: State,
}

impl LeakSnapshot {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    pub(super) fn new(rules: &Rules, state: &State) -> Self {
        let (step_nanos, state) = (nanos(rules), state.clone());
        Self { version: Self::VERSION, step_nanos, slots: rules.slots, state }
    }

    /// The same on another clock, where `to` is the moment that was `from` on the old one.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let state = &mut self.state;
        state.last = state.last.map(shift);
        state.since = shift(state.since);
        if let Some(open) = &mut state.open {
            open.start = shift(open.start);
        }
        if let Some(growth) = &mut state.growth {
            growth.since = shift(growth.since);
        }
        state.fallen.iter_mut().for_each(|sample| sample.at = shift(sample.at));
        self
    }

    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    pub(super) fn into_state(self, rules: &Rules) -> Result<State, ConfigError> {
        let wrong = |field: &str, value: &dyn core::fmt::Display, allowed: String| {
            Err(ConfigError::new(format!("snapshot.{field}"), value, allowed))
        };
        if self.version != Self::VERSION {
            return wrong("version", &self.version, Self::VERSION.to_string());
        }
        if self.step_nanos != nanos(rules) {
            return wrong(
                "step_nanos",
                &self.step_nanos,
                format!("{} as configured", nanos(rules)),
            );
        }
        if self.slots != rules.slots {
            return wrong("slots", &self.slots, format!("{} as configured", rules.slots));
        }
        let state = self.state;
        let usable = |value: f64| value.abs() <= Sample::LIMIT;
        let sound = |ring: &VecDeque<Option<f64>>, most: usize| {
            ring.len() <= most && ring.iter().flatten().all(|value| usable(*value))
        };
        let other = &"something else";
        if !sound(&state.floors, rules.memory) || !sound(&state.peaks, rules.slots) {
            return wrong("state.floors", other, "as many numbers as configured".to_owned());
        }
        let open = state.open.is_none_or(|open| {
            usable(open.floor) && usable(open.peak) && open.floor <= open.peak && open.samples > 0
        });
        if !open || state.fallen.len() >= super::FALLEN {
            return wrong("state.open", other, "a slot with samples".to_owned());
        }
        let counted = [state.evidence, state.usual, state.p_value.unwrap_or(0.0)];
        let counted = counted.iter().all(|value| usable(*value) && *value >= 0.0);
        let fallen = state.fallen.iter().all(Sample::is_number);
        let ranked = state.p_value.is_none_or(|p| p <= 1.0);
        let growth = state.growth.is_none_or(|growth| growth.is_sound());
        if !counted || !fallen || !ranked || !growth {
            return wrong("state", other, "numbers".to_owned());
        }
        let mut fresh = State::new(rules);
        fresh.floors.extend(&state.floors);
        fresh.peaks.extend(&state.peaks);
        fresh.fallen.extend(&state.fallen);
        Ok(State { floors: fresh.floors, peaks: fresh.peaks, fallen: fresh.fallen, ..state })
    }
}

fn nanos(rules: &Rules) -> u64 {
    u64::try_from(rules.step.as_nanos()).unwrap_or(u64::MAX)
}
