//! How long to wait before the next attempt: growth, jitter, cap.

mod config;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use config::BackoffConfig;

use crate::instant::saturating_nanos;
use crate::rng::Rng;

/// How the delay grows from attempt to attempt, before jitter and cap.
///
/// `n` counts from 0 for the first delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Growth {
    /// `initial`, always.
    Constant,
    /// `initial · (n + 1)`.
    Linear,
    /// `initial · factorⁿ`.
    #[default]
    Exponential,
}

/// How chance spreads the delays, so that clients that failed together do not come back together.
///
/// From Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. `ceiling` is
/// the grown delay, at most `max`. No kind ever passes `max`.
///
/// | kind | delay | mean |
/// |---|---|---|
/// | none | `ceiling` | `ceiling` |
/// | full | from 0 to `ceiling` | half of it |
/// | equal | from half of `ceiling` to `ceiling` | three quarters of it |
/// | decorrelated | from `initial` to `factor` times the previous delay, at most `max` | grows |
///
/// Full spreads best and suits retries. Where the delay also protects, as the open time of a
/// breaker does, take equal, which never falls below half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Jitter {
    /// The same delay for everybody.
    None,
    /// Anywhere below the grown delay.
    #[default]
    Full,
    /// In the upper half of the grown delay.
    Equal,
    /// Grows from the previous delay rather than from the number of attempts.
    Decorrelated,
}

/// A validated rule for delays between attempts.
///
/// Delays of more than 584 years count as that. It has no state: give it the number of the attempt and a generator, or let
/// [`Backoff::delays`] keep count. How often to try is for the caller to say, `take(n)` on the
/// delays for instance.
///
/// ```
/// use core::time::Duration;
/// use rely_core::backoff::{Backoff, Jitter};
///
/// let backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1))?;
/// let plain: Vec<_> = backoff.with_jitter(Jitter::None)?.delays(0).take(5).collect();
/// assert_eq!(plain, [100, 200, 400, 800, 1000].map(Duration::from_millis));
///
/// // Full jitter is the default, and the same seed gives the same delays.
/// let jittered: Vec<_> = backoff.delays(7).take(5).collect();
/// assert!(jittered.iter().zip(&plain).all(|(jittered, plain)| jittered <= plain));
/// assert_eq!(jittered, backoff.delays(7).take(5).collect::<Vec<_>>());
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    config: BackoffConfig,
    factor: f64,
}

impl Backoff {
    /// The grown delay of an attempt, capped, before jitter. `attempt` 0 is the first delay.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let BackoffConfig { growth, initial, max, .. } = self.config;
        let grown = match growth {
            Growth::Constant => initial,
            Growth::Linear => initial.saturating_add(initial.saturating_mul(attempt)),
            Growth::Exponential => scale(initial, power(self.factor, attempt)),
        };
        grown.min(max)
    }

    /// The delay of an attempt. `attempt` 0 is the first delay; `previous` is the delay before this
    /// one, zero if there was none, and matters to [`Jitter::Decorrelated`] alone.
    pub fn delay(&self, attempt: u32, previous: Duration, rng: &mut Rng) -> Duration {
        let BackoffConfig { initial, max, jitter, .. } = self.config;
        match jitter {
            Jitter::None => self.ceiling(attempt),
            Jitter::Full => rng.between(Duration::ZERO, self.ceiling(attempt)),
            Jitter::Equal => {
                let ceiling = self.ceiling(attempt);
                rng.between(ceiling / 2, ceiling)
            }
            Jitter::Decorrelated => {
                rng.between(initial, scale(previous.clamp(initial, max), self.factor)).min(max)
            }
        }
    }

    /// All delays in turn, without end, with chance from `seed`.
    #[must_use]
    pub const fn delays(&self, seed: u64) -> Delays {
        Delays { backoff: *self, rng: Rng::seeded(seed), attempt: 0, previous: Duration::ZERO }
    }
}

/// The delays of one run of attempts; see [`Backoff::delays`].
#[derive(Clone, Debug)]
pub struct Delays {
    backoff: Backoff,
    rng: Rng,
    attempt: u32,
    previous: Duration,
}

impl Delays {
    /// Starts the growth over after a success. Chance goes on, so the delays differ from before.
    pub const fn reset(&mut self) {
        self.attempt = 0;
        self.previous = Duration::ZERO;
    }

    /// How many delays were given since the start or the last reset.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.previous = self.backoff.delay(self.attempt, self.previous, &mut self.rng);
        self.attempt = self.attempt.saturating_add(1);
        Some(self.previous)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// `factor` to the power of `n` by squaring: unlike `powi` the same on every platform, so that a
/// run can be replayed elsewhere. Infinite where it is too large.
fn power(factor: f64, n: u32) -> f64 {
    let (mut result, mut square, mut left) = (1.0, factor, n);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

/// `delay · factor` to the nanosecond, at most 584 years, for factors of at least one.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and a float that is too large becomes the largest integer"
)]
fn scale(delay: Duration, factor: f64) -> Duration {
    let nanos = saturating_nanos(delay);
    // A long delay does not fit a float exactly; growth must not shorten it.
    Duration::from_nanos(((nanos as f64 * factor) as u64).max(nanos))
}
