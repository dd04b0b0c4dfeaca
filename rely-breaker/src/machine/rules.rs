use rely_core::Ratio;
use rely_core::window::Counts;

use super::{TripReason, evidence};
use crate::{BreakerConfig, Cancelled, SlowCalls};

/// See [`Machine::judge`](super::Machine::judge).
pub(crate) fn judge(
    config: &BreakerConfig,
    counts: Counts,
    run: u32,
    overdue: u64,
) -> Option<TripReason> {
    let Counts { total, bad, slow } = counts;
    if let Some(threshold) = config.failure_rate {
        if is_met(config, threshold, bad, total) {
            return Some(TripReason::FailureRate { bad, total, threshold });
        }
    }
    if let Some(SlowCalls { longer_than, rate: threshold, in_flight }) = config.slow_calls {
        let in_flight = if in_flight { overdue } else { 0 };
        let (part, whole) = (slow.saturating_add(in_flight), total.saturating_add(in_flight));
        if is_met(config, threshold, part, whole) {
            return Some(TripReason::SlowCallRate {
                slow,
                total,
                in_flight,
                threshold,
                longer_than,
            });
        }
    }
    if let Some(limit) = config.failure_count.filter(|limit| bad >= u64::from(*limit)) {
        return Some(TripReason::FailureCount { bad, limit });
    }
    let too_long = config.consecutive_failures.is_some_and(|limit| run >= limit);
    too_long.then_some(TripReason::ConsecutiveFailures { count: run })
}

fn is_met(config: &BreakerConfig, threshold: Ratio, part: u64, whole: u64) -> bool {
    if whole >= u64::from(config.minimum_calls) {
        return threshold.is_reached(part, whole);
    }
    let sure = |confidence| evidence::is_above(part, whole, threshold, confidence);
    config.evidence.is_some_and(sure)
}

/// See [`Machine::cancelled_fails`](super::Machine::cancelled_fails).
pub(crate) fn cancelled_fails(
    config: &BreakerConfig,
    trial: bool,
    cancelled: u64,
    ended: u64,
) -> bool {
    match config.cancelled {
        Cancelled::Neutral => false,
        Cancelled::Failure => true,
        Cancelled::FailureFrom(share) => {
            let enough = ended >= u64::from(config.minimum_calls);
            !trial && enough && share.is_reached(cancelled, ended)
        }
    }
}

/// The trial calls that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Trials {
    pub(super) ended: u32,
    pub(super) bad: u32,
    pub(super) slow: u32,
    /// How many of the last ones were bad in a row.
    pub(super) run: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Passed,
    Failed,
}

impl Trials {
    pub(super) fn take(&mut self, bad: bool, slow: bool) {
        self.ended += 1;
        self.bad += u32::from(bad);
        self.slow += u32::from(slow);
        self.run = if bad { self.run + 1 } else { 0 };
    }

    /// Decides as early as the arithmetic allows: once the trials still to come cannot change it.
    pub(super) fn decide(self, config: &BreakerConfig) -> Option<Decision> {
        if self.fails(config) {
            return Some(Decision::Failed);
        }
        let to_come = config.trials.saturating_sub(self.ended);
        let worst = Self {
            ended: self.ended + to_come,
            bad: self.bad + to_come,
            slow: self.slow + to_come,
            run: self.run + to_come,
        };
        (!worst.fails(config)).then_some(Decision::Passed)
    }

    fn fails(self, config: &BreakerConfig) -> bool {
        let trials = u64::from(config.trials);
        config.failure_rate.is_some_and(|rate| rate.is_reached(self.bad.into(), trials))
            || config.slow_calls.is_some_and(|rule| rule.rate.is_reached(self.slow.into(), trials))
            // What no trials could be enough for would let all of them fail.
            || config.failure_count.is_some_and(|limit| self.bad >= limit.min(config.trials))
            || config.consecutive_failures.is_some_and(|limit| self.run >= limit.min(config.trials))
    }
}
