//! What came in a stretch of time.

use std::collections::VecDeque;
use std::time::Duration;

use rely_core::Instant;

/// Sums over the values of the last while.
pub(super) struct Past {
    length: Duration,
    values: VecDeque<(Instant, f64)>,
}

impl Past {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, values: VecDeque::new() }
    }

    /// Adds a value and forgets those that are older than the while.
    pub(super) fn push(&mut self, at: Instant, value: f64) {
        self.values.push_back((at, value));
        let length = self.length;
        while self.values.front().is_some_and(|(old, _)| at.saturating_since(*old) >= length) {
            self.values.pop_front();
        }
    }

    /// The mean and the standard deviation.
    pub(super) fn moments(&self) -> Option<(f64, f64)> {
        self.between(Duration::ZERO, self.length)
    }

    /// Those of the values that are at least `from` and less than `to` older than the newest.
    pub(super) fn between(&self, from: Duration, to: Duration) -> Option<(f64, f64)> {
        let newest = self.values.back()?.0;
        let age = |(at, _): &(Instant, f64)| newest.saturating_since(*at);
        // In order of time: the stretch is one run.
        let begin = self.values.partition_point(|value| age(value) >= to);
        let end = self.values.partition_point(|value| age(value) >= from);
        let values = || self.values.range(begin..end.max(begin)).map(|(_, value)| *value);
        let count = (end.max(begin) - begin) as f64;
        if count < 1.0 {
            return None;
        }
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Some((mean, variance.sqrt()))
    }
}
