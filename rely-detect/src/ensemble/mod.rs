//! The default detector: needs no tuning, and says what it rests on.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::{Detector, Ensemble, Sample};
//!
//! let mut detector = Ensemble::new("orders a minute");
//! let mut at = Instant::ORIGIN;
//! for n in 0..800_u32 {
//!     at += Duration::from_secs(60);
//!     let reading = detector.observe(Sample::new(at, f64::from(200 + n * 7919 % 13)));
//!     assert!(reading.surprise() < 3.0);
//! }
//! at += Duration::from_secs(60);
//! let reading = detector.observe(Sample::new(at, 40.0));
//! assert_eq!(reading.level, Level::Unhealthy, "{reading}");
//! assert!(reading.expected > Some(195.0) && reading.surprise() > 2.4 && reading.severity > 1.0);
//! ```
//!
//! # The channels
//!
//! * **Novelty** keeps the patterns that the series has shown: value, mean of about the last dozen
//!   samples, mean of about the last 144. How new a sample is, is its distance to the nearest pattern, as a
//!   mean of absolute differences in units of the range of the series. A pattern is stored where the distance is over
//!   0.02, up to 2000 of them; the one that was of no use for longest makes room, and one of no use for
//!   two weeks is forgotten.
//! * **Forecast** mixes moving averages, a damped trend, and profiles of the day and of the week, each
//!   profile with an offset that follows the series; also the day's profile an hour earlier and later,
//!   and the week's of yesterday and tomorrow, for holidays. Who was right lately has the most say. What
//!   carries it over a change to daylight saving is the offset, within hours. The residual is divided by its mean deviation, with a floor.
//! * Each channel ranks its score among its own past ones, with a power law beyond them. A forecast
//!   has a fifth of the error to spend, novelty the rest: the [p-value](Reading::p_value) is
//!   `min(p_novelty / 0.8, p_forecast / 0.2)`. [`Reading::causes`] has the parts.
//!
//! [`Novelty`] and [`Forecast`] are the channels alone, [`Light`] is a forecast without profiles.
//!
//! # Rare, and bad
//!
//! The p-value says how rare a sample is. [`Reading::severity`] also asks how large the deviation is:
//! `surprise + log₁₀ e + log₁₀ u`, at least zero, where `e` is the deviation from what was expected
//! over what was expected, and `u` the same for the mean over a week; each from 0.001 to 10, and a tenth
//! of the range is added to the divisor. So a deviation as large as what was expected counts as it is,
//! and one of a hundredth counts two less for each. Severities are ranked like the scores, and an alarm
//! is a severity that comes less often than [once in `false_alarm_every`](OnlineBuilder::false_alarm_every).
//!
//! | what is seen | level | [`Why`] |
//! |---|---|---|
//! | too few samples yet | unknown | `WarmingUp` |
//! | the sample is missing, or late | unknown, and nothing changes | `NotANumber`, `TooFew`, `Late` |
//! | a severity rarer than asked for, or an alarm that goes on | unhealthy | `Alarm` |
//! | an alarm that has not ended yet, and an ordinary sample | unhealthy | `Recovering` |
//! | a severity up to ten times as frequent | degraded | `Unusual` |
//! | sixty ordinary samples at a level that was an alarm | healthy | `Relearnt` |
//! | a rare sample that is hardly off | healthy | `Tolerated` |
//! | anything else | healthy | `Ordinary` |
//!
//! An alarm ends with three ordinary samples that are nearer to what was expected as it began than to
//! what came then. The p-value is never held back: [`Refractory`] makes single marks of it.
//!
//! # Time
//!
//! The usual step is the median of the warm-up; averages of the forecast go by the time that has
//! passed, so that a gap is no reason to forget and uneven steps do no harm. Days and weeks count from the
//! clock's origin, wherever that lies. Judging begins after 150 samples; after 300 and 750 everything starts anew
//! in a better known scale, and is shown all that came before. After that memory is fixed, under
//! 24 kB ([`Light`] begins after 16, and takes up less than 1 kB).

mod alarm;
mod builder;
mod config;
mod judge;
mod model;
mod refractory;
mod scale;
mod state;
#[cfg(test)]
mod tests;

use rely_core::{Instant, Level};

pub use builder::OnlineBuilder;
pub use config::EnsembleConfig;
pub use model::Both;
pub(crate) use model::{Model, Point, Said, Scored};
pub use refractory::Refractory;
pub use state::OnlineSnapshot;

use self::state::{Judge, State};
use crate::forecast::Forecaster;
use crate::novelty::NoveltyModel;
use crate::{Detector, Reading, Sample, Why};

/// Novelty and forecast together: the detector to begin with.
pub type Ensemble = Online<Both>;
/// The channel alone that looks for patterns that were never seen.
pub type Novelty = Online<NoveltyModel>;
/// The channel alone that compares each sample with a mix of forecasts, seasons among them.
pub type Forecast = Online<Forecaster<false>>;
/// Forecasts without seasons, in less than a kilobyte.
pub type Light = Online<Forecaster<true>>;

/// A detector that learns as samples come; [`Ensemble`] is the one to begin with.
///
/// See the [module's documentation](self) for how it judges.
#[derive(Clone, Debug, PartialEq)]
pub struct Online<M> {
    name: String,
    config: EnsembleConfig,
    state: State<M>,
}

impl<M: Model> Detector for Online<M> {
    fn observe(&mut self, sample: Sample) -> Reading {
        let missing = if !sample.is_number() {
            Some(Why::NotANumber)
        } else if sample.count < self.config.min_count {
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
        self.state.judge.is_some()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.state.heap_bytes()
    }
}

impl<M: Model> Online<M> {
    /// A detector of the series called `name`, with all defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with(name.into(), EnsembleConfig::default())
    }

    /// A builder for a detector of the series called `name`.
    pub fn builder(name: impl Into<String>) -> OnlineBuilder<M> {
        OnlineBuilder::new(name.into())
    }

    fn with(name: String, config: EnsembleConfig) -> Self {
        Self { name, config, state: State::new() }
    }

    /// The name of the series.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything it has learnt.
    #[must_use]
    pub fn snapshot(&self) -> OnlineSnapshot<M> {
        OnlineSnapshot::new(&self.state)
    }

    /// Says that where the series is now is ordinary from here on, and ends the alarm. What no
    /// [`Sample`] could have for its value changes nothing.
    pub fn accept(&mut self, value: f64) {
        let usable = Sample::new(Instant::ORIGIN, value).is_number();
        if let Some(judge) = self.state.judge.as_mut().filter(|_| usable) {
            judge.accept(value);
        }
    }

    fn take(&mut self, sample: Sample) -> Reading {
        let last = self.state.last.replace(sample.at);
        self.state.samples = self.state.samples.saturating_add(1);
        if last.is_none() {
            self.state.since = sample.at;
        }
        let judged = self.state.judge.as_mut().and_then(|judge| {
            let since = last.map_or(0.0, |last| (sample.at - last).as_nanos() as f64);
            judge.judge(&self.config, self.state.anchor, sample.at, sample.value, since)
        });
        let restarted = self.restart(sample);
        let Some(judged) = judged else {
            let why = self.warming_up();
            return self.settle(sample, Level::Unknown, why);
        };
        if restarted && let Some(judge) = &mut self.state.judge {
            judge.alarm.held = judged.held;
        }
        let mut reading = self.settle(sample, judged.level, judged.why);
        reading.expected = Some(judged.expected);
        reading.band = judged.band;
        reading.p_value = Some(judged.p_value);
        reading.resolution = Some(judged.resolution);
        reading.severity = judged.severity;
        reading.score = judged.score;
        reading.causes = judged.causes;
        reading
    }

    /// Keeps the sample while the scale is not known for good, and starts anew where it is due.
    fn restart(&mut self, sample: Sample) -> bool {
        let own = self.config.warm_up.as_slice();
        let restarts = if own.is_empty() { M::RESTARTS } else { own };
        let least = restarts.first().copied().unwrap_or(0) as usize;
        let most = restarts.last().copied().unwrap_or(0) as usize;
        let state = &mut self.state;
        if state.judge.is_some() && state.past.is_empty() {
            return false;
        }
        state.past.reserve_exact(most.saturating_sub(state.past.len()).max(1));
        state.past.push((sample.at, sample.value));
        let have = state.past.len();
        // A restored one may have been configured to learn for longer, or not so long.
        let late = state.judge.is_none() && have >= least;
        let last = have >= most;
        let due = late || last || restarts.iter().any(|due| *due as usize == have);
        if due {
            state.judge = Some(Judge::replay(&state.past, &self.config, state.anchor, last));
        }
        if last {
            state.past = Vec::new();
        }
        due
    }

    fn warming_up(&self) -> Why {
        let first = self.config.warm_up.as_ref().or(M::RESTARTS.first()).copied().unwrap_or(0);
        let have = u32::try_from(self.state.samples).unwrap_or(u32::MAX).min(first);
        Why::WarmingUp { have, need: first }
    }

    fn settle(&mut self, sample: Sample, level: Level, why: Why) -> Reading {
        if self.state.level != level {
            (self.state.level, self.state.since) = (level, sample.at);
        }
        self.reading(sample, level, why)
    }

    fn reading(&self, sample: Sample, level: Level, why: Why) -> Reading {
        let state = &self.state;
        let since = if level == state.level { state.since } else { sample.at };
        Reading::plain(sample, level, since, state.samples, why)
    }
}
