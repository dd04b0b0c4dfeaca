//! One shell for every family of detectors: a model says how far out a value is, the shell says how
//! rare that is, and when it is an alarm.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::families::EwmaBand;
//! use rely_detect::{Detector, Sample, Side};
//!
//! let mut detector = EwmaBand::detector("queue latency")
//!     .side(Side::High)
//!     .false_alarm_every(Duration::from_secs(7 * 24 * 3600))
//!     .build()?;
//!
//! let mut at = Instant::ORIGIN;
//! for n in 0..300_u32 {
//!     at += Duration::from_secs(60);
//!     detector.observe(Sample::new(at, 50.0 + f64::from(n * 7919 % 13)));
//! }
//! let reading = detector.observe(Sample::new(at + Duration::from_secs(60), 900.0));
//! assert_eq!(reading.level, Level::Unhealthy, "{reading}");
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # How it judges
//!
//! * **p-value**: the rank of the deviation among the earlier ones, in a histogram whose entries fade,
//!   with a power law beyond what was seen: conformal, and so without a word about the distribution.
//! * **Evidence** is a cumulative sum of surprise, −ln p less 3 for each sample. Deviations within the
//!   tolerance count for nothing, those on the side that is no trouble have p-value 1.
//! * **An alarm** begins where the evidence reaches a threshold, and ends at half of it. The threshold
//!   is such that false alarms come as rarely as `false_alarm_every` says, on this series: where samples
//!   hang together the sum runs higher, its excursions show by how much, and so the threshold is higher.
//!   What error is left, the alarms themselves take out in slow and bounded steps. One gross sample is
//!   an alarm, and so are a few in a row that are each only rare.
//! * **The band** is where a sample alone is half of an alarm.
//! * **Learning**: what lies outside the band is moved to its edge before the model learns it; during an
//!   alarm nothing is learnt, but how it began: twice as often as chance brings one, no more, so that
//!   a heavy tail shows and an incident that comes back does not hide itself. An alarm that lasts for `relearn_after` is what is ordinary from then on:
//!   the model's level moves to it, and the calibration takes in how the values spread there.
//!   [`Calibrated::accept`] does the same at once, [`Calibrated::freeze`] stops all learning.
//! * **Time**: the usual step is learnt from the samples. After a gap of more than ten steps old evidence
//!   counts no more, and an alarm ends.
//!
//! | what is seen | level | [`Why`] |
//! |---|---|---|
//! | the model says nothing, or too few deviations yet | unknown | `WarmingUp` |
//! | the sample is missing, or late | unknown, and nothing changes | `NotANumber`, `TooFew`, `Late` |
//! | evidence over its threshold | unhealthy | `Alarm` |
//! | an alarm that has not ended yet, and a sample inside the band | unhealthy | `Recovering` |
//! | a sample outside the band | degraded | `Unusual` |
//! | the deviation is within the tolerance | healthy | `Tolerated` |
//! | the alarm has lasted | healthy | `Relearnt` |
//! | anything else | healthy | `Ordinary` |

mod builder;
mod config;
mod model;
pub(crate) mod rate;
mod state;
#[cfg(test)]
mod tests;
mod threshold;

use core::time::Duration;

use rely_core::{Instant, Level};

pub use builder::CalibratedBuilder;
pub use config::CalibratedConfig;
pub use model::{Assessment, Model};
pub use state::CalibratedSnapshot;
pub use threshold::Threshold;

use self::config::{Rules, is_trouble};
use self::rate::ALLOWANCE;
use self::state::{Run, State};
use crate::{Band, Detector, Reading, Sample, Why};

/// So many samples have to be in an alarm before it can be what is ordinary.
const LASTING: u64 = 40;
/// How often the edge of the band is found anew, in samples.
const EDGE_EVERY: u64 = 16;
/// So many beginnings of alarms may be learnt in a row before chance has to bring more.
const MOST_OWED: f64 = 2.0;
/// Deviations about a new level count as so many, to make up for the old ones.
const NEW_DEVIATIONS: usize = 4;

/// A detector of any family whose p-values hold and whose false alarms are as rare as asked for.
///
/// See the [module's documentation](self) for how it judges, and [`families`](crate::families) for
/// what there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibrated<M> {
    name: String,
    rules: Rules,
    state: State<M>,
}

/// What is known of a sample once it was ranked.
struct Judged {
    expected: f64,
    /// How far the band reaches on either side.
    reach: f64,
    p_value: f64,
    effect: f64,
}

impl<M: Model> Detector for Calibrated<M> {
    fn observe(&mut self, sample: Sample) -> Reading {
        let missing = if !sample.is_number() {
            Some(Why::NotANumber)
        } else if sample.count < self.rules.min_count {
            Some(Why::TooFew)
        } else {
            self.state.last.filter(|last| sample.at <= *last).map(|_| Why::Late)
        };
        match missing {
            Some(why) => self.reading(sample, Level::Unknown, why),
            None => self.take(sample),
        }
    }

    fn is_warm(&self) -> bool {
        self.state.deviations >= u64::from(self.rules.warm_up)
    }

    fn bytes(&self) -> usize {
        let (model, tail) = (self.state.model.heap_bytes(), self.state.tail.heap_bytes());
        size_of::<Self>() + self.name.capacity() + model + tail
    }
}

impl<M: Model> Calibrated<M> {
    /// A builder for a detector of the series called `name`.
    pub fn builder(name: impl Into<String>, model: M) -> CalibratedBuilder<M> {
        CalibratedBuilder::new(name.into(), model)
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it knows of the series.
    #[must_use]
    pub const fn model(&self) -> &M {
        &self.state.model
    }

    /// How long from one false alarm to the next.
    #[must_use]
    pub const fn false_alarm_every(&self) -> Duration {
        self.rules.every
    }

    /// Everything it has learnt.
    #[must_use]
    pub fn snapshot(&self) -> CalibratedSnapshot<M>
    where
        M: Clone,
    {
        CalibratedSnapshot::new(self.state.clone())
    }

    /// Stops all learning until [`Calibrated::thaw`]: during a load test, say. It judges on.
    pub const fn freeze(&mut self) {
        self.state.frozen = true;
    }

    /// Learns again.
    pub const fn thaw(&mut self) {
        self.state.frozen = false;
    }

    /// Whether it learns nothing.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.state.frozen
    }

    /// Says that what goes on now is what is ordinary from here on, and ends the alarm, if there is one.
    pub fn accept(&mut self) {
        let state = &mut self.state;
        let Some((run, last)) = state.run.zip(state.last) else { return };
        let assess = |state: &State<M>, value| {
            let seen = state.seen(Sample::new(last, value));
            state.model.assess(&seen).and_then(Assessment::sound).map(|assessed| assessed.deviation)
        };
        // A level that moves all the time is ordinary, too, once it has been seen to.
        for value in run.recent() {
            assess(state, *value).into_iter().for_each(|deviation| state.add(deviation));
        }
        state.model.relearn(run.expected, run.median());
        for value in run.recent() {
            if let Some(deviation) = assess(state, *value) {
                (0..NEW_DEVIATIONS).for_each(|_| state.add(deviation));
            }
        }
        state.forget();
    }

    /// Takes in what another detector of the same kind has learnt, such as that of another replica;
    /// `false`, and nothing changed, where the model cannot.
    pub fn merge(&mut self, other: &Self) -> bool {
        let merged = self.state.model.merge(&other.state.model);
        if merged {
            self.state.tail.merge(&other.state.tail);
            self.state.deviations = self.state.deviations.saturating_add(other.state.deviations);
        }
        merged
    }

    /// Moves the model to another level, and forgets what spoke against the old one.
    pub(crate) fn relearn(&mut self, from: f64, to: f64) {
        if !self.state.frozen {
            self.state.model.relearn(from, to);
            self.state.forget();
        }
    }

    fn take(&mut self, sample: Sample) -> Reading {
        self.state.keep_time(sample.at);
        self.state.samples = self.state.samples.saturating_add(1);
        let (seen, weight) = (self.state.seen(sample), self.state.weight(sample.count));
        let Some(assessed) = self.state.model.assess(&seen).and_then(Assessment::sound) else {
            self.learn(seen, None);
            return self.settle(sample, None, Level::Unknown, self.warming_up());
        };
        let Assessment { expected, deviation, scale } = assessed;
        let trouble = is_trouble(self.rules.side, sample.value, expected);
        let ranked = if trouble { deviation * weight } else { 0.0 };
        let p_value = self.state.tail.p_value(ranked).filter(|_| self.is_warm());
        let Some(p_value) = p_value else {
            self.learn(seen, Some(ranked));
            let mut reading = self.settle(sample, None, Level::Unknown, self.warming_up());
            reading.expected = Some(expected);
            return reading;
        };
        let p_value = if trouble { p_value } else { 1.0 };
        let tolerated = self.rules.tolerates(sample.value, expected);
        let (alarm, began) = self.weigh(sample, expected, if tolerated { 1.0 } else { p_value });
        let reach = self.state.edge * scale / weight;
        let inside = (sample.value - expected).abs() <= reach;
        let outside = trouble && !inside && !tolerated;
        if !alarm {
            let value = sample.value.clamp(expected - reach, expected + reach);
            self.learn(Sample { value, ..seen }, Some(ranked));
        } else if began && !self.state.frozen && self.state.owed >= 1.0 {
            self.state.owed -= 1.0;
            self.state.add(ranked);
        }
        let (level, why) = match (alarm, outside) {
            (true, _) if self.has_lasted(sample.at) => {
                self.accept();
                (Level::Healthy, Why::Relearnt)
            }
            (true, true) => (Level::Unhealthy, Why::Alarm),
            (true, false) if began => (Level::Unhealthy, Why::Alarm),
            (true, false) => (Level::Unhealthy, Why::Recovering),
            (false, true) => (Level::Degraded, Why::Unusual),
            (false, false) if tolerated => (Level::Healthy, Why::Tolerated),
            (false, false) => (Level::Healthy, Why::Ordinary),
        };
        let effect = (sample.value - expected).abs() / (expected.abs() + scale);
        self.settle(sample, Some(&Judged { expected, reach, p_value, effect }), level, why)
    }

    /// Adds to the evidence, and says whether there is an alarm, and whether it begins.
    fn weigh(&mut self, sample: Sample, expected: f64, p_value: f64) -> (bool, bool) {
        let (alpha, state) = (self.alpha(), &mut self.state);
        let threshold = state.rate.threshold(alpha);
        let surprise = -p_value.max(f64::MIN_POSITIVE).ln();
        let evidence = (state.evidence + surprise - ALLOWANCE).max(0.0);
        // Bounded, so that an alarm ends within a few ordinary samples, however long it lasted.
        state.evidence = evidence.min(1.25 * threshold + 1.0);
        let began = state.run.is_none() && evidence >= threshold;
        let alarm = began || state.run.is_some() && evidence > threshold / 2.0;
        if alarm {
            state.run.get_or_insert(Run::begin(sample.at)).push(sample.value, expected);
        } else {
            state.run = None;
        }
        if !state.frozen {
            state.rate.learn(evidence, began, alpha);
            state.owed = (state.owed + 2.0 * alpha).min(MOST_OWED);
        }
        if state.edge <= 0.0 || state.samples % EDGE_EVERY == 0 {
            let half = (-ALLOWANCE - threshold / 2.0).exp();
            state.edge = state.tail.quantile(half).unwrap_or(0.0).min(Sample::LIMIT);
        }
        (alarm, began)
    }

    /// In what share of samples an alarm may begin.
    pub(crate) fn alpha(&self) -> f64 {
        self.rules.alpha(self.state.step)
    }

    fn has_lasted(&self, at: Instant) -> bool {
        let lasted = |run: &Run| at - run.since >= self.rules.relearn_after;
        let run = self.state.run.as_ref().filter(|_| !self.state.frozen);
        run.is_some_and(|run| lasted(run) && run.samples >= LASTING)
    }

    fn learn(&mut self, seen: Sample, deviation: Option<f64>) {
        if !self.state.frozen {
            self.state.model.learn(&seen);
            self.state.learn_count(seen.count);
            deviation.into_iter().for_each(|deviation| self.state.add(deviation));
        }
    }

    fn warming_up(&self) -> Why {
        let have = u32::try_from(self.state.deviations).unwrap_or(u32::MAX);
        Why::WarmingUp { have: have.min(self.rules.warm_up), need: self.rules.warm_up }
    }

    fn settle(
        &mut self,
        sample: Sample,
        judged: Option<&Judged>,
        level: Level,
        why: Why,
    ) -> Reading {
        if self.state.level != level {
            (self.state.level, self.state.since) = (level, sample.at);
        }
        let mut reading = self.reading(sample, level, why);
        if let Some(&Judged { expected, reach, p_value, effect }) = judged {
            reading.expected = Some(expected);
            reading.band = Some(Band { low: expected - reach, high: expected + reach });
            reading.p_value = Some(p_value);
            reading.resolution = Some(self.state.tail.resolution());
            reading.severity = severity(reading.surprise(), effect);
        }
        reading
    }

    fn reading(&self, sample: Sample, level: Level, why: Why) -> Reading {
        let state = &self.state;
        let threshold = state.rate.threshold(self.alpha());
        let since = if level == state.level { state.since } else { sample.at };
        let score = (state.evidence / threshold).min(1.0);
        Reading { score, ..Reading::plain(sample, level, since, state.samples, why) }
    }
}

/// The surprise, raised by up to half a decade where a value is off by more than half of what was
/// expected, and lowered by up to one and a half where it is off by little.
fn severity(surprise: f64, effect: f64) -> f64 {
    let by_effect = 0.8 * (effect / 0.5).max(f64::MIN_POSITIVE).log10();
    (surprise + by_effect.clamp(-1.5, 0.5)).max(0.0)
}
