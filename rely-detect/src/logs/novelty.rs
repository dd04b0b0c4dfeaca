//! How likely the next line is one that was never seen.

use core::time::Duration;

use rely_core::Instant;

/// The share of lines whose template was seen once only estimates how likely the next line brings a
/// new one (Good, "The population frequencies of species and the estimation of population
/// parameters", Biometrika 40, 1953). Lines count the less the older they are.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Novelty {
    lines: f64,
    once: f64,
    at: Instant,
}

impl Novelty {
    pub(super) const fn new() -> Self {
        Self { lines: 0.0, once: 0.0, at: Instant::ORIGIN }
    }

    /// The chance of a new template: half a one more than were seen, so that it is never zero.
    pub(super) fn chance(&self) -> f64 {
        ((self.once + 0.5) / (self.lines + 1.0)).min(1.0)
    }

    /// Takes in a line whose template had `count` lines before, the last of them at `last`.
    pub(super) fn observe(&mut self, at: Instant, count: u64, last: Instant, memory: Duration) {
        // In steps of a thousandth, so that the exponential is not paid for each line.
        let age = at.saturating_since(self.at);
        if age >= memory / 1024 {
            let kept = (-age.as_secs_f64() / memory.as_secs_f64()).exp();
            (self.lines, self.once, self.at) = (self.lines * kept, self.once * kept, at);
        }
        self.lines += 1.0;
        match count {
            0 => self.once += 1.0,
            1 => self.forget(last, memory),
            _ => {}
        }
    }

    /// A template that was seen once is so no more.
    pub(super) fn forget(&mut self, seen: Instant, memory: Duration) {
        let age = self.at.saturating_since(seen).as_secs_f64();
        self.once = (self.once - (-age / memory.as_secs_f64()).exp()).max(0.0);
    }

    pub(super) fn is_sound(&self) -> bool {
        let number = |value: f64| (0.0..=1e300).contains(&value);
        number(self.lines) && number(self.once)
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant) {
        self.at = shift(self.at);
    }
}
