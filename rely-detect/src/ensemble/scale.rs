//! Over what range a series moves.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

use rely_core::ConfigError;

use crate::Sample;

/// The robust range of the last some ten thousand samples, and units in which it began as one.
///
/// Every so often a sample goes into a ring; the range is what lies between two and 98 per cent of it,
/// at least three median absolute deviations and a tenth of the median. All that a channel stores is
/// in these units, so that single precision is enough, whatever the unit of the series.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Scale {
    origin: f64,
    unit: f64,
    pub(super) center: f64,
    pub(super) range: f64,
    ring: Vec<f32>,
    next: u16,
    wait: u8,
}

/// After how many samples one goes into the ring: 256 of them reach back 40 000 samples.
const EVERY: u8 = 160;
/// The share of samples beyond the range on either side.
const BEYOND: f64 = 0.02;
/// The least range, in units: that of a series that has never moved.
const LEAST: f64 = 1e-6;
/// No value is farther out, so that single precision holds it.
const FARTHEST: f64 = 1e30;

impl Scale {
    /// The scale of what was seen during warm-up, kept in `ring` samples.
    pub(super) fn of(values: impl Iterator<Item = f64>, ring: usize) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        let kept = sorted.len().min(ring);
        let mut some: Vec<f64> = Vec::with_capacity(ring);
        some.extend((0..kept).filter_map(|n| sorted.get(n * sorted.len() / kept)));
        sorted.sort_unstable_by(f64::total_cmp);
        let (origin, spread) = spread(&mut sorted);
        let range = spread.max(0.1 * origin.abs());
        let unit = if range > 0.0 { range } else { 1.0 };
        let mut ring = Vec::with_capacity(ring);
        ring.extend(some.iter().map(|x| ((x - origin) / unit) as f32));
        let range = (range / unit).max(LEAST);
        Self { origin, unit, center: 0.0, range, ring, next: 0, wait: 0 }
    }

    /// The value in units.
    pub(super) fn inward(&self, value: f64) -> f64 {
        ((value - self.origin) / self.unit).clamp(-FARTHEST, FARTHEST)
    }

    /// And back.
    pub(super) fn outward(&self, value: f64) -> f64 {
        value * self.unit + self.origin
    }

    /// A width in the unit of the series.
    pub(super) fn width(&self, width: f64) -> f64 {
        width * self.unit
    }

    /// Takes in a value in units, one of `ring`; whether the range was found anew.
    pub(super) fn add(&mut self, value: f64, ring: usize) -> bool {
        self.wait += 1;
        if self.wait < EVERY {
            return false;
        }
        self.wait = 0;
        if self.ring.len() < ring.min(256) {
            self.ring.push(value as f32);
        } else if let Some(place) = self.ring.get_mut(usize::from(self.next)) {
            *place = value as f32;
            self.next = (self.next + 1) % self.ring.len().max(1) as u16;
        }
        // On the stack: nothing is allocated once a series is known.
        let mut sorted = [0.0; 256];
        let sorted = sorted.get_mut(..self.ring.len()).unwrap_or_default();
        for (place, value) in sorted.iter_mut().zip(&self.ring) {
            *place = f64::from(*value);
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let (center, spread) = spread(sorted);
        let level = (center + self.origin / self.unit).abs();
        (self.center, self.range) = (center, spread.max(0.1 * level).max(LEAST));
        true
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.ring.capacity() * size_of::<f32>()
    }

    /// A snapshot may come from anywhere.
    pub(super) fn check(mut self, ring: usize) -> Result<Self, ConfigError> {
        let sound = (1..=ring.min(256)).contains(&self.ring.len())
            && usize::from(self.next) < self.ring.len()
            && self.wait < EVERY
            && self.ring.iter().all(|value| value.is_finite())
            && [self.origin, self.unit].into_iter().all(|x| x.abs() <= 4.0 * Sample::LIMIT)
            && [self.center, self.range].into_iter().all(|x| x.abs() <= 4.0 * FARTHEST)
            && self.unit > 0.0
            && self.origin.abs() <= 20.0 * self.unit
            && self.range >= LEAST;
        if !sound {
            return Err(ConfigError::new("snapshot.scale", "something else", "a range over zero"));
        }
        let missing = ring.saturating_sub(self.ring.len());
        self.ring.reserve_exact(missing);
        Ok(self)
    }
}

/// Median and spread of what is sorted already; the order is lost.
fn spread(sorted: &mut [f64]) -> (f64, f64) {
    let at = |values: &[f64], share: f64| {
        values.get((values.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or(0.0)
    };
    let median = at(sorted, 0.5);
    let width = at(sorted, 1.0 - BEYOND) - at(sorted, BEYOND);
    sorted.iter_mut().for_each(|value| *value = (*value - median).abs());
    sorted.sort_unstable_by(f64::total_cmp);
    (median, width.max(3.0 * at(sorted, 0.5)))
}
