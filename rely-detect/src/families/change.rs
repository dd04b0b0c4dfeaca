use rely_core::{ConfigError, Instant, Level};
use statrs::function::erf;

use super::{EwmaBand, RunningMean, usable};
use crate::calibrated::rate::{AlarmRate, Usual};
use crate::calibrated::{Calibrated, CalibratedBuilder, CalibratedSnapshot, Model};
use crate::{Detector, Reading, Sample, Side, Why};

/// What a residual has to be beyond to count, in standard deviations: half of the smallest shift that
/// is worth knowing, as is usual.
const SLACK: f64 = 0.5;
/// A residual counts for no more, so that no single sample is a change.
const MOST: f64 = 4.0;
/// The excursions of such a sum where residuals are independent and normal (D. Siegmund: "Sequential
/// Analysis", 1985: the run length is 2 exp(h + 1.166) samples where the slack is a half).
/// Where each has four fifths of the one before in it, sums rise nine times as high.
const NORMAL: Usual = Usual { share: 0.156, height: 1.0, most: 12.0 };

/// Small shifts that last: a cumulative sum of calibrated residuals on either side (E. S. Page:
/// "Continuous inspection schemes", Biometrika 41, 1954).
///
/// The p-values of a [`Calibrated`] detector are turned into normal residuals, so that one slack does
/// for every series. How high a sum has to rise follows from the false alarms that the inner detector
/// is allowed, and from how high the sums of this series usually rise: 6 to 12 where samples are
/// independent. Once a change is found, its beginning and size are known ([`Changes::last`]), the
/// inner model moves to the new level, and the sums begin anew. So the reading that finds it is
/// [`Level::Unhealthy`] and the next one is not.
///
/// [`Cusum`] compares with a slow level, [`PageHinkley`] with the mean since the last change; any other
/// model does as well: on a seasonal series take one that knows the season.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Instant, Level};
/// use rely_detect::families::Cusum;
/// use rely_detect::{Detector, Sample, Side};
///
/// let mut detector = Cusum::detector("latency")?;
/// let mut at = Instant::ORIGIN;
/// for n in 0..600_u32 {
///     at += Duration::from_secs(60);
///     let noise = f64::from(n * 7919 % 101) / 10.0;
///     let shift = if n < 500 { 0.0 } else { 8.0 };
///     let reading = detector.observe(Sample::new(at, 100.0 + noise + shift));
///     if n >= 500 && reading.level == Level::Unhealthy {
///         break;
///     }
/// }
/// let change = detector.last().expect("eight are two standard deviations");
/// assert_eq!(change.side(), Side::High);
/// assert!((change.to - change.from - 8.0).abs() < 3.0);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Changes<M> {
    inner: Calibrated<M>,
    sums: Sums,
}

/// A [`Changes`] that compares with a level that follows within a day.
pub type Cusum = Changes<EwmaBand>;
/// A [`Changes`] that compares with the mean since the last change (D. V. Hinkley: "Inference about the
/// change-point from cumulative sum tests", Biometrika 58, 1971).
pub type PageHinkley = Changes<RunningMean>;

/// A shift of level that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Change {
    /// When it began: the first sample since the sum was last zero.
    pub began: Instant,
    /// When it was found.
    pub found: Instant,
    /// What was expected before.
    pub from: f64,
    /// The mean since it began.
    pub to: f64,
}

impl Change {
    /// Whether the level rose or fell.
    #[must_use]
    pub fn side(&self) -> Side {
        if self.to < self.from { Side::Low } else { Side::High }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Sums {
    upper: Sum,
    lower: Sum,
    last: Option<Change>,
    found: u64,
}

/// The evidence for a shift to one side.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Sum {
    height: f64,
    began: Instant,
    samples: u64,
    /// What was expected when it began, and the mean of what came.
    from: f64,
    mean: f64,
    rate: AlarmRate,
}

impl Sum {
    fn new() -> Self {
        let (began, rate) = (Instant::ORIGIN, AlarmRate::new(NORMAL));
        Self { height: 0.0, began, samples: 0, from: 0.0, mean: 0.0, rate }
    }

    fn add(&mut self, sample: Sample, residual: f64, expected: f64, alpha: f64) -> Option<Change> {
        let height = (self.height + residual.min(MOST) - SLACK).max(0.0);
        if self.height <= 0.0 {
            (self.began, self.samples, self.from, self.mean) = (sample.at, 0, expected, 0.0);
        }
        self.height = height;
        self.samples = self.samples.saturating_add(1);
        self.mean += (sample.value - self.mean) / self.samples as f64;
        let found = height >= self.rate.threshold(alpha);
        self.rate.learn(height, found, alpha);
        if found {
            self.rate.cut();
        }
        found.then_some(Change {
            began: self.began,
            found: sample.at,
            from: self.from,
            to: self.mean,
        })
    }

    fn forget(&mut self) {
        self.height = 0.0;
        self.rate.forget();
    }

    fn is_sound(&self, like: &Self) -> bool {
        self.rate.is_sound(&like.rate)
            && usable(self.height)
            && self.height >= 0.0
            && usable(self.from)
            && usable(self.mean)
    }
}

impl Cusum {
    /// A detector of the series called `name`, by the default configuration.
    ///
    /// # Errors
    /// None: the defaults are in range.
    pub fn detector(name: impl Into<String>) -> Result<Self, ConfigError> {
        let day = 24.0 * 3600.0;
        Calibrated::builder(name, EwmaBand::hourly(day, day)).build().map(Self::new)
    }
}

impl PageHinkley {
    /// A detector of the series called `name`, by the default configuration.
    ///
    /// # Errors
    /// None: the defaults are in range.
    pub fn page_hinkley(name: impl Into<String>) -> Result<Self, ConfigError> {
        Calibrated::builder(name, RunningMean::default()).build().map(Self::new)
    }
}

impl<M: Model> Changes<M> {
    /// Looks for shifts in the residuals of a detector, as often in vain as that one may raise a false
    /// alarm.
    #[must_use]
    pub fn new(inner: Calibrated<M>) -> Self {
        let (upper, lower) = (Sum::new(), Sum::new());
        Self { inner, sums: Sums { upper, lower, last: None, found: 0 } }
    }

    /// The last change that was found.
    #[must_use]
    pub const fn last(&self) -> Option<Change> {
        self.sums.last
    }

    /// How many changes were found.
    #[must_use]
    pub const fn found(&self) -> u64 {
        self.sums.found
    }

    /// The detector whose residuals are summed up.
    #[must_use]
    pub const fn inner(&self) -> &Calibrated<M> {
        &self.inner
    }

    /// Everything it has learnt.
    #[must_use]
    pub fn snapshot(&self) -> ChangesSnapshot<M>
    where
        M: Clone,
    {
        ChangesSnapshot { version: VERSION, inner: self.inner.snapshot(), sums: self.sums }
    }

    /// Goes on where `snapshot` was taken, with the inner detector configured by `builder`.
    ///
    /// # Errors
    /// What is out of range, or does not fit.
    pub fn restore(
        builder: CalibratedBuilder<M>,
        snapshot: ChangesSnapshot<M>,
    ) -> Result<Self, ConfigError> {
        let ChangesSnapshot { version, inner, sums } = snapshot;
        if version != VERSION {
            return Err(ConfigError::new("snapshot.version", version, VERSION.to_string()));
        }
        let like = Sum::new();
        if !sums.upper.is_sound(&like) || !sums.lower.is_sound(&like) {
            return Err(ConfigError::new("snapshot.sums", "something else", "sums of residuals"));
        }
        Ok(Self { inner: builder.restore(inner)?, sums })
    }
}

/// Everything that a [`Changes`] has learnt, to be kept across restarts; see
/// [`CalibratedSnapshot`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct ChangesSnapshot<M> {
    version: u32,
    inner: CalibratedSnapshot<M>,
    sums: Sums,
}

/// The version of the layout that this release writes and reads.
const VERSION: u32 = 1;

impl<M: Model> Detector for Changes<M> {
    fn observe(&mut self, sample: Sample) -> Reading {
        let mut reading = self.inner.observe(sample);
        let (Some(p), Some(expected)) = (reading.p_value, reading.expected) else {
            return reading;
        };
        // Half of the alarms may come from either side.
        let alpha = self.inner.alpha() / 2.0;
        let size = core::f64::consts::SQRT_2 * erf::erfc_inv(p);
        let residual = if sample.value < expected { -size } else { size };
        let up = self.sums.upper.add(sample, residual, expected, alpha);
        let down = self.sums.lower.add(sample, -residual, expected, alpha);
        let found = up.or(down);
        let share = |sum: &Sum| sum.height / sum.rate.threshold(alpha);
        reading.score = share(&self.sums.upper).max(share(&self.sums.lower)).min(1.0);
        reading.since = sample.at;
        (reading.level, reading.why) = match found {
            Some(_) => (Level::Unhealthy, Why::Alarm),
            None => (Level::Healthy, Why::Ordinary),
        };
        if let Some(change) = found {
            self.inner.relearn(change.from, change.to);
            self.sums.upper.forget();
            self.sums.lower.forget();
            self.sums.last = found;
            self.sums.found = self.sums.found.saturating_add(1);
        }
        reading
    }

    fn is_warm(&self) -> bool {
        self.inner.is_warm()
    }

    fn bytes(&self) -> usize {
        self.inner.bytes() + size_of::<Sums>()
    }
}
