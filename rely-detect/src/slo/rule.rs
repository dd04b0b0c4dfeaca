//! The judgement itself: counts in, finding out.

use rely_core::{ConfigError, Level, Ratio};
use statrs::function::beta::checked_beta_reg;

use super::{BurnWindow, Severity, SloConfig};
use crate::share::Counts;

/// A [`SloConfig`] that has been checked, as a pure rule for counts.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnRules {
    budget: Ratio,
    windows: Vec<BurnWindow>,
    minimum_bad: u64,
    confidence: Ratio,
    minimum_coverage: f64,
}

/// So many bad calls tell a rate to a third, and are taken at their word; see
/// [`SloConfig::confidence`] for fewer.
const FEW: u64 = 10;

/// The calls of a pair of windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowCounts {
    /// Those of the long one.
    pub long: Counts,
    /// Those of the short one.
    pub short: Counts,
    /// Whether the whole of the short one was seen.
    pub covered: bool,
    /// Whether enough of the long one was seen, as far as there is any of it yet.
    pub long_covered: bool,
}

/// What counts say about a budget.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Finding {
    /// The level.
    pub level: Level,
    /// One for each window of the rules, in their order.
    pub burns: Vec<Burn>,
}

/// How fast a budget burns in one pair of windows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Burn {
    /// The pair.
    pub window: BurnWindow,
    /// Its calls.
    pub counts: WindowCounts,
    /// Times the budget in the long window; `None` without calls.
    pub long_rate: Option<f64>,
    /// Times the budget in the short window; `None` without calls.
    pub short_rate: Option<f64>,
    /// What that comes to.
    pub state: BurnState,
}

/// What the calls of one pair of windows come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BurnState {
    /// Both windows burn at the factor or faster.
    Burning,
    /// They do, on fewer bad calls than are needed to believe it.
    TooFewBad,
    /// At least one of them does not.
    Calm,
    /// There were no calls in the short window.
    NoCalls,
    /// Too little was seen of the short window, or of the long one while the short one burns.
    NotCovered,
}

impl BurnRules {
    /// The rules that `config` describes.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn new(config: &SloConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            budget: config.objective.complement(),
            windows: config.windows.clone(),
            minimum_bad: config.minimum_bad.into(),
            confidence: config.confidence,
            minimum_coverage: config.minimum_coverage.as_f64(),
        })
    }

    /// The share of calls that may be bad.
    #[must_use]
    pub const fn budget(&self) -> Ratio {
        self.budget
    }

    /// The pairs of windows.
    #[must_use]
    pub fn windows(&self) -> &[BurnWindow] {
        &self.windows
    }

    /// How many times the budget a share of bad calls is.
    pub(super) fn rate(&self, counts: Counts) -> Option<f64> {
        counts.share().map(|share| share / self.budget.as_f64())
    }

    /// In integers, so that a factor that is met exactly is met.
    fn is_met(&self, factor: f64, counts: Counts) -> bool {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        let thousandths = (factor * 1000.0).round() as u64;
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let allowed = wide(thousandths, self.budget.ppm().into());
        // At most 10^6 × 10^9 on one side and 10^9 on the other, times a count below 2^64.
        counts.counted() > 0
            && wide(counts.bad(), 1_000_000_000) >= allowed * u128::from(counts.counted())
    }

    /// In how much of a window calls have to have been looked for, from 0 to 1.
    pub(super) const fn minimum_coverage(&self) -> f64 {
        self.minimum_coverage
    }

    /// Whether the bad calls are enough to call somebody for.
    fn is_believed(&self, factor: f64, counts: Counts) -> bool {
        let bad = counts.bad();
        if bad < self.minimum_bad {
            return false;
        }
        // What is under the rest of the confidence in floats is so by far more than they err.
        let chance = || tail(bad, counts.counted(), factor * self.budget.as_f64());
        bad >= FEW || chance() <= self.confidence.complement().as_f64()
    }

    fn burn(&self, window: BurnWindow, counts: WindowCounts) -> Burn {
        let state = if !counts.covered {
            BurnState::NotCovered
        } else if counts.short.counted() == 0 {
            BurnState::NoCalls
        } else if !self.is_met(window.factor, counts.short) {
            BurnState::Calm
        } else if !counts.long_covered {
            BurnState::NotCovered
        } else if !self.is_met(window.factor, counts.long) {
            BurnState::Calm
        } else if !self.is_believed(window.factor, counts.long) {
            BurnState::TooFewBad
        } else {
            BurnState::Burning
        };
        let (long_rate, short_rate) = (self.rate(counts.long), self.rate(counts.short));
        Burn { window, counts, long_rate, short_rate, state }
    }
}

/// Says how fast a budget burns, by the calls of each pair of windows in the order of the rules.
///
/// A pair without counts has seen nothing. See the [module's documentation](super) for the rules.
pub fn judge(counts: &[WindowCounts], rules: &BurnRules) -> Finding {
    let counts = counts.iter().copied().chain(core::iter::repeat(WindowCounts::default()));
    let burns: Vec<_> = rules
        .windows
        .iter()
        .zip(counts)
        .map(|(window, counts)| rules.burn(*window, counts))
        .collect();
    let any = |state, severity| {
        burns.iter().any(|burn| burn.state == state && burn.window.severity == severity)
    };
    let fastest = burns.iter().min_by_key(|burn| burn.window.short).map(|burn| burn.state);
    let level = if any(BurnState::Burning, Severity::Page) {
        Level::Unhealthy
    } else if any(BurnState::Burning, Severity::Ticket) {
        Level::Degraded
    } else if burns.iter().any(|burn| burn.state == BurnState::TooFewBad)
        || fastest != Some(BurnState::Calm)
    {
        Level::Unknown
    } else {
        Level::Healthy
    };
    Finding { level, burns }
}

/// How likely at least `bad` of `counted` calls are bad if each is with probability `p`: the upper
/// tail of the binomial distribution, which is the regularised incomplete beta function
/// `I_p(bad, counted − bad + 1)`.
fn tail(bad: u64, counted: u64, p: f64) -> f64 {
    if bad == 0 || p >= 1.0 {
        return 1.0;
    }
    let good = (counted - bad.min(counted)) as f64;
    checked_beta_reg(bad as f64, good + 1.0, p).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_that_of_a_sum_of_chances() {
        for (counted, p) in [(1_u64, 0.3_f64), (10, 0.0144), (30, 0.0144), (60, 0.2), (400, 0.01)] {
            let (mut chance, mut below) = ((1.0 - p).powf(counted as f64), 0.0);
            for bad in 0..=counted.min(30) {
                assert!(
                    (tail(bad, counted, p) - (1.0 - below)).abs() < 1e-10,
                    "{bad} {counted} {p}"
                );
                below += chance;
                chance *= (counted - bad) as f64 / (bad + 1) as f64 * p / (1.0 - p);
            }
        }
        assert!(tail(3, 3, 1.0) >= 1.0 && tail(3, 2, 0.5) <= 1.0);
    }
}
