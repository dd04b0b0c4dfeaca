//! The judgement itself: counts in, finding out.

use rely_core::{ConfigError, Level, Ratio};

use super::{BurnWindow, Severity, SloConfig};
use crate::share::Counts;

/// A [`SloConfig`] that has been checked, as a pure rule for counts.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnRules {
    budget: Ratio,
    windows: Vec<BurnWindow>,
    minimum_bad: u64,
}

/// The calls of a pair of windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowCounts {
    /// Those of the long one.
    pub long: Counts,
    /// Those of the short one.
    pub short: Counts,
    /// Whether the whole of the short one was seen.
    pub covered: bool,
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
    /// The short window has not been seen whole yet.
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

    fn burn(&self, window: BurnWindow, counts: WindowCounts) -> Burn {
        let state = if !counts.covered {
            BurnState::NotCovered
        } else if counts.short.counted() == 0 {
            BurnState::NoCalls
        } else if !self.is_met(window.factor, counts.long)
            || !self.is_met(window.factor, counts.short)
        {
            BurnState::Calm
        } else if counts.long.bad() < self.minimum_bad {
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
