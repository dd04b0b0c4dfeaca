//! The judgement itself: counts in, finding out.

use rely_core::{ConfigError, Level, Ratio};
use statrs::function::erf;

use super::ShareConfig;
use super::interval::{Bounds, Counts, excess, share_bounds};

/// A [`ShareConfig`] that has been checked, as a pure function of counts.
///
/// See the [module's documentation](super) for the rules.
///
/// ```
/// use rely_core::{Level, Ratio};
/// use rely_detect::share::{Counts, ShareConfig, ShareRule};
///
/// let limit = Ratio::percent(5.0)?;
/// let rule = ShareRule::new(&ShareConfig { limit, ..ShareConfig::default() })?;
/// // One share, growing evidence.
/// assert_eq!(rule.judge(Counts::new(1, 10)).level(), Level::Unknown);
/// assert_eq!(rule.judge(Counts::new(3, 30)).level(), Level::Degraded);
/// assert_eq!(rule.judge(Counts::new(10, 100)).level(), Level::Unhealthy);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ShareRule {
    limit: Ratio,
    minimum_calls: u64,
    /// The normal quantile of the confidence, over zero.
    z: f64,
}

/// What counts say about a share.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Finding {
    /// What the level rests on.
    pub basis: Basis,
    /// The measured value; absent where there were too few calls.
    pub estimate: Option<Estimate>,
    /// The calls that it rests on, those of the baseline included.
    pub samples: u64,
}

/// What a [`Finding`] rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// Not enough calls to judge.
    TooFew,
    /// Not enough calls in the baseline to judge.
    TooFewInBaseline,
    /// Over the limit, beyond chance.
    Over,
    /// Within the limit, beyond chance.
    Within,
    /// Seen over the limit, but chance could have done it.
    LikelyOver,
    /// Not seen over the limit, but it could still be.
    Undecided,
}

/// A share, or its excess over that of a baseline, with what is known about the true value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value that was seen.
    pub value: f64,
    /// Between which ends the true value lies.
    pub bounds: Bounds,
    /// How strongly the counts speak for a true value over the limit: from 0 (surely within) through
    /// 0.5 (seen at the limit) to 1 (surely over). Over the confidence it is [`Basis::Over`].
    pub score: f64,
}

impl Finding {
    /// The level.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self.basis {
            Basis::TooFew | Basis::TooFewInBaseline | Basis::Undecided => Level::Unknown,
            Basis::Over => Level::Unhealthy,
            Basis::Within => Level::Healthy,
            Basis::LikelyOver => Level::Degraded,
        }
    }

    const fn too_few(basis: Basis, samples: u64) -> Self {
        Self { basis, estimate: None, samples }
    }
}

impl ShareRule {
    /// The rule that `config` describes.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn new(config: &ShareConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let z = -core::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * config.confidence.as_f64());
        Ok(Self { limit: config.limit, minimum_calls: config.minimum_calls.into(), z })
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> Ratio {
        self.limit
    }

    /// Below how many calls it judges nothing.
    #[must_use]
    pub const fn minimum_calls(&self) -> u64 {
        self.minimum_calls
    }

    #[cfg(test)]
    pub(super) const fn z(&self) -> f64 {
        self.z
    }

    /// Compares a share with the limit.
    pub fn judge(&self, counts: Counts) -> Finding {
        let samples = counts.counted();
        match counts.share() {
            Some(share) if samples >= self.minimum_calls => {
                // A whole number is over a limit if it is over the limit rounded down.
                let seen_over = counts.bad() > self.limit.of(samples);
                self.decide(share, share_bounds(counts, self.z), seen_over, samples)
            }
            _ => Finding::too_few(Basis::TooFew, samples),
        }
    }

    /// Compares the excess of a share over that of a baseline with the limit.
    pub fn judge_against(&self, counts: Counts, baseline: Counts) -> Finding {
        let samples = counts.counted().saturating_add(baseline.counted());
        if counts.counted() < self.minimum_calls {
            return Finding::too_few(Basis::TooFew, samples);
        }
        match excess(counts, baseline, self.z) {
            Some((excess, bounds)) if baseline.counted() >= self.minimum_calls => {
                let seen_over = self.is_excess_over(counts, baseline);
                self.decide(excess, bounds, seen_over, samples)
            }
            _ => Finding::too_few(Basis::TooFewInBaseline, samples),
        }
    }

    fn decide(&self, value: f64, bounds: Bounds, seen_over: bool, samples: u64) -> Finding {
        let limit = self.limit.as_f64();
        let basis = if bounds.lower > limit {
            Basis::Over
        } else if bounds.upper <= limit {
            Basis::Within
        } else if seen_over {
            Basis::LikelyOver
        } else {
            Basis::Undecided
        };
        // How many normal quantiles away the limit is, in units of the bound on its side.
        let reach = if value > limit { value - bounds.lower } else { bounds.upper - value };
        let distance = match seen_over {
            _ if reach > 0.0 => self.z * (value - limit) / reach,
            // So many calls that a float cannot tell the bound from the value.
            true => f64::INFINITY,
            false => f64::NEG_INFINITY,
        };
        let score = 0.5 * erf::erfc(-distance / core::f64::consts::SQRT_2);
        Finding { basis, estimate: Some(Estimate { value, bounds, score }), samples }
    }

    /// Exact, where floats would find 5 % − 4 % to be over 1 %.
    fn is_excess_over(&self, counts: Counts, baseline: Counts) -> bool {
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let ours = wide(counts.bad(), baseline.counted());
        let theirs = wide(baseline.bad(), counts.counted());
        let whole = wide(counts.counted(), baseline.counted());
        let (ppm, million) = (u128::from(self.limit.ppm()), u128::from(Ratio::ONE.ppm()));
        let allowed = whole / million * ppm + whole % million * ppm / million;
        ours > theirs && ours - theirs > allowed
    }
}
