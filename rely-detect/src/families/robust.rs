use core::time::Duration;

use rely_core::{ConfigError, config};

use super::floor;
use super::window::{FEWEST, Window};
use crate::Sample;
use crate::calibrated::{Assessment, Calibrated, CalibratedBuilder, Model};

/// What a [`RobustZ`] looks at; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `window` | 1 day | over zero |
/// | `samples` | 256 | 32 to 4096 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What a robust z-score looks at."))]
pub struct RobustZConfig {
    /// How far back it looks.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub window: Duration,
    /// How many samples stand for that time, at most; where more come, they are thinned out evenly.
    pub samples: u32,
}

impl Default for RobustZConfig {
    fn default() -> Self {
        Self { window: Duration::from_secs(24 * 3600), samples: 256 }
    }
}

impl RobustZConfig {
    /// The model, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<RobustZ, ConfigError> {
        let span = config::nonzero("window", self.window)?.as_nanos();
        let most = config::in_range("samples", self.samples, 32..=4096)?;
        Ok(RobustZ { window: Window::new(u64::try_from(span).unwrap_or(u64::MAX), most as usize) })
    }
}

/// The distance from the median of a window, in standard deviations told from the median absolute
/// deviation (F. R. Hampel: "The influence curve and its role in robust estimation", JASA 69, 1974).
///
/// Nearly half of the window may be wild without moving it. Where more than half of the values are the
/// same, the middle nine tenths tell the spread.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct RobustZ {
    window: Window,
}

/// Standard deviations to a median absolute deviation, for normal noise.
const NORMAL: f64 = 1.482_602;
/// Standard deviations from the 5 % point to the 95 % point, for normal noise.
const MIDDLE: f64 = 3.289_707;

impl RobustZ {
    /// A detector of the series called `name`, by the default configuration.
    pub fn detector(name: impl Into<String>) -> CalibratedBuilder<Self> {
        Calibrated::builder(name, Self::default())
    }
}

impl Default for RobustZ {
    fn default() -> Self {
        Self { window: Window::new(24 * 3600 * 1_000_000_000, 256) }
    }
}

impl Model for RobustZ {
    fn assess(&self, sample: &Sample) -> Option<Assessment> {
        let median = self.window.median().filter(|_| self.window.len() >= FEWEST)?;
        let spread = NORMAL * self.window.median_distance(median);
        // A quarter, so that it counts only where the median distance says nothing.
        let spread = spread.max(self.window.range() / MIDDLE / 4.0);
        Some(Assessment::new(sample, median, spread + floor(median)))
    }

    fn learn(&mut self, sample: &Sample) {
        self.window.push(sample.at, sample.value);
    }

    fn relearn(&mut self, from: f64, to: f64) {
        self.window.shift(to - from);
    }

    fn fits(&self, restored: &Self) -> bool {
        self.window.fits(&restored.window)
    }

    fn heap_bytes(&self) -> usize {
        self.window.heap_bytes()
    }
}
