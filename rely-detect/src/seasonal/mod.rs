//! A series that repeats itself: what is expected now, and how rare is what came?
//!
//! [`Seasonal`] learns a profile over the season and the level that the series is at, turns each
//! deviation into a p-value, and adds p-values up to an alarm. It says so in a [`Reading`]: what was
//! expected, the band of ordinary values, the p-value, the level.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::{Detector, Sample, Seasonal, Side};
//!
//! let step = Duration::from_millis(250);
//! let mut detector = Seasonal::builder("queue latency")
//!     .season(Duration::from_secs(3))
//!     .step(step)
//!     .side(Side::High)
//!     .build()?;
//!
//! let mut at = Instant::ORIGIN;
//! for n in 0..40 {
//!     let wave = (f64::from(n) * core::f64::consts::TAU / 12.0).sin();
//!     let noise = f64::from(n * 7919 % 13);
//!     at += step;
//!     detector.observe(Sample::of(at, 50.0 + 20.0 * wave + 0.3 * noise, 60));
//! }
//! at += step;
//! let reading = detector.observe(Sample::of(at, 900.0, 60));
//! assert_eq!(reading.level, Level::Unhealthy, "{reading}");
//! assert!(reading.expected < Some(80.0) && reading.p_value < Some(1e-4));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # How it judges
//!
//! * **Expected** is the usual value of the season's slot plus an offset. What is usual is the mean of
//!   the middle half of the last visits to the slot (five, or more where there are few slots); the
//!   offset follows the series as a moving average over about twenty samples. The slots are laid so that
//!   the first sample falls into the middle of one: some jitter does not move samples to another.
//! * **Band and p-value** come from the last residuals, 512 by default, each made before its sample was
//!   learnt from. The p-value is the rank of the new one among them, `(1 + those at least as far out) /
//!   (1 + all)`, which is exact for any distribution as long as the residuals are exchangeable
//!   (V. Vovk, A. Gammerman, G. Shafer: "Algorithmic Learning in a Random World", 2005). Ranks among n
//!   cannot say less than 1 / (n + 1), the [resolution](Reading::resolution). Beyond the farthest
//!   residual a generalised Pareto tail is extrapolated, its shape drawn to a heavy one, so that a
//!   short past errs towards silence. Such a p-value tells a gross deviation from a slight one, no
//!   more; [`Reading::is_extrapolated`] and the words of the reading say that it is one.
//! * **Alarm** is a cumulative sum of surprise, −ln p less 3 for each sample, that passes a threshold
//!   which `alpha` sets: one sample with a p-value of about `alpha` will do, and so will a few in a row
//!   that are each only rare. It ends at half the threshold, within about five ordinary samples.
//! * **Learning** is robust: the offset takes what lies farther out than three robust standard
//!   deviations for no farther, the profile leaves out the extremes of each slot, and neither learns
//!   anything during an alarm or from a sample outside the band on either side. The residuals take in
//!   how each such deviation began, or a heavy tail would never show; but gross ones, over twice the
//!   second farthest, only as rarely as chance may bring them, and for no more than that. So an
//!   incident, however often it comes back, hides neither itself nor another.
//! * **A new normal** is a deviation that lasts longer than `relearn_after`: the level is set to it, the
//!   profile stays, the residuals start again from those of the deviation. [`Seasonal::accept`] does
//!   the same at once. One that comes back at the same time of each season for so long is what is
//!   usual at that time from then on: a nightly job that was moved, say.
//! * A sample that sums up few observations deviates more by chance: where there are fewer than usual,
//!   its deviation counts by the square root of their share.
//!
//! | what is seen | level | [`Why`] |
//! |---|---|---|
//! | too few residuals yet, or nothing about this time of the season | unknown | `WarmingUp` |
//! | the sample is missing, or late | unknown, and nothing changes | `NotANumber`, `TooFew`, `Late` |
//! | evidence over its threshold | unhealthy | `Alarm` |
//! | an alarm that has not ended yet, and an ordinary sample | unhealthy | `Recovering` |
//! | a single sample outside the band | degraded | `Unusual` |
//! | the deviation is within the tolerance | healthy | `Tolerated` |
//! | anything else | healthy | `Ordinary` |
//!
//! # What it takes
//!
//! Nothing is judged before twenty residuals are there, and the first season gives none: 32 samples
//! where there are 12 slots. Two samples of each slot suffice to begin; the profile is rough then, and
//! so the band is wide. Memory is fixed: five numbers for each slot, ten while it deviates, and twice
//! `memory`: about 30 kB by default. Ordinary samples allocate nothing, those that deviate do.
//!
//! Noise that is correlated from sample to sample beyond what the offset follows makes false alarms
//! more frequent than `alpha` says: simulated, up to 1.7 times where each sample has half of the one
//! before in it, up to four times where it is 0.8. So do tails far heavier than those of Student's t
//! with three degrees of freedom, about twice with two, until the residuals have seen them.
//!
//! The offset follows what is too small to stand out. A sudden shift by three standard deviations is
//! an alarm after three samples as a rule, at the default `alpha`; one in twelve is ordinary before it
//! is proven, and a slow one always is.

mod builder;
mod config;
mod evidence;
mod judge;
mod learn;
mod profile;
mod residuals;
mod state;
#[cfg(test)]
mod tests;

use rely_core::{Instant, Level};

pub use builder::SeasonalBuilder;
pub use config::{SeasonalConfig, Side};
pub use state::SeasonalSnapshot;

use self::config::Rules;
use self::judge::Judgement;
use self::state::{Run, State, Visit};
use crate::{Detector, Reading, Sample, Why};

/// An adaptive detector for a series with a season, or without one.
///
/// See the [module's documentation](self) for how it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Seasonal {
    name: String,
    rules: Rules,
    state: State,
}

impl Detector for Seasonal {
    fn observe(&mut self, sample: Sample) -> Reading {
        let missing = if !sample.is_number() {
            Some(Why::NotANumber)
        } else if sample.count < self.rules.min_count {
            Some(Why::TooFew)
        } else {
            self.state.kept.last.filter(|last| sample.at <= *last).map(|_| Why::Late)
        };
        if let Some(why) = missing {
            return self.reading(sample, Level::Unknown, why);
        }
        self.take(sample)
    }

    fn is_warm(&self) -> bool {
        self.state.residuals.len() >= self.rules.warm_up
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.state.heap_bytes()
    }
}

impl Seasonal {
    /// A builder for a detector of the series called `name`.
    pub fn builder(name: impl Into<String>) -> SeasonalBuilder {
        SeasonalBuilder::new(name.into())
    }

    const fn new(name: String, rules: Rules, state: State) -> Self {
        Self { name, rules, state }
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For what share of ordinary samples an alarm may begin.
    #[must_use]
    pub const fn alpha(&self) -> f64 {
        self.rules.alpha
    }

    /// Everything it has learnt.
    #[must_use]
    pub fn snapshot(&self) -> SeasonalSnapshot {
        SeasonalSnapshot::new(&self.rules, &self.state)
    }

    /// Says that the deviation that goes on now is what is ordinary from here on, and ends the alarm.
    pub fn accept(&mut self) {
        let State { kept, residuals } = &mut self.state;
        let Some(run) = kept.run.take() else { return };
        let median = run.median();
        kept.offset += median;
        if run.residuals.len() >= self.rules.warm_up {
            *residuals = residuals::Residuals::new(self.rules.memory);
            let learn = |(residual, weight)| residuals.push((residual - median) * weight);
            run.residuals.into_iter().for_each(learn);
        }
        kept.profile.forget_refused();
        (kept.evidence, kept.alarm) = (0.0, false);
        (kept.visit, kept.refused) = (None, None);
    }

    fn take(&mut self, sample: Sample) -> Reading {
        let (slot, lap) = self.place(sample.at);
        self.leave_visit(slot, lap);
        self.state.kept.samples = self.state.kept.samples.saturating_add(1);
        // Neighbours stand in for a slot once there is a profile, not while it is made.
        let profile = &self.state.kept.profile;
        let usual = profile.usual(slot).filter(|_| self.is_warm() || profile.knows(slot));
        let Some(usual) = usual else {
            self.learn_value(slot, lap, sample.value - self.state.kept.offset);
            let why = self.warming_up();
            return self.settle(sample, None, Level::Unknown, why);
        };
        let expected = usual + self.state.kept.offset;
        let residual = sample.value - expected;
        let weight = self.weight(sample.count);
        if !self.is_warm() {
            self.learn(slot, lap, residual, usual, weight);
            self.learn_count(sample.count);
            let why = self.warming_up();
            return self.settle(sample, Some((expected, None)), Level::Unknown, why);
        }
        let judgement = self.judge(expected, residual, weight);
        let (level, why) = self.decide(sample.at, &judgement, residual, weight);
        if self.state.kept.run.is_some() {
            Visit::add(&mut self.state.kept.refused, slot, lap, usual + residual);
        } else if why != Why::Relearnt {
            self.learn(slot, lap, residual, usual, weight);
            self.learn_count(sample.count);
        }
        self.settle(sample, Some((expected, Some(judgement))), level, why)
    }

    fn decide(
        &mut self,
        at: Instant,
        judgement: &Judgement,
        residual: f64,
        weight: f64,
    ) -> (Level, Why) {
        let State { kept, residuals } = &mut self.state;
        let p = if judgement.tolerated { 1.0 } else { judgement.p_value };
        kept.evidence = self.rules.evidence.add(kept.evidence, p);
        kept.alarm = self.rules.evidence.is_alarm(kept.evidence, kept.alarm);
        if kept.alarm || judgement.strange {
            if kept.run.is_none() {
                residuals.push_strange(residual * weight, judgement.floor, &mut kept.owed);
            }
            let run = kept.run.get_or_insert_with(|| Run::begin(at));
            run.push(residual, weight);
            let lasts = at - run.since >= self.rules.relearn_after;
            if lasts && run.residuals.len() >= self.rules.warm_up {
                self.accept();
                return (Level::Healthy, Why::Relearnt);
            }
        } else {
            kept.run = None;
        }
        match (self.state.kept.alarm, judgement.outside, judgement.tolerated) {
            (true, true, _) => (Level::Unhealthy, Why::Alarm),
            (true, false, _) if p < 0.05 => (Level::Unhealthy, Why::Alarm),
            (true, false, _) => (Level::Unhealthy, Why::Recovering),
            (false, true, _) => (Level::Degraded, Why::Unusual),
            (false, false, true) => (Level::Healthy, Why::Tolerated),
            (false, false, false) => (Level::Healthy, Why::Ordinary),
        }
    }

    /// The slot of the season and which season it is; old evidence ends here.
    fn place(&mut self, at: Instant) -> (usize, u64) {
        let (rules, kept) = (&self.rules, &mut self.state.kept);
        match kept.last {
            None => {
                let start = at.as_nanos() % rules.season + rules.season - rules.step / 2;
                kept.anchor = start % rules.season;
                kept.since = at;
            }
            Some(last) if at - last > rules.forget_after => {
                (kept.evidence, kept.alarm, kept.run) = (0.0, false, None);
            }
            Some(_) => {}
        }
        kept.last = Some(at);
        let since = u128::from(at.as_nanos()) + u128::from(rules.season - kept.anchor);
        let (season, step) = (u128::from(rules.season), u128::from(rules.step));
        let slot = usize::try_from(since % season / step).unwrap_or(usize::MAX);
        (slot.min(rules.slots - 1), u64::try_from(since / season).unwrap_or(u64::MAX))
    }

    fn warming_up(&self) -> Why {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Why::WarmingUp { have: count(self.state.residuals.len()), need: count(self.rules.warm_up) }
    }

    fn settle(
        &mut self,
        sample: Sample,
        judged: Option<(f64, Option<Judgement>)>,
        level: Level,
        why: Why,
    ) -> Reading {
        let kept = &mut self.state.kept;
        if kept.level != level {
            (kept.level, kept.since) = (level, sample.at);
        }
        let mut reading = self.reading(sample, level, why);
        if let Some((expected, judgement)) = judged {
            reading.expected = Some(expected);
            if let Some(Judgement { band, p_value, resolution, .. }) = judgement {
                (reading.band, reading.p_value) = (Some(band), Some(p_value));
                reading.resolution = Some(resolution);
                reading.severity = reading.surprise();
            }
        }
        reading
    }

    fn reading(&self, sample: Sample, level: Level, why: Why) -> Reading {
        let kept = &self.state.kept;
        let since = if level == kept.level { kept.since } else { sample.at };
        let score = self.rules.evidence.score(kept.evidence);
        Reading { score, ..Reading::plain(sample, level, since, kept.samples, why) }
    }
}
