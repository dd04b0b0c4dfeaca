//! Adaptive bands as Grafana's rules for Prometheus draw them.
//!
//! The widest of three: half of the hour's mean around it; the usual deviation within an hour, over 26
//! hours, around it; and the deviation around the mean of the same hour a day and a week ago. The rules
//! take two deviations; the score is how many it would take. Where samples come seldom, an hour is twelve
//! of them, and everything else as much longer.

use std::time::Duration;

use rely_core::Instant;

use super::Baseline;
use super::past::Past;

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) struct Bands {
    hour: Duration,
    values: Past,
    deviations: Past,
}

impl Bands {
    pub(super) fn new(step: Duration) -> Self {
        let hour = Duration::from_secs(3600).max(step * 12);
        Self { hour, values: Past::new(7 * DAY + hour), deviations: Past::new(hour * 26) }
    }
}

impl Baseline for Bands {
    fn score(&mut self, at: Instant, value: f64) -> f64 {
        self.values.push(at, value);
        let Some((mean, deviation)) = self.values.between(Duration::ZERO, self.hour) else {
            return 0.0;
        };
        // The rules count an hour's deviation only where it is large beside the mean.
        if deviation > 0.5 * mean.abs() {
            self.deviations.push(at, deviation);
        }
        let margin = 0.5 * mean.abs();
        if (value - mean).abs() <= margin {
            return 0.0;
        }
        let usual = self.deviations.moments().map(|(usual, _)| (mean, usual));
        // The hour around the same time a day and a week ago.
        let before = [DAY, 7 * DAY].map(|ago| {
            let (from, to) = (ago - self.hour / 2, ago + self.hour / 2);
            self.values.between(from, to)
        });
        let bands = before.into_iter().chain([usual]).flatten();
        let needed = bands.map(|(mid, deviation)| (value - mid).abs() / deviation.max(1e-9));
        needed.reduce(f64::min).unwrap_or(0.0)
    }
}
