use rely_core::{ConfigError, config};

use super::floor;
use crate::Sample;
use crate::calibrated::{Assessment, Calibrated, CalibratedBuilder, Model};

/// How an [`Adwin`] tells a change; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `confidence` | 0.002 | 1e-9 to 0.1 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How an adaptive window tells a change."))]
pub struct AdwinConfig {
    /// How likely two parts of a window without a change are to be told apart.
    pub confidence: f64,
}

impl Default for AdwinConfig {
    fn default() -> Self {
        // The authors' own choice.
        Self { confidence: 0.002 }
    }
}

impl AdwinConfig {
    /// The model, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Adwin, ConfigError> {
        config::in_range("confidence", self.confidence, 1e-9..=0.1)?;
        Ok(Adwin { confidence: self.confidence, ..Adwin::default() })
    }
}

/// Expects the mean of a window that grows while nothing changes, and drops its older part where the
/// means of two parts differ by more than chance (A. Bifet, R. Gavaldà: "Learning from time-changing
/// data with adaptive windowing", SDM 2007).
///
/// Buckets of exponential sizes hold sums and squares; the last row holds 5 × 2¹⁵ samples, older ones
/// fall out. Correlation from sample to sample makes it drop more than `confidence` says: the
/// calibration around it sees to false alarms, so that costs memory only.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Adwin {
    confidence: f64,
    /// From the newest to the oldest; one of a later row stands for twice as many samples.
    rows: Vec<Vec<Bucket>>,
    total: Bucket,
    since_check: u32,
    drops: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Bucket {
    samples: f64,
    mean: f64,
    /// The sum of squared deviations from the mean.
    squares: f64,
}

/// How many buckets of each size.
const IN_ROW: usize = 5;
const ROWS: usize = 16;
/// How many samples pass between two looks for a change.
const CHECK_EVERY: u32 = 32;
/// No part is shorter, in samples.
const FEWEST: f64 = 10.0;
/// Values count for no more, so that squares do not overflow.
const MOST: f64 = 1e140;

impl Bucket {
    /// Both together (the update of mean and squares by T. Chan, G. Golub and R. Leveque).
    fn with(self, other: Self) -> Self {
        let samples = self.samples + other.samples;
        if samples <= 0.0 {
            return Self::default();
        }
        let (off, share) = (other.mean - self.mean, other.samples / samples);
        Self {
            samples,
            mean: self.mean + share * off,
            squares: self.squares + other.squares + off * off * self.samples * share,
        }
    }

    fn without(self, part: Self) -> Self {
        let samples = self.samples - part.samples;
        if samples <= 0.0 {
            return Self::default();
        }
        let mean = (self.mean * self.samples - part.mean * part.samples) / samples;
        let off = part.mean - mean;
        let between = off * off * samples * part.samples / self.samples;
        Self { samples, mean, squares: (self.squares - part.squares - between).max(0.0) }
    }
}

impl Adwin {
    /// A detector of the series called `name`, by the default configuration.
    pub fn detector(name: impl Into<String>) -> CalibratedBuilder<Self> {
        Calibrated::builder(name, Self::default())
    }

    /// How many samples the window holds.
    #[must_use]
    pub const fn width(&self) -> f64 {
        self.total.samples
    }

    /// The mean of the window.
    #[must_use]
    pub const fn mean(&self) -> f64 {
        self.total.mean
    }

    /// How often an older part was dropped because of a change.
    #[must_use]
    pub const fn drops(&self) -> u64 {
        self.drops
    }

    fn insert(&mut self, value: f64) {
        let mut carried = Bucket { samples: 1.0, mean: value, squares: 0.0 };
        self.total = self.total.with(carried);
        for row in &mut self.rows {
            row.insert(0, carried);
            if row.len() <= IN_ROW {
                return;
            }
            let (oldest, older) = (row.pop().unwrap_or_default(), row.pop().unwrap_or_default());
            carried = older.with(oldest);
        }
        self.total = self.total.without(carried);
    }

    /// Drops the oldest bucket while some cut of the window tells two parts apart.
    fn shrink(&mut self) {
        let mut shrunk = false;
        while self.is_split() {
            let Some(oldest) = self.rows.iter_mut().rev().find_map(Vec::pop) else { break };
            self.total = self.total.without(oldest);
            shrunk = true;
        }
        if shrunk {
            self.drops = self.drops.saturating_add(1);
            // Subtracting over and over loses digits.
            let all = self.rows.iter().flatten();
            self.total = all.fold(Bucket::default(), |sum, bucket| sum.with(*bucket));
        }
    }

    fn is_split(&self) -> bool {
        let width = self.total.samples;
        if width < 2.0 * FEWEST {
            return false;
        }
        let log = (2.0 * width.ln() / self.confidence).ln();
        let deviation = (self.total.squares / width).sqrt();
        let mut newer = Bucket::default();
        for bucket in self.rows.iter().flatten() {
            newer = newer.with(*bucket);
            let older = self.total.without(newer);
            if newer.samples < FEWEST || older.samples < FEWEST {
                continue;
            }
            let harmonic = 1.0 / (1.0 / newer.samples + 1.0 / older.samples);
            let cut = deviation * ((2.0 * log / harmonic).sqrt() + 2.0 * log / (3.0 * harmonic));
            if (newer.mean - older.mean).abs() > cut + floor(newer.mean) {
                return true;
            }
        }
        false
    }
}

impl Default for Adwin {
    fn default() -> Self {
        let rows = (0..ROWS).map(|_| Vec::with_capacity(IN_ROW + 1)).collect();
        let confidence = AdwinConfig::default().confidence;
        Self { confidence, rows, total: Bucket::default(), since_check: 0, drops: 0 }
    }
}

impl Model for Adwin {
    fn assess(&self, sample: &Sample) -> Option<Assessment> {
        let Bucket { samples, mean, squares } = self.total;
        let scale = (squares / samples.max(1.0)).sqrt() + floor(mean);
        (samples >= FEWEST).then(|| Assessment::new(sample, mean, scale))
    }

    fn learn(&mut self, sample: &Sample) {
        self.insert(sample.value.clamp(-MOST, MOST));
        self.since_check += 1;
        if self.since_check >= CHECK_EVERY {
            self.since_check = 0;
            self.shrink();
        }
    }

    fn relearn(&mut self, from: f64, to: f64) {
        let by = (to - from).clamp(-MOST, MOST);
        let all = self.rows.iter_mut().flatten().chain([&mut self.total]);
        all.for_each(|bucket| bucket.mean = (bucket.mean + by).clamp(-MOST, MOST));
    }

    fn fits(&self, restored: &Self) -> bool {
        let all = || restored.rows.iter().flatten().chain([&restored.total]);
        let sound = |bucket: &Bucket| {
            bucket.mean.abs() <= 2.0 * MOST
                && (0.0..=1e9).contains(&bucket.samples)
                && (0.0..1e300).contains(&bucket.squares)
        };
        let held: f64 = restored.rows.iter().flatten().map(|bucket| bucket.samples).sum();
        self.confidence.to_bits() == restored.confidence.to_bits()
            && restored.rows.len() == ROWS
            && restored.rows.iter().all(|row| row.len() <= IN_ROW)
            && restored.since_check < CHECK_EVERY
            && (held - restored.total.samples).abs() < 0.5
            && all().all(sound)
    }

    fn heap_bytes(&self) -> usize {
        let held: usize = self.rows.iter().map(Vec::capacity).sum();
        held * size_of::<Bucket>() + self.rows.capacity() * size_of::<Vec<Bucket>>()
    }
}
