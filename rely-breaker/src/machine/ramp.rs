//! The way from the trials back to all calls.

use rely_core::{Instant, Ratio};

use super::{Change, ChangeReason, Machine, Phase};
use crate::Ramp;

impl Machine {
    /// The share of calls that a ramping breaker lets through; 100 % in every other state, whatever
    /// that does with calls.
    #[must_use]
    pub fn share(&self) -> Ratio {
        let Phase::Ramp { stage, .. } = self.phase else { return Ratio::ONE };
        self.config.ramp.as_ref().map_or(Ratio::ONE, |ramp| share_of(ramp, stage))
    }

    /// The trials are over, and it is not to be open again.
    pub(super) fn recover(&mut self, reason: ChangeReason, now: Instant) -> Change {
        let first = |ramp: &Ramp| Phase::Ramp { stage: 0, until: now + ramp.stage_for };
        let phase = self.config.ramp.as_ref().map_or(Phase::Closed, first);
        self.change(phase, reason, now)
    }

    /// Goes on to the stage that it would be in if somebody had looked all the time: a ramp takes so
    /// long and no longer, however rarely calls come and whether or not a driver runs. One stage for
    /// each look would be the more careful way after a silence, but where a call comes once an hour
    /// it would let a hundredth of those through for hours, and what it waits for cannot be seen
    /// there either.
    pub(super) fn stage_over(&mut self, stage: u32, until: Instant, now: Instant) -> Change {
        let Some(ramp) = self.config.ramp.as_ref() else {
            return self.change(Phase::Closed, ChangeReason::RampOver, now);
        };
        let seen = now.saturating_since(until).as_nanos() / ramp.stage_for.as_nanos().max(1);
        // At least this one, and no more than there can be.
        let over = u32::try_from(seen).unwrap_or(u32::MAX).min(Ramp::MAX_STAGES) + 1;
        let stage = stage.saturating_add(over);
        if stage as usize >= ramp.stages.len() {
            return self.change(Phase::Closed, ChangeReason::RampOver, now);
        }
        // If the clock has gone back nothing tells when the next one should end but now.
        let from = if now < until { now } else { until + ramp.stage_for.saturating_mul(over - 1) };
        let (until, share) = (from + ramp.stage_for, share_of(ramp, stage));
        self.go_on(Phase::Ramp { stage, until }, ChangeReason::RampStage { share }, now)
    }

    /// A trip counts for the stage that it is seen in, even if its time is over: bad news are never
    /// too late to be careful.
    pub(super) fn step_back(
        &mut self,
        stage: u32,
        reason: ChangeReason,
        asked: Option<Instant>,
        now: Instant,
    ) -> Change {
        match (stage.checked_sub(1), self.config.ramp.as_ref()) {
            (Some(stage), Some(ramp)) => {
                let until = now + ramp.stage_for;
                self.change(Phase::Ramp { stage, until }, reason, now)
            }
            _ => self.open(reason, asked, now),
        }
    }

    /// Another configuration meets a ramp under way.
    pub(super) fn fit_stage(
        &mut self,
        stage: u32,
        until: Instant,
        before: Ratio,
        now: Instant,
    ) -> Option<Change> {
        let Some(ramp) = self.config.ramp.as_ref() else {
            return Some(self.change(Phase::Closed, ChangeReason::Reconfigured, now));
        };
        let last = u32::try_from(ramp.stages.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let stage = stage.min(last);
        let share = share_of(ramp, stage);
        self.phase = Phase::Ramp { stage, until };
        let reason = ChangeReason::RampStage { share };
        (share != before).then(|| self.go_on(self.phase, reason, now))
    }
}

fn share_of(ramp: &Ramp, stage: u32) -> Ratio {
    ramp.stages.get(stage as usize).copied().unwrap_or(Ratio::ONE)
}
