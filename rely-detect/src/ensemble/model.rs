//! What a channel is to the detector around it.

use core::fmt::Debug;

use rely_core::ConfigError;

use crate::Side;
use crate::forecast::Forecaster;
use crate::novelty::NoveltyModel;

/// A sample as a channel sees it: in units of the range that the series had during warm-up.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub value: f64,
    /// How many usual steps have passed since the sample before.
    pub steps: f64,
    /// Time of day and of week, from 0 to 1, the origin of the clock being 0.
    pub day: f64,
    pub week: f64,
    /// Where the series is, and over what range it moves, of late.
    pub center: f64,
    pub range: f64,
    /// Whether those two were found anew.
    pub rescaled: bool,
    pub side: Side,
    /// How rare a value outside of the band is.
    pub alpha: f64,
}

impl Point {
    /// What share of a moving average this sample is, its weights having their middle `center` steps
    /// back: 1 / (1 + center) for a usual step, all of it after a long gap.
    pub fn share(&self, center: f64) -> f64 {
        self.steps / (self.steps + center)
    }

    /// The same where a sample stands for itself alone, and not for the time since the one before, as
    /// long as that is not longer than the average reaches back.
    pub fn order(&self, center: f64) -> f64 {
        let steps = if self.steps > center { self.steps } else { self.steps.min(1.0) };
        steps / (steps + center)
    }

    /// Whether a deviation in this direction is trouble.
    pub fn counts(&self, deviation: f64) -> bool {
        match self.side {
            Side::Both => true,
            Side::High => deviation > 0.0,
            Side::Low => deviation < 0.0,
        }
    }
}

/// A p-value, and the smallest that counting could have given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    pub p: f64,
    pub resolution: f64,
}

/// What a channel says about a point, in its units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    pub novelty: Option<Scored>,
    pub forecast: Option<Scored>,
    pub expected: Option<f64>,
    /// How far above or below what was expected the band reaches.
    pub reach: Option<f64>,
    /// The mean over a long time.
    pub usual: f64,
}

/// A channel, or several.
pub trait Model: Clone + Debug + PartialEq {
    /// After how many samples it starts anew, the scale being known better, and is shown all again.
    const RESTARTS: &'static [u32];
    /// From how many samples of late the range is taken.
    const RING: usize;
    /// Whether it has to do with little room.
    const LIGHT: bool = false;

    fn new(samples_per_day: f64, range: f64) -> Self;

    fn step(&mut self, point: &Point) -> Said;

    /// The series is here now, and that is ordinary.
    fn accept(&mut self, _value: f64) {}

    /// It will not start anew any more.
    fn settle(&mut self) {}

    fn heap_bytes(&self) -> usize;

    fn check(&self) -> Result<(), ConfigError>;
}

/// The share of the error that each channel may spend, where there are two.
///
/// The smaller of two p-values, each over its weight, is a p-value again if the weights add up to one,
/// however the two depend on each other (the weighted Bonferroni rule; C. Genovese, K. Roeder, L.
/// Wasserman: "False discovery control with p-value weighting", Biometrika 93, 2006).
pub(super) const NOVELTY: f64 = 0.8;
pub(super) const FORECAST: f64 = 1.0 - NOVELTY;

/// Both channels.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Both {
    novelty: NoveltyModel,
    forecast: Forecaster<false>,
}

impl Model for Both {
    const RESTARTS: &'static [u32] = NoveltyModel::RESTARTS;
    const RING: usize = NoveltyModel::RING;

    fn new(samples_per_day: f64, range: f64) -> Self {
        let novelty = NoveltyModel::new(samples_per_day, range);
        Self { novelty, forecast: Forecaster::new(samples_per_day, range) }
    }

    fn step(&mut self, point: &Point) -> Said {
        let novelty = self.novelty.step(point).novelty;
        // The band is where the forecast alone would make a sample as rare as the two together.
        let point = Point { alpha: point.alpha * FORECAST, ..*point };
        Said { novelty, ..self.forecast.step(&point) }
    }

    fn accept(&mut self, value: f64) {
        self.forecast.accept(value);
    }

    fn settle(&mut self) {
        self.novelty.settle();
    }

    fn heap_bytes(&self) -> usize {
        self.novelty.heap_bytes() + self.forecast.heap_bytes()
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.novelty.check()?;
        self.forecast.check()
    }
}
