use rely_core::window::Counts;

use super::TripReason;
use crate::BreakerConfig;

/// See [`Machine::judge`](super::Machine::judge).
pub(crate) fn judge(config: &BreakerConfig, counts: Counts, run: u32) -> Option<TripReason> {
    let Counts { total, bad, slow } = counts;
    if total >= u64::from(config.minimum_calls) {
        if let Some(threshold) = config.failure_rate.filter(|rate| rate.is_reached(bad, total)) {
            return Some(TripReason::FailureRate { bad, total, threshold });
        }
        if let Some(rule) = config.slow_calls.filter(|rule| rule.rate.is_reached(slow, total)) {
            let (longer_than, threshold) = (rule.longer_than, rule.rate);
            return Some(TripReason::SlowCallRate { slow, total, threshold, longer_than });
        }
    }
    let too_long = config.consecutive_failures.is_some_and(|limit| run >= limit);
    too_long.then_some(TripReason::ConsecutiveFailures { count: run })
}

/// The trial calls that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Trials {
    pub(super) ended: u32,
    pub(super) bad: u32,
    pub(super) slow: u32,
    /// How many of the last ones were bad in a row.
    run: u32,
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
            // A run that no trials could be enough for would let all of them fail.
            || config.consecutive_failures.is_some_and(|limit| self.run >= limit.min(config.trials))
    }
}
