use core::time::Duration;
use std::collections::VecDeque;

use rely_core::{ConfigError, Instant, config};

use super::{floor, gain, usable};
use crate::Sample;
use crate::calibrated::{Assessment, Calibrated, CalibratedBuilder, Model};

/// How a [`Dspot`] looks at the tails; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `risk` | 0.0001 | 1e-9 to 0.01 |
/// | `level_time` | 1 hour | over zero |
/// | `peaks` | 128 | 32 to 1024 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How extremes of a series are looked at."))]
pub struct DspotConfig {
    /// What share of samples lies beyond a deviation of one, on either side.
    pub risk: f64,
    /// The time constant of the level that extremes are measured from.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub level_time: Duration,
    /// How many peaks are remembered on either side.
    pub peaks: u32,
}

impl Default for DspotConfig {
    fn default() -> Self {
        Self { risk: 1e-4, level_time: Duration::from_secs(3600), peaks: 128 }
    }
}

impl DspotConfig {
    /// The model, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Dspot, ConfigError> {
        config::in_range("risk", self.risk, 1e-9..=0.01)?;
        config::nonzero("level_time", self.level_time)?;
        config::in_range("peaks", self.peaks, 32..=1024)?;
        Ok(Dspot::new(&self))
    }
}

/// Peaks over a threshold follow a generalised Pareto law, which says where a share `risk` of samples
/// lies beyond: DSPOT (A. Siffer, P.-A. Fouque, A. Termier, C. Largouët: "Anomaly detection in streams
/// with extreme value theory", KDD 2017).
///
/// The unit of deviation is the distance at which it would raise an alarm, on each side its own. So
/// [`Threshold`](crate::calibrated::Threshold) with a limit of one is the detector of the paper, and
/// [`Dspot::detector`] ranks what it says among its own past. Unlike in the paper the threshold and the
/// peaks move with the series, the level is weighted by time, and the law is fitted by moments
/// (J. R. M. Hosking, J. R. Wallis, Technometrics 29, 1987), drawn to a heavy tail while peaks are few.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Dspot {
    risk: f64,
    level_time: f64,
    level: f64,
    last: Option<Instant>,
    samples: u64,
    /// The first deviations, until there are enough to begin with.
    first: Vec<f64>,
    upper: Peaks,
    lower: Peaks,
}

/// One tail.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Peaks {
    most: usize,
    threshold: f64,
    /// Which sample it was, and how far out it lay.
    peaks: VecDeque<(u64, f64)>,
    excess: f64,
    /// Beyond this lies a share `risk` of samples.
    extreme: f64,
}

/// How many deviations are gathered before the first fit: ten peaks on either side.
const FIRST: usize = 200;
/// One in so many samples is over the threshold.
const ONE_IN: usize = 20;
const SHARE: f64 = 1.0 / ONE_IN as f64;
/// How fast the threshold moves to where that holds, in mean excesses.
const PACE: f64 = 0.05;
/// The shape of a tail of which nothing is known, and how many peaks that stands for.
const PRIOR_SHAPE: f64 = 0.2;
const PRIOR_PEAKS: f64 = 20.0;

impl Dspot {
    /// A detector of the series called `name`, by the default configuration.
    pub fn detector(name: impl Into<String>) -> CalibratedBuilder<Self> {
        Calibrated::builder(name, Self::default())
    }

    fn new(config: &DspotConfig) -> Self {
        // No clone: that would have no room.
        let peaks = || Peaks::new(config.peaks as usize);
        Self {
            risk: config.risk,
            level_time: config.level_time.as_secs_f64(),
            level: 0.0,
            last: None,
            samples: 0,
            first: Vec::with_capacity(FIRST),
            upper: peaks(),
            lower: peaks(),
        }
    }

    /// A series that was at rest says nothing about the tails at a new level.
    fn start_over(&mut self, level: f64) {
        (self.level, self.samples) = (level, 0);
        self.first = Vec::with_capacity(FIRST);
        self.upper.clear();
        self.lower.clear();
    }

    fn begin(&mut self) {
        self.first.sort_unstable_by(f64::total_cmp);
        let first = core::mem::take(&mut self.first);
        self.upper.begin(first.iter().copied(), self.samples, self.risk);
        self.lower.begin(first.iter().rev().map(|off| -off), self.samples, self.risk);
    }
}

impl Peaks {
    fn new(most: usize) -> Self {
        let peaks = VecDeque::with_capacity(most);
        Self { most, threshold: 0.0, peaks, excess: 0.0, extreme: 0.0 }
    }

    fn clear(&mut self) {
        self.peaks.clear();
        (self.threshold, self.excess, self.extreme) = (0.0, 0.0, 0.0);
    }

    /// Takes deviations in rising order.
    fn begin(&mut self, rising: impl ExactSizeIterator<Item = f64>, samples: u64, risk: f64) {
        let peaks = rising.len() / ONE_IN;
        let low = rising.len().saturating_sub(peaks + 1);
        let begun = samples.saturating_sub(rising.len() as u64);
        for (place, off) in rising.enumerate().skip(low) {
            if place == low {
                self.threshold = off;
            } else {
                self.peaks.push_back((begun, off));
            }
        }
        self.fit(samples, risk);
    }

    fn learn(&mut self, off: f64, sample: u64, risk: f64) {
        let is_peak = off > self.threshold;
        self.threshold += PACE * self.excess * (f64::from(u8::from(is_peak)) - SHARE);
        if is_peak {
            if self.peaks.len() >= self.most {
                self.peaks.pop_front();
            }
            // What is beyond the extreme would be an anomaly; it counts as if it lay there.
            self.peaks.push_back((sample, off.min(self.extreme)));
            self.fit(sample, risk);
        }
    }

    fn fit(&mut self, sample: u64, risk: f64) {
        let begun = self.peaks.front().map_or(sample, |(first, _)| *first);
        let excesses = || {
            let excess = self.peaks.iter().map(|(_, off)| off - self.threshold);
            excess.filter(|excess| *excess > 0.0)
        };
        let count = excesses().count().max(1) as f64;
        let mean = excesses().sum::<f64>() / count;
        let variance = excesses().map(|excess| (excess - mean).powi(2)).sum::<f64>() / count;
        let ratio = if mean > 0.0 { variance / (mean * mean) } else { 1.0 };
        let seen = (0.5 * (1.0 - 1.0 / ratio.max(0.25))).clamp(-0.4, 0.5);
        let shape = (count * seen + PRIOR_PEAKS * PRIOR_SHAPE) / (count + PRIOR_PEAKS);
        let scale = mean * (1.0 - shape);
        let share = count / (sample.saturating_sub(begun) as f64 + 1.0);
        let rarer = (share / risk).max(1.0);
        let reach = if shape.abs() < 1e-6 { rarer.ln() } else { (rarer.powf(shape) - 1.0) / shape };
        (self.excess, self.extreme) = (mean, self.threshold + scale * reach);
    }

    fn fits(&self, restored: &Self) -> bool {
        let mut peaks = restored.peaks.iter().map(|(_, off)| *off);
        self.most == restored.most
            && restored.peaks.len() <= self.most
            && [restored.threshold, restored.excess, restored.extreme].into_iter().all(usable)
            && peaks.all(usable)
    }
}

impl Default for Dspot {
    fn default() -> Self {
        Self::new(&DspotConfig::default())
    }
}

impl Model for Dspot {
    fn assess(&self, sample: &Sample) -> Option<Assessment> {
        if self.samples < FIRST as u64 {
            return None;
        }
        let tail = if sample.value >= self.level { &self.upper } else { &self.lower };
        let scale = tail.extreme.max(tail.excess) + floor(self.level);
        Some(Assessment::new(sample, self.level, scale))
    }

    fn learn(&mut self, sample: &Sample) {
        let off = sample.value - self.level;
        if self.samples < FIRST as u64 {
            if self.samples > 0 {
                self.first.push(off);
            }
            self.samples += 1;
            if self.samples == FIRST as u64 {
                self.begin();
            }
        } else {
            self.samples = self.samples.saturating_add(1);
            self.upper.learn(off, self.samples, self.risk);
            self.lower.learn(-off, self.samples, self.risk);
        }
        let passed = self.last.map_or(0.0, |last| (sample.at - last).as_secs_f64());
        self.level += gain(passed, self.level_time, self.samples - 1) * off;
        self.last = Some(sample.at);
    }

    fn relearn(&mut self, from: f64, to: f64) {
        if self.upper.excess.max(self.lower.excess) <= floor(from) {
            self.start_over(to);
        } else {
            self.level += to - from;
        }
    }

    fn fits(&self, restored: &Self) -> bool {
        (self.risk, self.level_time) == (restored.risk, restored.level_time)
            && usable(restored.level)
            && restored.first.len() < FIRST
            && restored.first.iter().copied().all(usable)
            && self.upper.fits(&restored.upper)
            && self.lower.fits(&restored.lower)
    }

    fn heap_bytes(&self) -> usize {
        let peaks = self.upper.peaks.capacity() + self.lower.peaks.capacity();
        self.first.capacity() * size_of::<f64>() + peaks * size_of::<(u64, f64)>()
    }
}
