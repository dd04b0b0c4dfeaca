//! How new is what the series does?
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

use rely_core::ConfigError;

use super::patterns::{DIMS, Patterns};
use crate::ensemble::{Model, Point, Said, Scored};
use crate::tail::Tail;

/// How many patterns are kept: beyond 1000 it matters little.
const CAPACITY: u16 = 2000;
/// How many while the past is kept as well, to be shown again.
const BEFORE: u16 = 500;
/// Patterns that are nearer than this share of the range are the same.
const RADIUS: f64 = 0.02;
/// How many samples the means weigh back to, in the middle: those of means over 12 and 144 samples,
/// an hour and half a day where a sample comes every five minutes.
const CENTERS: [f64; DIMS - 1] = [5.5, 71.5];
/// Among how many samples a distance is ranked.
const MEMORY: u32 = 10_000;
/// No number of a snapshot is larger; a value is no more than 1e30.
const MOST: f64 = 1e36;
/// A pattern that was of no use for so long is forgotten, and would be new if it came back.
const FORGET_DAYS: f64 = 14.0;
/// But not before so many samples, or an hourly series would remember two weeks alone.
const FORGET_SAMPLES: f64 = 10_000.0;

/// The patterns of value and means, and how far each sample was from the nearest one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct NoveltyModel {
    means: [f64; DIMS - 1],
    samples: f64,
    forget_after: u32,
    capacity: u16,
    patterns: Patterns,
    tail: Tail,
}

impl Model for NoveltyModel {
    const RESTARTS: &'static [u32] = &[150, 300, 750];
    const RING: usize = 256;

    fn new(samples_per_day: f64, range: f64) -> Self {
        Self {
            means: [0.0; DIMS - 1],
            samples: 0.0,
            forget_after: (FORGET_DAYS * samples_per_day).clamp(FORGET_SAMPLES, 2e6) as u32,
            capacity: BEFORE,
            patterns: Patterns::new(range),
            tail: Tail::new(MEMORY),
        }
    }

    fn step(&mut self, point: &Point) -> Said {
        self.samples += 1.0;
        for (mean, center) in self.means.iter_mut().zip(CENTERS) {
            *mean += point.order(center).max(1.0 / self.samples) * (point.value - *mean);
        }
        let pattern = [point.value, self.means[0], self.means[1]];
        self.patterns.tick(self.forget_after);
        if point.rescaled {
            self.patterns.fit(point.center, point.range);
        }
        let Some(nearest) = self.patterns.nearest(pattern) else {
            self.patterns.store(pattern, self.capacity.into());
            return Said::default();
        };
        let distance = nearest.distance / point.range;
        self.patterns.touch(nearest.index);
        if distance > RADIUS {
            self.patterns.store(pattern, self.capacity.into());
        }
        let score = if point.counts(nearest.lean) { distance } else { 0.0 };
        let p_value = self.tail.p_value(score);
        self.tail.add(score);
        Said {
            novelty: p_value.map(|p| Scored { p, resolution: self.tail.resolution() }),
            forecast: None,
            expected: Some(nearest.value),
            reach: None,
            usual: self.means[1],
        }
    }

    fn settle(&mut self) {
        self.capacity = CAPACITY;
        self.patterns.reserve(CAPACITY.into());
    }

    fn heap_bytes(&self) -> usize {
        self.patterns.heap_bytes() + self.tail.heap_bytes()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let numbers = self.means.iter().chain([&self.samples]).all(|x| x.abs() <= MOST)
            && self.capacity <= CAPACITY;
        if !numbers {
            return Err(ConfigError::new("snapshot.novelty", "something else", "numbers"));
        }
        self.patterns.check(CAPACITY.into())?;
        self.tail.check(&Tail::new(MEMORY))
    }
}
