//! Peers compared with each other: the one instance that differs.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::fleet::Fleet;
//!
//! let mut fleet = Fleet::builder("latency by zone").build()?;
//! let mut at = Instant::ORIGIN;
//! let mut last = None;
//! for n in 0..200_u32 {
//!     at += Duration::from_secs(10);
//!     let load = 50.0 + 30.0 * (f64::from(n) / 20.0).sin();
//!     let value = |zone: u32| load + f64::from((n * 31 + zone * 17) % 11) / 2.0;
//!     let slow = if n < 150 { 0.0 } else { 60.0 };
//!     let zones = [("a", value(0)), ("b", value(1)), ("c", value(2) + slow), ("d", value(3))];
//!     last = Some(fleet.observe(at, zones));
//! }
//! let reading = last.expect("many steps");
//! assert_eq!((reading.level, reading.differing[0].instance), (Level::Unhealthy, "c"));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # How it judges
//!
//! Whatever moves the whole fleet, such as load or the time of day, moves its centre, and says nothing
//! about any one. At each step the centre is the median of the instances and the spread their median
//! absolute deviation, not under the tolerance: so fewer than half of them cannot hide. What each is
//! off by, in spreads, less what it is usually off by, goes into a cumulative sum on either side; a
//! sum over its threshold is an alarm, which ends at half of that. The threshold is such that one false
//! alarm of the whole fleet comes in `false_alarm_every`, however many instances there are.
//!
//! Nothing is judged in the first twenty steps, nor below `min_peers` values at a step. Instances come and go: one that was silent for
//! ten steps is forgotten, and one beyond `most` is not taken in, but counted.

mod config;
mod member;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rely_core::{ConfigError, Instant, Level};

pub use config::{FleetBuilder, FleetConfig};

use self::config::Rules;
use self::member::Member;
use crate::Side;
use crate::calibrated::rate::{AlarmRate, Usual};

/// The excursions of a sum of independent normal deviations, with a slack of one standard deviation
/// (D. Siegmund: "Sequential Analysis", 1985).
const NORMAL: Usual = Usual { share: 0.194, height: 0.5, most: 12.0 };
/// Standard deviations to a median absolute deviation, for normal noise.
const SCALE: f64 = 1.482_602;
/// Silent for so many steps, an instance is gone.
const GONE_STEPS: f64 = 10.0;
/// How many steps show how much instances differ, before any alarm.
const WARM_UP: u32 = 20;
/// How fast the usual step and spread follow.
const GAIN: f64 = 0.05;

/// Compares the instances of a fleet with each other, step by step.
///
/// See the [module's documentation](self) for how it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet<K> {
    name: String,
    rules: Rules,
    state: State<K>,
    /// Room to sort in.
    scratch: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, bound(deserialize = "K: serde::Deserialize<'de> + Ord"))
)]
struct State<K> {
    /// A list, so that a format whose keys are words can hold it.
    #[cfg_attr(feature = "serde", serde(with = "member::list"))]
    #[cfg_attr(feature = "serde", serde(bound(serialize = "K: serde::Serialize")))]
    members: BTreeMap<K, Member>,
    rate: AlarmRate,
    last: Option<Instant>,
    step: f64,
    /// The smoothed standard deviation of the peers, and over how many steps.
    spread: f64,
    steps: u32,
    ignored: u64,
}

/// What a [`Fleet`] says about one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FleetReading<K> {
    /// When it was.
    pub at: Instant,
    /// Unhealthy while any instance differs; unknown where there are too few to compare.
    pub level: Level,
    /// How many instances were compared.
    pub peers: usize,
    /// The median of them.
    pub centre: Option<f64>,
    /// Their standard deviation, told from the median deviation of the last steps, or the tolerance.
    pub spread: Option<f64>,
    /// The instances that differ, the worst one first.
    pub differing: Vec<Differing<K>>,
}

/// An instance that differs from its peers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Differing<K> {
    /// Which one it is.
    pub instance: K,
    /// Its value.
    pub value: f64,
    /// What its peers let expect of it.
    pub expected: f64,
    /// On which side it is off.
    pub side: Side,
    /// What it has been off by, in spreads, in the mean since then.
    pub deviation: f64,
    /// Since when.
    pub since: Instant,
    /// How many times the evidence that an alarm takes there is.
    pub evidence: f64,
}

impl<K: Ord + Clone> Fleet<K> {
    /// A builder for a fleet compared by the series called `name`.
    pub fn builder(name: impl Into<String>) -> FleetBuilder<K> {
        FleetBuilder::new(name.into())
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many instances it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.members.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.members.is_empty()
    }

    /// How many values came from instances for which there was no room.
    #[must_use]
    pub const fn ignored(&self) -> u64 {
        self.state.ignored
    }

    /// How many bytes it takes up; keys without what they hold on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // A tree's nodes are at least half full.
        let members = 2 * self.state.members.len() * size_of::<(K, Member)>();
        size_of::<Self>() + self.name.capacity() + members + self.scratch.capacity() * 8
    }

    /// Everything it has learnt.
    #[must_use]
    pub fn snapshot(&self) -> FleetSnapshot<K> {
        FleetSnapshot { version: VERSION, state: self.state.clone() }
    }

    /// Takes in what each instance measured at one step; the last value of one counts, what is no
    /// number is left out. A step not later than the one before changes nothing and is unknown.
    pub fn observe(
        &mut self,
        at: Instant,
        values: impl IntoIterator<Item = (K, f64)>,
    ) -> FleetReading<K> {
        if self.state.last.is_some_and(|last| at <= last) {
            return Self::unknown(at, 0);
        }
        let passed = self.keep_time(at);
        for (instance, value) in values.into_iter().filter(|(_, value)| value.abs() <= LIMIT) {
            let members = &mut self.state.members;
            if let Some(member) = members.get_mut(&instance) {
                member.see(at, value);
            } else if members.len() < self.rules.most {
                members.insert(instance, Member::new(at, value));
            } else {
                self.state.ignored = self.state.ignored.saturating_add(1);
            }
        }
        let gone = GONE_STEPS * self.state.step;
        self.state.members.retain(|_, member| (at - member.last).as_secs_f64() <= gone);
        self.judge(at, passed)
    }

    fn judge(&mut self, at: Instant, passed: f64) -> FleetReading<K> {
        let (rules, state) = (&self.rules, &mut self.state);
        let present = |member: &&Member| member.last == at;
        self.scratch.clear();
        self.scratch.extend(state.members.values().filter(present).map(|member| member.value));
        let peers = self.scratch.len();
        let Some(centre) = median(&mut self.scratch).filter(|_| peers >= rules.min_peers) else {
            return Self::unknown(at, peers);
        };
        self.scratch.iter_mut().for_each(|value| *value = (*value - centre).abs());
        let tolerance = rules.tolerance.max(rules.tolerance_share * centre.abs());
        let spread = SCALE * median(&mut self.scratch).unwrap_or(0.0);
        // A few peers tell their spread but roughly at one step, and well over many.
        state.steps = state.steps.saturating_add(1);
        state.spread += GAIN.max(1.0 / f64::from(state.steps)) * (spread - state.spread);
        let spread = state.spread.max(tolerance).max(1e-9 * centre.abs() + 1e-12);
        // Each side of each instance has its share of the false alarms.
        let alpha = state.step / rules.every.as_secs_f64() / (2.0 * peers as f64);
        let alpha = alpha.clamp(1e-12, 0.01);
        let warm = state.steps > WARM_UP;
        let threshold = state.rate.threshold(alpha);
        let mut differing = Vec::new();
        for (instance, member) in &mut state.members {
            if member.last == at {
                let off = ((member.value - centre) / spread).clamp(-LIMIT, LIMIT);
                member.judge(at, off, passed / rules.usual_time, rules.side, threshold);
                member.teach(&mut state.rate, if warm { alpha } else { 0.0 });
                let differs = member.differing(instance, centre, spread, threshold);
                differing.extend(differs.filter(|_| warm));
            }
        }
        differing.sort_by(|one, other| other.evidence.total_cmp(&one.evidence));
        let level = match (warm, differing.is_empty()) {
            (false, _) => Level::Unknown,
            (true, true) => Level::Healthy,
            (true, false) => Level::Unhealthy,
        };
        FleetReading { at, level, peers, centre: Some(centre), spread: Some(spread), differing }
    }

    /// Seconds since the last step, of which only ten usual ones count.
    fn keep_time(&mut self, at: Instant) -> f64 {
        let state = &mut self.state;
        let passed = state.last.map_or(0.0, |last| (at - last).as_secs_f64());
        if state.step <= 0.0 {
            state.step = passed;
        }
        state.step += GAIN * (passed.clamp(state.step / 2.0, 2.0 * state.step) - state.step);
        state.last = Some(at);
        passed.min(GONE_STEPS * state.step)
    }

    const fn unknown(at: Instant, peers: usize) -> FleetReading<K> {
        let (centre, spread) = (None, None);
        FleetReading { at, level: Level::Unknown, peers, centre, spread, differing: Vec::new() }
    }
}

/// Values farther from zero count as infinite.
const LIMIT: f64 = crate::Sample::LIMIT;

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied();
    Some(f64::midpoint(at(values.len().checked_sub(1)? / 2)?, at(values.len() / 2)?))
}

/// Everything that a [`Fleet`] has learnt, to be kept across restarts.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields),
    serde(bound(
        serialize = "K: serde::Serialize",
        deserialize = "K: serde::Deserialize<'de> + Ord"
    ))
)]
pub struct FleetSnapshot<K> {
    version: u32,
    state: State<K>,
}

/// The version of the layout that this release writes and reads.
const VERSION: u32 = 1;

impl<K: Ord + Clone> FleetSnapshot<K> {
    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    fn into_state(self, rules: &Rules) -> Result<State<K>, ConfigError> {
        if self.version != VERSION {
            return Err(ConfigError::new("snapshot.version", self.version, VERSION.to_string()));
        }
        let state = self.state;
        let sound = state.members.len() <= rules.most
            && state.members.values().all(|member| member.is_sound(state.last))
            && state.rate.is_sound(&AlarmRate::new(NORMAL))
            && (0.0..1e12).contains(&state.step)
            && (0.0..=4.0 * LIMIT).contains(&state.spread);
        if sound {
            Ok(state)
        } else {
            let allowed = "numbers, and no more instances than configured";
            Err(ConfigError::new("snapshot.state", "something else", allowed))
        }
    }
}
