//! Slow growth: a leak, a disk that fills up, a queue that is not drained.
//!
//! [`Leak`] finds growth under noise, a daily wave and the saw-tooth of a garbage collector, long before
//! a limit is near, and says how fast it is and when a limit is reached. [`TrendWindow`],
//! [`mann_kendall`] and [`theil_sen`] are the statistics on their own.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::{Detector, Leak, Sample};
//!
//! // A day takes a minute here, as in a simulation.
//! let mut heap = Leak::builder("heap").season(Duration::from_secs(60)).limit(2000.0).build()?;
//! let mut level = Level::Unknown;
//! for n in 0..3000_u32 {
//!     let at = Instant::ORIGIN + Duration::from_millis(100 * u64::from(n));
//!     let (day, saw) = (f64::from(n) / 600.0, 150.0 * f64::from(n % 13) / 13.0);
//!     let leak = 200.0 * (day - 4.0).max(0.0);
//!     let wave = 100.0 * (day * core::f64::consts::TAU).sin();
//!     level = heap.observe(Sample::new(at, 1000.0 + wave + saw + leak)).level;
//! }
//! assert_eq!(level, Level::Unhealthy);
//! let left = heap.exhaustion().map(|end| end.time_left().as_secs());
//! assert!(left.is_some_and(|left| (100..240).contains(&left)), "{left:?}");
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # How it judges
//!
//! * A season, a day by default, has 24 **slots**; the lowest value of each is its **floor**, which a
//!   saw-tooth within the slot does not touch. The floors of eight seasons are kept.
//! * **Speed**: a cumulative sum of how far each floor lies over all earlier floors of its slot, in
//!   standard deviations of the difference from season to season (by the median deviation), less a
//!   half. The threshold is a whole season of one standard deviation more. As the comparison is with
//!   the highest of a week, neither a weekday after a weekend nor a saw-tooth of days adds up.
//! * **Proof**: the seasonal Mann-Kendall test over all floors at 3.5 standard deviations, corrected for
//!   ties and for the resemblance of neighbouring slots, while most floors of the last season are the
//!   highest of their slot. It finds what is slow.
//! * **A ramp, not a step**: an alarm takes a ramp, from whatever slot on, that explains the floors
//!   better than any step does, by a ratio of likelihoods that is very strong evidence. A release that
//!   needs more memory is a step: [`Why::Unusual`], degraded, for a season.
//! * **A restart**, three samples in a row below half of the lowest floor of the last season, or
//!   [`Leak::restarted`], forgets the level. One or two such samples are left out.
//! * **Growth** is the Theil-Sen slope of the floors above their season since the ramp began, with Sen's
//!   interval, corrected for autocorrelation. [`Exhaustion`] is when the highest value of a season
//!   reaches the limit, so saw-tooth and wave need their room.
//!
//! | what is seen | level | [`Why`] |
//! |---|---|---|
//! | floors of less than one and a half seasons | unknown | `WarmingUp` |
//! | the sample is missing, or late | unknown, and nothing changes | `NotANumber`, `TooFew`, `Late` |
//! | growth beyond chance | unhealthy | `Alarm` |
//! | an alarm whose evidence has not run down yet | unhealthy | `Recovering` |
//! | floors that rose at once | degraded | `Unusual` |
//! | growth within the tolerance | healthy | `Tolerated` |
//! | anything else | healthy | `Ordinary` |
//!
//! The p-value is that of the seasonal test for a rise, and the severity its surprise while growth is an
//! alarm; expected is the highest floor that the slot had so far. All of them change when a slot is
//! over, which is also when memory is allocated for a moment; a sample in between costs two comparisons.
//!
//! # What it takes
//!
//! A slot counts as missing with less than half of the usual samples; a gap longer than all that is
//! remembered starts anew. Five floors are the least for an alarm, so what takes less time than that is
//! work for a detector of levels. A leak from the very first sample on looks like a step until the
//! third season. A saw-tooth that takes longer than a slot is noise, and hides slow growth.

mod builder;
mod config;
mod growth;
mod judge;
mod kendall;
mod ramp;
mod sen;
mod state;
#[cfg(test)]
mod tests;
mod window;

use rely_core::{Instant, Level};

pub use builder::LeakBuilder;
pub use config::LeakConfig;
pub use growth::{Exhaustion, Growth};
pub use kendall::{MannKendall, mann_kendall, mann_kendall_autocorrelated};
pub use sen::{TheilSen, sen_interval, theil_sen};
pub use state::LeakSnapshot;
pub use window::TrendWindow;

use self::config::Rules;
use self::state::{Slot, Stand, State};
use crate::{Detector, Reading, Sample, Why};

/// So many samples in a row below half of the floors are a restart.
const FALLEN: usize = 3;

/// Finds growth that goes on, under noise, a season and a saw-tooth.
///
/// See the [module's documentation](self) for how it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    name: String,
    rules: Rules,
    state: State,
}

impl Detector for Leak {
    fn observe(&mut self, sample: Sample) -> Reading {
        let missing = if !sample.is_number() {
            Some(Why::NotANumber)
        } else if sample.count == 0 {
            Some(Why::TooFew)
        } else {
            self.state.last.filter(|last| sample.at <= *last).map(|_| Why::Late)
        };
        if let Some(why) = missing {
            return self.reading(sample, Level::Unknown, why);
        }
        let level = self.state.stand.level();
        if self.state.last.is_none() {
            self.state.since = sample.at;
        }
        self.state.last = Some(sample.at);
        self.state.samples = self.state.samples.saturating_add(1);
        self.take(sample);
        if self.state.stand.level() != level {
            self.state.since = sample.at;
        }
        self.reading(sample, self.state.stand.level(), self.state.why(&self.rules))
    }

    fn is_warm(&self) -> bool {
        self.state.stand != Stand::WarmingUp
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.state.heap_bytes()
    }
}

impl Leak {
    /// A builder for a detector of the series called `name`.
    pub fn builder(name: impl Into<String>) -> LeakBuilder {
        LeakBuilder::new(name.into())
    }

    const fn new(name: String, rules: Rules, state: State) -> Self {
        Self { name, rules, state }
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it grows, during an alarm.
    #[must_use]
    pub const fn growth(&self) -> Option<Growth> {
        self.state.growth
    }

    /// When the limit is reached, during an alarm and where there is a limit.
    #[must_use]
    pub fn exhaustion(&self) -> Option<Exhaustion> {
        Some(self.state.growth?.exhaustion(self.rules.limit?))
    }

    /// Says that what it watches was restarted: the level starts afresh.
    pub fn restarted(&mut self) {
        self.state.forget();
    }

    /// Everything it has learnt.
    #[must_use]
    pub fn snapshot(&self) -> LeakSnapshot {
        LeakSnapshot::new(&self.rules, &self.state)
    }

    fn take(&mut self, sample: Sample) {
        let state = &mut self.state;
        let season = state.floors.iter().rev().take(self.rules.slots).flatten();
        let lowest = season.copied().reduce(f64::min).filter(|lowest| *lowest > 0.0);
        if lowest.is_some_and(|lowest| sample.value < 0.5 * lowest) {
            if state.fallen.len() + 1 < FALLEN {
                state.fallen.push(sample);
                return;
            }
            let mut fallen = core::mem::take(&mut state.fallen);
            state.forget();
            fallen.drain(..).for_each(|sample| self.add(sample));
            self.state.fallen = fallen;
        }
        self.state.fallen.clear();
        self.add(sample);
    }

    fn add(&mut self, sample: Sample) {
        self.close_slots(sample.at);
        let slot = self.state.open.get_or_insert_with(|| Slot::begin(sample.at));
        slot.floor = slot.floor.min(sample.value);
        slot.peak = slot.peak.max(sample.value);
        slot.samples = slot.samples.saturating_add(1);
    }

    /// Ends the slots that are over by `at`, and judges.
    fn close_slots(&mut self, at: Instant) {
        let (rules, state) = (&self.rules, &mut self.state);
        let Some(slot) = state.open else { return };
        let passed = (at - slot.start).as_nanos() / rules.step.as_nanos().max(1);
        if passed == 0 {
            return;
        }
        let Some(passed) = usize::try_from(passed).ok().filter(|passed| *passed <= rules.memory)
        else {
            state.forget();
            return;
        };
        let enough = slot.samples as f64 >= 0.5 * state.usual;
        state.push(rules, enough.then_some(slot.floor), enough.then_some(slot.peak));
        // A few slots are enough to follow a new interval between samples.
        let weight = if state.usual > 0.0 { 0.2 } else { 1.0 };
        state.usual += weight * (slot.samples as f64 - state.usual);
        for _ in 1..passed {
            state.push(rules, None, None);
        }
        let start =
            slot.start + rules.step.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
        state.open = Some(Slot::begin(start));
        state.judge(rules, start);
    }

    fn reading(&self, sample: Sample, level: Level, why: Why) -> Reading {
        let state = &self.state;
        let judged = level != Level::Unknown;
        let p_value = state.p_value.filter(|_| judged);
        let since = if level == state.stand.level() { state.since } else { sample.at };
        let score = state.evidence / self.rules.slots as f64;
        let plain = Reading::plain(sample, level, since, state.samples, why);
        let mut reading = Reading { p_value, score, ..plain };
        if judged {
            let earlier = state.floors.iter().rev().skip(self.rules.slots - 1);
            let earlier = earlier.step_by(self.rules.slots).flatten().copied();
            reading.expected = earlier.reduce(f64::max);
        }
        if level == Level::Unhealthy {
            (reading.severity, reading.score) = (reading.surprise(), 1.0);
        }
        reading
    }
}
