//! Families of detectors: each a [`Model`](crate::calibrated::Model) of what is expected of a series.
//!
//! | family | expects | meant for |
//! |---|---|---|
//! | [`EwmaBand`] | a level that moves slowly | any series, where little memory counts |
//! | [`RobustZ`] | the median of the last day | series with outliers and without a season |
//! | [`WeeklyRatio`] | what is usual at this time of the week | traffic: counts and rates over zero |
//! | [`Dspot`] | a tail beyond a slow level | rare extremes, tails of any weight |
//! | [`Adwin`] | the mean since the last change | levels that hold, and jump |
//! | [`Cusum`], [`PageHinkley`] | no lasting shift | small shifts that last: when, from what, to what |
//!
//! Each has `detector(name)`, which puts it into [`Calibrated`](crate::Calibrated), and works under
//! [`Threshold`](crate::calibrated::Threshold) with a plain limit.
//!
//! # False alarms
//!
//! Alarms a week where one was asked for: simulated, a sample each five minutes, three months of three
//! seeds from when the detector was warm, no tolerance. The crate's tests hold all but those in brackets
//! to a factor of two.
//!
//! | family | normal | a day's season | Student t, 2.5 | correlated 0.8 | drift, 3 σ a day |
//! |---|---|---|---|---|---|
//! | `EwmaBand` | 1.0 | 1.4 | 0.8 | 1.2 | 1.0 |
//! | `RobustZ` | 1.1 | (3.4) | 1.0 | 1.9 | 1.0 |
//! | `WeeklyRatio` | 0.9 | 1.0 | 1.0 | 1.4 | (0) |
//! | `Dspot` | 1.0 | 1.0 | 1.0 | 1.4 | 1.0 |
//! | `Adwin` | 0.9 | 1.1 | 1.0 | 1.5 | 0.9 |
//! | `Cusum` | 1.2 | (10) | 1.2 | (2.7) | (12) |
//! | `PageHinkley` | 1.3 | (8) | 1.3 | (2.9) | (12) |
//!
//! A median over a day does not follow a season, nor does the level behind `Cusum`: there take
//! [`Changes`] with a model that knows the season. A steady drift is what a sum of residuals looks for: it
//! is found again and again, and rightly. In the first two weeks, while the series is being learnt,
//! more come: up to three times as many on correlated samples, and for sums of residuals.

mod adwin;
mod change;
mod dspot;
mod ewma;
mod robust;
mod running;
#[cfg(test)]
mod tests;
mod weekly;
mod window;

pub use adwin::{Adwin, AdwinConfig};
pub use change::{Change, Changes, ChangesSnapshot, Cusum, PageHinkley};
pub use dspot::{Dspot, DspotConfig};
pub use ewma::{EwmaBand, EwmaBandConfig};
pub use robust::{RobustZ, RobustZConfig};
pub use running::RunningMean;
pub use weekly::{Baseline, WeeklyRatio, WeeklyRatioConfig};

use crate::Sample;

/// The least scale beside a value: where nothing ever varied, any change stands far out.
fn floor(value: f64) -> f64 {
    1e-9 * value.abs() + 1e-12
}

/// How much of the way a mean with the time constant `time` goes in `passed`, both in seconds; the
/// first few samples weigh the same.
fn gain(passed: f64, time: f64, samples: u64) -> f64 {
    (1.0 - (-passed / time).exp()).max(1.0 / (samples as f64 + 1.0))
}

/// Whether a stored number may have come from samples.
fn usable(value: f64) -> bool {
    value.abs() <= 4.0 * Sample::LIMIT
}
