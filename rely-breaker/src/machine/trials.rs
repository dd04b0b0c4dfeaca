//! Trial calls, and what they lead to.

use rely_core::Instant;

use super::{Change, ChangeReason, Decision, Machine, Phase, Trials, is_over};
use crate::AfterTrialLimit;

impl Machine {
    /// How many more trial calls of a half-open breaker may end with evidence; zero in other states.
    #[must_use]
    pub fn trials_left(&self) -> u32 {
        match self.phase {
            Phase::HalfOpen { trials, .. } => self.config.trials.saturating_sub(trials.ended),
            _ => 0,
        }
    }

    pub(super) fn try_again(&mut self, reason: ChangeReason, now: Instant) -> Change {
        let (trials, asked) = (Trials::default(), Instant::ORIGIN);
        let until = now + self.config.trial_limit;
        self.change(Phase::HalfOpen { until, trials, asked }, reason, now)
    }

    pub(super) fn trial_ended(
        &mut self,
        bad: bool,
        slow: bool,
        wish: Option<Instant>,
        now: Instant,
    ) -> Option<Change> {
        let Phase::HalfOpen { until, trials, asked } = &mut self.phase else { return None };
        *asked = wish.map_or(*asked, |wish| wish.max(*asked));
        // Whether a call came in between must not decide whether a trial is too late.
        if now >= *until {
            return Some(self.timed_out(now));
        }
        trials.take(bad, slow);
        self.decide(now)
    }

    pub(super) fn untried(&mut self, now: Instant) -> Option<Change> {
        let ramps = self.config.trial_limit_to == AfterTrialLimit::Ramp;
        match &mut self.phase {
            Phase::HalfOpen { until, trials, .. }
                if trials.ended == 0 && !(ramps && is_over(self.since, *until, now)) =>
            {
                *until = now + self.config.trial_limit;
                // Or a clock that has gone back would end the state at the next look.
                self.since = self.since.min(now);
                None
            }
            _ => self.time_passed(now),
        }
    }

    pub(super) fn decide(&mut self, now: Instant) -> Option<Change> {
        let Phase::HalfOpen { trials, asked, .. } = self.phase else { return None };
        let Trials { ended, bad, slow, .. } = trials;
        Some(match trials.decide(&self.config)? {
            Decision::Failed => {
                let reason = ChangeReason::TrialsFailed { bad, slow, ended };
                self.open(reason, Some(asked), now)
            }
            Decision::Passed => {
                let reason = ChangeReason::TrialsPassed { good: ended - bad, slow, ended };
                self.recover(reason, now)
            }
        })
    }

    pub(super) fn timed_out(&mut self, now: Instant) -> Change {
        let reason = ChangeReason::TrialsTimedOut;
        match (self.config.trial_limit_to, self.phase) {
            (AfterTrialLimit::Ramp, _) => self.recover(reason, now),
            (AfterTrialLimit::Open, Phase::HalfOpen { asked, .. }) => {
                self.open(reason, Some(asked), now)
            }
            (AfterTrialLimit::Open, _) => self.open(reason, None, now),
        }
    }
}
