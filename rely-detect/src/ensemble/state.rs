//! All that a detector remembers.

use rely_core::{ConfigError, Instant, Level};

use super::alarm::Alarm;
use super::model::Model;
use super::scale::Scale;
use crate::Sample;
use crate::tail::Tail;

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct State<M> {
    /// What came so far, until the scale is known for good.
    pub(super) past: Vec<(Instant, f64)>,
    pub(super) judge: Option<Judge<M>>,
    /// Nanoseconds to add to an instant, so that it has the time of day that it had before a restart.
    pub(super) anchor: u64,
    pub(super) last: Option<Instant>,
    pub(super) level: Level,
    pub(super) since: Instant,
    pub(super) samples: u64,
}

/// What judges, once the scale is known.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Judge<M> {
    pub(super) model: M,
    pub(super) scale: Scale,
    /// Of the severities: it says which of them makes an alarm.
    pub(super) severities: Tail,
    pub(super) alarm: Alarm,
    /// Nanoseconds from one sample to the next, usually.
    pub(super) step: f64,
}

pub(super) const DAY: u64 = 24 * 3600 * 1_000_000_000;
pub(super) const WEEK: u64 = 7 * DAY;
/// How many samples may be kept until the scale is known.
const MOST: usize = 100_000;

impl<M: Model> State<M> {
    pub(super) fn new() -> Self {
        Self {
            past: Vec::new(),
            judge: None,
            anchor: 0,
            last: None,
            level: Level::Unknown,
            since: Instant::ORIGIN,
            samples: 0,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let judge = self.judge.as_ref().map_or(0, |judge| {
            judge.model.heap_bytes() + judge.scale.heap_bytes() + judge.severities.heap_bytes()
        });
        self.past.capacity() * size_of::<(Instant, f64)>() + judge
    }
}

impl<M: Model> Judge<M> {
    pub(super) fn severities() -> Tail {
        if M::LIGHT { Tail::coarse(SEVERITIES) } else { Tail::new(SEVERITIES) }
    }
}

/// Among how many samples a severity is ranked.
const SEVERITIES: u32 = 20_000;

/// Everything that an [`Ensemble`](super::Ensemble) or one of its channels has learnt, to be kept
/// across restarts.
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly (for
/// `serde_json` that takes its feature `float_roundtrip`). It holds instants, which mean nothing on
/// another clock: see [`OnlineSnapshot::rebase`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct OnlineSnapshot<M> {
    version: u32,
    state: State<M>,
}

impl<M: Model> OnlineSnapshot<M> {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    pub(super) fn new(state: &State<M>) -> Self {
        Self { version: Self::VERSION, state: state.clone() }
    }

    /// The same on another clock, where `to` is the moment that was `from` on the old one.
    ///
    /// After a restart take both from the wall: `from` is the instant at which the snapshot was
    /// stored, `to` the new clock's now less the wall time that has passed since. The detector then
    /// finds itself at the right time of day and week.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let state = &mut self.state;
        let phase = |at: Instant| at.as_nanos() % WEEK;
        state.anchor = (state.anchor % WEEK + phase(from) + WEEK - phase(to)) % WEEK;
        state.last = state.last.map(shift);
        state.since = shift(state.since);
        state.past.iter_mut().for_each(|(at, _)| *at = shift(*at));
        if let Some(held) = state.judge.as_mut().and_then(|judge| judge.alarm.held.as_mut()) {
            held.began = shift(held.began);
        }
        self
    }

    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    pub(super) fn into_state(self) -> Result<State<M>, ConfigError> {
        let wrong = |field: &str, allowed: &str| {
            Err(ConfigError::new(format!("snapshot.{field}"), "something else", allowed))
        };
        if self.version != Self::VERSION {
            let allowed = Self::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", self.version, allowed));
        }
        let mut state = self.state;
        if state.anchor >= WEEK {
            return wrong("anchor", "less than a week");
        }
        let usable = |(_, value): &(Instant, f64)| value.abs() <= Sample::LIMIT;
        if state.past.len() > MOST || !state.past.iter().all(usable) {
            return wrong("past", "at most 100000 samples of numbers");
        }
        if let Some(mut judge) = state.judge.take() {
            judge.model.check()?;
            judge.severities.check(&Judge::<M>::severities())?;
            judge.scale = judge.scale.clone().check(M::RING)?;
            if !judge.alarm.is_sound() {
                return wrong("alarm", "counts, and numbers");
            }
            if !(judge.step >= 1.0 && judge.step.is_finite()) {
                return wrong("step", "at least a nanosecond");
            }
            // What was read has room to spare; a clone has none.
            (judge.model, judge.severities) = (judge.model.clone(), judge.severities.clone());
            if state.past.is_empty() {
                judge.model.settle();
            }
            state.judge = Some(judge);
        }
        state.past = state.past.clone();
        Ok(state)
    }
}
