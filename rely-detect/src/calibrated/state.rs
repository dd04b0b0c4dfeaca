//! All that a calibrated detector remembers.

use rely_core::{ConfigError, Instant, Level};

use super::Model;
use super::rate::{AlarmRate, SURPRISE};
use crate::Sample;
use crate::tail::Tail;

/// How many deviations the calibration remembers: five weeks at five minutes, of which the twentieth
/// part suffices for a weekly alarm. Any number from 5000 to 100 000 does about the same.
const MEMORY: u32 = 10_000;
/// Without a sample for so many steps, what was seen before is no evidence any more.
const FORGET_STEPS: f64 = 10.0;
/// How fast the usual step and the usual count follow.
const GAIN: f64 = 0.05;
/// How many values of an alarm are kept, for the level that it settles at.
pub(super) const RECENT: usize = 16;

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct State<M> {
    pub(super) model: M,
    pub(super) tail: Tail,
    pub(super) rate: AlarmRate,
    pub(super) evidence: f64,
    /// How many alarms chance may have brought by now, less those that were learnt from.
    pub(super) owed: f64,
    pub(super) run: Option<Run>,
    pub(super) level: Level,
    pub(super) since: Instant,
    pub(super) samples: u64,
    /// How many deviations went into the tail.
    pub(super) deviations: u64,
    pub(super) last: Option<Instant>,
    /// Seconds from one sample to the next, as it usually is.
    pub(super) step: f64,
    pub(super) usual_count: f64,
    /// The deviation at which the band ends.
    pub(super) edge: f64,
    /// The model's time is this many nanoseconds ahead.
    shift: i64,
    pub(super) frozen: bool,
}

/// The alarm that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Run {
    pub(super) since: Instant,
    pub(super) samples: u64,
    pub(super) expected: f64,
    recent: [f64; RECENT],
}

impl Run {
    pub(super) const fn begin(since: Instant) -> Self {
        Self { since, samples: 0, expected: 0.0, recent: [0.0; RECENT] }
    }

    pub(super) fn push(&mut self, value: f64, expected: f64) {
        let place = usize::try_from(self.samples % RECENT as u64).unwrap_or(0);
        if let Some(slot) = self.recent.get_mut(place) {
            *slot = value;
        }
        self.samples = self.samples.saturating_add(1);
        self.expected = expected;
    }

    /// The last values, in no order.
    pub(super) fn recent(&self) -> &[f64] {
        let held = usize::try_from(self.samples).map_or(RECENT, |n| n.min(RECENT));
        self.recent.get(..held).unwrap_or(&[])
    }

    pub(super) fn median(&self) -> f64 {
        let mut sorted = self.recent;
        let held = self.recent().len();
        let sorted = sorted.get_mut(..held).unwrap_or(&mut []);
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(held / 2).copied().unwrap_or(self.expected)
    }
}

impl<M: Model> State<M> {
    pub(super) fn new(model: M) -> Self {
        let tail = if M::LIGHT { Tail::coarse(MEMORY) } else { Tail::new(MEMORY) };
        Self {
            model,
            tail,
            rate: AlarmRate::new(SURPRISE),
            evidence: 0.0,
            owed: 0.0,
            run: None,
            level: Level::Unknown,
            since: Instant::ORIGIN,
            samples: 0,
            deviations: 0,
            last: None,
            step: 0.0,
            usual_count: 0.0,
            edge: 0.0,
            shift: 0,
            frozen: false,
        }
    }

    /// The sample at the time by which the model counts.
    pub(super) fn seen(&self, sample: Sample) -> Sample {
        let at = sample.at.as_nanos().saturating_add_signed(self.shift);
        Sample { at: Instant::from_nanos(at), ..sample }
    }

    /// Learns the usual step; old evidence ends here.
    pub(super) fn keep_time(&mut self, at: Instant) {
        match self.last {
            None => self.since = at,
            Some(last) => {
                let passed = (at - last).as_secs_f64();
                if self.step <= 0.0 {
                    self.step = passed;
                }
                if passed > FORGET_STEPS * self.step {
                    self.forget();
                }
                self.step += GAIN * (passed.clamp(self.step / 2.0, 2.0 * self.step) - self.step);
            }
        }
        self.last = Some(at);
    }

    pub(super) const fn forget(&mut self) {
        (self.evidence, self.run) = (0.0, None);
        self.rate.forget();
    }

    pub(super) fn learn_count(&mut self, count: u64) {
        let (usual, count) = (&mut self.usual_count, count as f64);
        // One flood must not make all that follows count for nothing.
        *usual += if *usual > 0.0 { GAIN * (count.min(2.0 * *usual) - *usual) } else { count };
    }

    /// A mean of few observations says less than one of many.
    pub(super) fn weight(&self, count: u64) -> f64 {
        let usual = self.usual_count;
        if usual > 0.0 { (count as f64 / usual).sqrt().clamp(1e-6, 1.0) } else { 1.0 }
    }

    pub(super) fn add(&mut self, deviation: f64) {
        self.tail.add(deviation);
        self.deviations = self.deviations.saturating_add(1);
    }
}

/// Everything that a [`Calibrated`](super::Calibrated) detector has learnt, to be kept across restarts.
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly (for
/// `serde_json` that takes its feature `float_roundtrip`). It holds instants, which mean nothing on
/// another clock: see [`CalibratedSnapshot::rebase`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct CalibratedSnapshot<M> {
    version: u32,
    state: State<M>,
}

/// The version of the layout that this release writes and reads.
const VERSION: u32 = 1;

impl<M: Model> CalibratedSnapshot<M> {
    pub(super) const fn new(state: State<M>) -> Self {
        Self { version: VERSION, state }
    }

    /// The same on another clock, where `to` is the moment that was `from` on the old one.
    ///
    /// After a restart take both from the wall: `from` is the instant at which the snapshot was
    /// stored, `to` the new clock's now less the wall time that has passed since. A model that knows
    /// the time of the week then finds itself at the right one.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let ahead = i128::from(from.as_nanos()) - i128::from(to.as_nanos());
        let state = &mut self.state;
        let ahead = i128::from(state.shift) + ahead;
        state.shift = i64::try_from(ahead).unwrap_or(0);
        state.last = state.last.map(shift);
        state.since = shift(state.since);
        if let Some(run) = &mut state.run {
            run.since = shift(run.since);
        }
        self
    }

    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    pub(super) fn into_state(self, like: &State<M>) -> Result<State<M>, ConfigError> {
        let wrong = |field: &str, allowed: &str| {
            Err(ConfigError::new(format!("snapshot.{field}"), "something else", allowed))
        };
        if self.version != VERSION {
            return Err(ConfigError::new("snapshot.version", self.version, VERSION.to_string()));
        }
        let state = self.state;
        state.tail.check(&like.tail)?;
        if !like.model.fits(&state.model) {
            return wrong("state.model", "a sound model of the same configuration");
        }
        if !state.rate.is_sound(&like.rate) {
            return wrong("state.rate", "what false alarms were learnt from");
        }
        let counted = [state.owed, state.evidence, state.step, state.usual_count, state.edge];
        let usable = |value: &f64| value.abs() <= 4.0 * Sample::LIMIT;
        let owed = state.owed <= super::MOST_OWED;
        if !owed || counted.iter().any(|value| !usable(value) || *value < 0.0) {
            return wrong("state", "numbers, at least 0");
        }
        let runs = state.run.iter().flat_map(|run| run.recent.iter().chain([&run.expected]));
        if !runs.into_iter().all(usable) {
            return wrong("state.run", "numbers");
        }
        Ok(state)
    }
}
