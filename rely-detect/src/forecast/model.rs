//! What is expected next, and how far off was it?

use rely_core::ConfigError;

use super::mix::{EXPERTS, Mix};
use super::profile::Profile;
use crate::ensemble::{Model, Point, Said, Scored};
use crate::tail::Tail;

/// Buckets of a day: five minutes; and of a week: an hour.
const DAY: usize = 288;
const WEEK: usize = 168;
/// How far back, in samples, level and deviation weigh in the middle.
const FAST: f64 = 1.5;
const SLOW: f64 = 20.0;
const OFFSET: f64 = 50.0;
const DEVIATION: f64 = 100.0;
/// How much of a trend is left a sample later (E. Gardner and E. `McKenzie`: "Forecasting trends in time
/// series", Management Science 31, 1985).
const DAMPING: f64 = 0.9;
/// Nothing is learnt from what lies farther out than so many deviations, but that far.
const WINSOR: f64 = 5.0;
/// A deviation is no smaller than this share of the range, or a series at rest would jump at nothing.
const FLOOR: f64 = 0.02;
/// Before so many samples a deviation is taken as it is.
const YOUNG: f64 = 20.0;
/// Among how many samples a residual is ranked.
const MEMORY: u32 = 100_000;
/// The same with few bins, where there is no season either.
const LIGHT_MEMORY: u32 = 10_000;
/// No number of a snapshot is larger; a value is no more than 1e30.
const MOST: f64 = 1e36;
/// How often the width of the band is looked up.
const REACH_EVERY: f64 = 32.0;

/// Two moving averages and a damped trend.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Levels {
    fast: f64,
    slow: f64,
    level: f64,
    trend: f64,
}

/// Profiles of the day and the week, and how far above each the series is.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Seasons {
    day: Profile,
    week: Profile,
    offsets: [f64; SHIFTS.len()],
}

/// Which profile, and by how much it is shifted. An hour either way is what is early or late today;
/// yesterday and tomorrow are what a holiday looks like, or the first day after one.
const SHIFTS: [(bool, f64); 6] = [
    (false, 0.0),
    (false, 1.0 / 24.0),
    (false, 23.0 / 24.0),
    (true, 0.0),
    (true, 1.0 / 7.0),
    (true, 6.0 / 7.0),
];

/// A mix of forecasters, with seasons or without.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Forecaster<const LIGHT: bool> {
    levels: Levels,
    /// Apart, so that a light one has no room set aside for them.
    seasons: Option<Box<Seasons>>,
    mix: Mix,
    deviation: f64,
    /// The mean over about a week.
    usual: f64,
    samples: f64,
    week: f64,
    tail: Tail,
    /// How many deviations wide the band is.
    reach: Option<f64>,
}

impl<const LIGHT: bool> Forecaster<LIGHT> {
    fn tail() -> Tail {
        if LIGHT { Tail::coarse(LIGHT_MEMORY) } else { Tail::new(MEMORY) }
    }

    fn forecasts(&self, point: &Point) -> [Option<f64>; EXPERTS] {
        let mut forecasts = [None; EXPERTS];
        let Levels { fast, slow, level, trend } = self.levels;
        let plain = [fast, slow, level + DAMPING * trend];
        for (forecast, plain) in forecasts.iter_mut().zip(plain) {
            *forecast = Some(plain).filter(|_| self.samples > 0.0);
        }
        if let Some(seasons) = &self.seasons {
            let shifted = SHIFTS.iter().zip(seasons.offsets);
            for (forecast, ((weekly, shift), offset)) in forecasts.iter_mut().skip(3).zip(shifted) {
                let (profile, phase) =
                    if *weekly { (&seasons.week, point.week) } else { (&seasons.day, point.day) };
                *forecast = profile.at((phase + shift).fract()).map(|usual| usual + offset);
            }
        }
        forecasts
    }

    fn learn(&mut self, point: &Point, forecasts: &[Option<f64>], expected: f64, floor: f64) {
        let spread = self.deviation + floor;
        let young = self.samples < YOUNG;
        let most = if young { f64::INFINITY } else { WINSOR * spread };
        let off = point.value - expected;
        let taken = expected + off.clamp(-most, most);
        // A mean begins as the mean of all there is.
        let first = 1.0 / self.samples;
        let share = |center: f64| point.share(center).max(first);
        self.mix.learn(forecasts, point.value, &share, most);
        self.deviation += share(DEVIATION) * (off.abs().min(most) - self.deviation);
        let levels = &mut self.levels;
        levels.fast += share(FAST) * (taken - levels.fast);
        levels.slow += share(SLOW) * (taken - levels.slow);
        let carried = levels.level + DAMPING * levels.trend;
        let level = carried + 0.3_f64.max(first) * (taken - carried);
        levels.trend = DAMPING * levels.trend + 0.1 * (level - carried);
        levels.level = level;
        if let Some(seasons) = &mut self.seasons {
            let offset = share(OFFSET);
            for (place, forecast) in seasons.offsets.iter_mut().zip(forecasts.iter().skip(3)) {
                if let Some(forecast) = forecast {
                    *place += offset * (taken - forecast).clamp(-most, most);
                }
            }
            seasons.day.learn(point.day, taken);
            seasons.week.learn(point.week, taken);
        }
        self.usual += point.share(self.week).max(first) * (point.value - self.usual);
    }
}

impl<const LIGHT: bool> Model for Forecaster<LIGHT> {
    const RESTARTS: &'static [u32] = if LIGHT { &[16] } else { &[150, 300, 750] };
    const RING: usize = if LIGHT { 16 } else { 256 };
    const LIGHT: bool = LIGHT;

    fn new(samples_per_day: f64, _: f64) -> Self {
        let week = 7.0 * samples_per_day;
        let seasons = (!LIGHT).then(|| {
            Box::new(Seasons {
                day: Profile::new(samples_per_day, DAY),
                week: Profile::new(week, WEEK),
                offsets: [0.0; SHIFTS.len()],
            })
        });
        Self {
            levels: Levels { fast: 0.0, slow: 0.0, level: 0.0, trend: 0.0 },
            mix: Mix::new(if LIGHT { 3 } else { EXPERTS }),
            seasons,
            deviation: 0.0,
            usual: 0.0,
            samples: 0.0,
            week: week.max(1.0),
            tail: Self::tail(),
            reach: None,
        }
    }

    fn step(&mut self, point: &Point) -> Said {
        let floor = FLOOR * point.range;
        let usual = self.usual;
        let forecasts = self.forecasts(point);
        let expected = self.mix.forecast(&forecasts, 1e-3 * floor);
        self.samples += 1.0;
        let Some(expected) = expected else {
            let Levels { fast, slow, level, .. } = &mut self.levels;
            (*fast, *slow, *level, self.usual) =
                (point.value, point.value, point.value, point.value);
            return Said::default();
        };
        let spread = self.deviation + floor;
        let off = point.value - expected;
        let score = if point.counts(off) { off.abs() / spread } else { 0.0 };
        let p_value = self.tail.p_value(score);
        let resolution = self.tail.resolution();
        self.tail.add(score);
        if self.reach.is_none() || self.samples % REACH_EVERY == 0.0 {
            self.reach = self.tail.quantile(point.alpha);
        }
        self.learn(point, &forecasts, expected, floor);
        Said {
            novelty: None,
            forecast: p_value.map(|p| Scored { p, resolution }),
            expected: Some(expected),
            reach: self.reach.map(|reach| reach * spread),
            usual,
        }
    }

    fn accept(&mut self, value: f64) {
        let shift = value - self.levels.slow;
        self.levels = Levels { fast: value, slow: value, level: value, trend: 0.0 };
        if let Some(seasons) = &mut self.seasons {
            seasons.offsets.iter_mut().for_each(|offset| *offset += shift);
        }
        self.usual = value;
    }

    fn heap_bytes(&self) -> usize {
        let seasons = self.seasons.as_ref();
        self.tail.heap_bytes()
            + self.mix.heap_bytes()
            + seasons.map_or(0, |seasons| {
                size_of::<Seasons>() + seasons.day.heap_bytes() + seasons.week.heap_bytes()
            })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Levels { fast, slow, level, trend } = self.levels;
        let plain = [fast, slow, level, trend, self.deviation, self.usual, self.samples, self.week];
        let offsets = self.seasons.iter().flat_map(|seasons| seasons.offsets);
        let experts = if LIGHT { 3 } else { EXPERTS };
        let usable = |number: f64| number.abs() <= MOST;
        let sound = plain.into_iter().chain(offsets).chain(self.reach).all(usable)
            && self.deviation >= 0.0
            && self.samples >= 0.0
            && self.reach.is_none_or(|reach| reach >= 0.0)
            && self.week >= 1.0
            && self.mix.is_sound(experts)
            && self.seasons.is_none() == LIGHT;
        if !sound {
            return Err(ConfigError::new("snapshot.forecast", "something else", "numbers"));
        }
        if let Some(seasons) = &self.seasons {
            seasons.day.check(DAY)?;
            seasons.week.check(WEEK)?;
        }
        self.tail.check(&Self::tail())
    }
}
