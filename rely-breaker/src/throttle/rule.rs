//! The decision, without clock, chance or state.

use rely_core::Ratio;

use super::ThrottleConfig;

/// What a [`Throttle`](super::Throttle) has seen of one priority in its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ThrottleCounts {
    /// Calls that the other side served.
    pub accepted: u64,
    /// Calls that it failed or refused.
    pub failed: u64,
    /// Calls that went through and ended without evidence: ignored, cancelled, refused inside.
    pub neutral: u64,
    /// Calls that were rejected here.
    pub rejected: u64,
}

impl ThrottleCounts {
    /// All that was asked for and is not under way any more.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.judged().saturating_add(self.neutral)
    }

    /// What the other side took on: the calls without evidence in the proportion of those with, or
    /// all of them where there is none.
    #[must_use]
    pub fn accepts(&self) -> u64 {
        let ended = u128::from(self.accepted) + u128::from(self.failed);
        if ended == 0 {
            return self.neutral;
        }
        let through = ended + u128::from(self.neutral);
        let accepts = u128::from(self.accepted).saturating_mul(through) / ended;
        u64::try_from(accepts).unwrap_or(u64::MAX)
    }

    /// What the minimum is compared with: requests that say something.
    const fn judged(&self) -> u64 {
        self.accepted.saturating_add(self.failed).saturating_add(self.rejected)
    }
}

/// The share of calls to reject: `max(0, (requests - multiplier * accepts) / (requests + 1))`, at most
/// [`max_rejection`](ThrottleConfig::max_rejection), and zero below
/// [`minimum_requests`](ThrottleConfig::minimum_requests). In integers, rounded down to a part in a
/// million.
///
/// ```
/// use rely_breaker::throttle::{ThrottleConfig, ThrottleCounts, rejection};
/// use rely_core::Ratio;
///
/// let config = ThrottleConfig::default();
/// let half = ThrottleCounts { accepted: 50, failed: 50, ..ThrottleCounts::default() };
/// assert_eq!(rejection(&half, &config), Ratio::ZERO);
/// let fifth = ThrottleCounts { accepted: 20, failed: 79, ..ThrottleCounts::default() };
/// assert_eq!(rejection(&fifth, &config), Ratio::percent(59.0)?);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[must_use]
pub fn rejection(counts: &ThrottleCounts, config: &ThrottleConfig) -> Ratio {
    if counts.judged() < u64::from(config.minimum_requests) {
        return Ratio::ZERO;
    }
    let one = u128::from(Ratio::ONE.ppm());
    let requests = u128::from(counts.requests());
    let expected = multiplier_ppm(config) * u128::from(counts.accepts());
    let excess = (requests * one).saturating_sub(expected);
    let ppm = u32::try_from(excess / (requests + 1)).unwrap_or(u32::MAX);
    Ratio::from_ppm_clamped(ppm).min(config.max_rejection)
}

/// Whether a call is rejected, given the share to reject and a random number: never at 0 %, always at
/// 100 %.
#[must_use]
pub const fn is_rejected(share: Ratio, draw: u64) -> bool {
    // The upper half of the product is a number below a million, all equally likely.
    (draw as u128 * Ratio::ONE.ppm() as u128) >> u64::BITS < share.ppm() as u128
}

/// At most a thousand times a million in a checked configuration, and no more than fits in any other.
fn multiplier_ppm(config: &ThrottleConfig) -> u128 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let ppm = (config.multiplier * f64::from(Ratio::ONE.ppm())).round() as u64;
    u128::from(ppm)
}
