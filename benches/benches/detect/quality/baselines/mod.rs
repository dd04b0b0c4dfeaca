//! Rules that people use, each with a score in place of its threshold.

mod adaptive;
mod dspot;
mod past;
mod simple;
mod spectral;

use std::time::Duration;

use rely_core::Instant;

/// A rule: how unusual is this value, from those before it alone?
pub(crate) trait Baseline {
    /// A higher score is more unusual; zero where nothing is known.
    fn score(&mut self, at: Instant, value: f64) -> f64;
}

type Make = fn(Duration) -> Box<dyn Baseline>;

/// Each by its name, made for samples that come so far apart.
pub(crate) const ALL: [(&str, Make); 7] = [
    ("weekly-average", |_| Box::new(simple::WeeklyAverage::default())),
    ("weekly-same-time", |_| Box::new(simple::SameTime::default())),
    ("three-sigma-day", |_| Box::new(simple::DayDeviation::default())),
    ("adaptive-bands", |step| Box::new(adaptive::Bands::new(step))),
    ("dspot", |_| Box::new(dspot::Dspot::default())),
    ("spectral-residual", |_| Box::new(spectral::Residual::new())),
    ("ewma-z", |_| Box::new(simple::EwmaZ::default())),
];
