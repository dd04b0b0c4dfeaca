//! One series at several time scales.
//!
//! A fault that grows by a hundredth each minute never stands out from one sample to the next: whatever
//! follows the level follows it too. In the means of five minutes the noise is a fraction and the growth
//! many times as large. [`Scales`] looks at a series as it comes and at such means of it, each with a
//! detector of its own, and says the worst of what they say.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::{Detector, Ensemble, Sample, Scales, Side};
//!
//! let make = |scale: &str| Ensemble::builder(scale).side(Side::High).build();
//! let mut latency = Scales::new(make("latency")?)
//!     .with(Duration::from_secs(300), make("latency over 5 minutes")?)?;
//!
//! let reading = latency.observe(Sample::new(Instant::ORIGIN, 20.0));
//! assert_eq!(reading.level, Level::Unknown);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! Across restarts it goes on from a [`ScalesSnapshot`].
//!
//! Each detector raises false alarms of its own: where they are set by time, give each of n scales n
//! times the time.

mod snapshot;
#[cfg(test)]
mod tests;

use core::time::Duration;

use rely_core::{ConfigError, Instant, Level, config};

pub use snapshot::ScalesSnapshot;

use crate::{Detector, Reading, Sample};

/// A [`Detector`] of means: it takes in the mean of each step instead of the samples.
///
/// A step ends with the first sample after it, and its mean bears the time of the last sample in it; the
/// values are weighted by their counts. Until a step is over, what was said of the one before holds on. A
/// step without samples is none: a gap stays a gap. Samples that are missing or late change nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Coarse<D> {
    inner: D,
    /// Nanoseconds.
    step: u64,
    open: Option<Open>,
    said: Option<Reading>,
}

/// A step that is not over.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Open {
    last: Instant,
    mean: f64,
    count: u64,
}

impl Open {
    const fn new(sample: Sample) -> Self {
        Self { last: sample.at, mean: sample.value, count: sample.count }
    }

    fn add(&mut self, sample: Sample) {
        self.last = sample.at;
        self.count = self.count.saturating_add(sample.count);
        self.mean += (sample.value - self.mean) * (sample.count as f64 / self.count as f64);
    }
}

impl<D: Detector> Coarse<D> {
    /// Means of `step` for a detector.
    ///
    /// # Errors
    /// If the step is zero.
    pub fn new(step: Duration, inner: D) -> Result<Self, ConfigError> {
        let step = u64::try_from(config::nonzero("step", step)?.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { inner, step, open: None, said: None })
    }

    /// The detector of the means.
    pub const fn get(&self) -> &D {
        &self.inner
    }

    /// The same, to be told what is ordinary, for example.
    pub const fn get_mut(&mut self) -> &mut D {
        &mut self.inner
    }

    /// What was said of the last step that is over.
    pub const fn said(&self) -> Option<&Reading> {
        self.said.as_ref()
    }
}

impl<D: Detector> Detector for Coarse<D> {
    fn observe(&mut self, sample: Sample) -> Reading {
        let late = self.open.is_some_and(|open| sample.at <= open.last);
        if sample.count == 0 || !sample.is_number() || late {
            // What it is, is for the detector to say; so is that it changes nothing.
            let at = if late { self.open.map_or(sample.at, |open| open.last) } else { sample.at };
            return self.said.unwrap_or_else(|| self.inner.observe(Sample::missing(at)));
        }
        let number = |at: Instant| at.as_nanos() / self.step;
        match &mut self.open {
            Some(open) if number(open.last) == number(sample.at) => open.add(sample),
            open => {
                if let Some(over) = open.replace(Open::new(sample)) {
                    let mean = Sample::of(over.last, over.mean, over.count);
                    self.said = Some(self.inner.observe(mean));
                }
            }
        }
        self.said.unwrap_or_else(|| self.inner.observe(Sample::missing(sample.at)))
    }

    fn is_warm(&self) -> bool {
        self.inner.is_warm()
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() - size_of::<D>() + self.inner.bytes()
    }
}

/// A [`Detector`] of a series as it comes, and of its means over longer steps.
///
/// See the [module's documentation](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Scales<D> {
    fine: D,
    coarse: Vec<Coarse<D>>,
}

impl<D: Detector> Scales<D> {
    /// The series as it comes, so far.
    pub const fn new(fine: D) -> Self {
        Self { fine, coarse: Vec::new() }
    }

    /// And its means over `step`.
    ///
    /// # Errors
    /// If the step is zero.
    pub fn with(mut self, step: Duration, detector: D) -> Result<Self, ConfigError> {
        self.coarse.reserve_exact(1);
        self.coarse.push(Coarse::new(step, detector)?);
        Ok(self)
    }

    /// The detector of the samples as they come.
    pub const fn fine(&self) -> &D {
        &self.fine
    }

    /// Those of the means.
    pub fn coarse(&self) -> &[Coarse<D>] {
        &self.coarse
    }

    /// Every detector, finest first, to be told what is ordinary, for example.
    pub fn detectors_mut(&mut self) -> impl Iterator<Item = &mut D> {
        core::iter::once(&mut self.fine).chain(self.coarse.iter_mut().map(Coarse::get_mut))
    }

    /// Everything they have learnt; `snapshot` takes that of a detector, such as `Ensemble::snapshot`.
    pub fn snapshot<S>(&self, snapshot: impl FnMut(&D) -> S) -> ScalesSnapshot<S> {
        ScalesSnapshot::of(self, snapshot)
    }
}

impl<D: Detector> Detector for Scales<D> {
    /// The worst reading: by level, and then by severity. What one of them does not know yet, another
    /// may.
    fn observe(&mut self, sample: Sample) -> Reading {
        let fine = self.fine.observe(sample);
        let coarse = self.coarse.iter_mut().map(|coarse| coarse.observe(sample));
        coarse.fold(fine, |worst, reading| {
            let order = rank(reading.level).cmp(&rank(worst.level));
            let order = order.then(reading.severity.total_cmp(&worst.severity));
            if order.is_gt() { reading } else { worst }
        })
    }

    fn is_warm(&self) -> bool {
        self.fine.is_warm()
    }

    fn bytes(&self) -> usize {
        let coarse = self.coarse.iter().map(Detector::bytes).sum::<usize>();
        let spare = (self.coarse.capacity() - self.coarse.len()) * size_of::<Coarse<D>>();
        size_of::<Self>() - size_of::<D>() + self.fine.bytes() + coarse + spare
    }
}

/// Unknown says less than anything else.
const fn rank(level: Level) -> u8 {
    match level {
        Level::Unknown => 0,
        Level::Healthy => 1,
        Level::Degraded => 2,
        Level::Unhealthy => 3,
    }
}
