//! How long it is open, and who may say so.

use rely_core::{Instant, Level};

use super::{Change, ChangeReason, Machine, Phase, is_over};

impl Machine {
    /// How many openings are remembered against the other side, the present one included: what a
    /// function of the user's own for open times goes by. Each opening by a rule or by trials is one
    /// more, until the open time is the longest of [`OpenBackoff`](crate::OpenBackoff), or 32 without
    /// that; each time closed for as long as the last open time is one less.
    #[must_use]
    pub const fn openings(&self) -> u32 {
        self.open_time.steps
    }

    pub(super) fn open(
        &mut self,
        reason: ChangeReason,
        asked: Option<Instant>,
        now: Instant,
    ) -> Change {
        self.leave(now);
        let until = now + self.open_time.next(&self.config);
        let wish = asked.zip(self.config.retry_after);
        let until = wish.map_or(until, |(asked, most)| until.max(asked.min(now + most)));
        self.change(Phase::Open { until, by_hand: false }, reason, now)
    }

    /// What a time without a trip is good for, however it ends.
    pub(super) fn leave(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            self.open_time.was_closed(now.saturating_since(self.since));
        }
    }

    pub(super) fn probed(&mut self, level: Level, now: Instant) -> Option<Change> {
        let Phase::Open { until, by_hand } = self.phase else { return self.time_passed(now) };
        let over = is_over(self.since, until, now);
        match level {
            // Whoever opened it by hand knows something that a probe does not.
            Level::Healthy if !over && !by_hand => Some(self.try_again(ChangeReason::Probed, now)),
            Level::Unhealthy if over => {
                let until = now + self.config.probe_every;
                self.phase = Phase::Open { until, by_hand: false };
                // Or a clock that has gone back would end the state at the next look.
                self.since = self.since.min(now);
                None
            }
            _ => self.time_passed(now),
        }
    }

    pub(super) fn open_time_is(&mut self, of: u64, moved: Instant) {
        if let Phase::Open { until, by_hand: false } = &mut self.phase {
            if of == self.generation {
                *until = moved.max(self.since);
                self.open_time.last = until.saturating_since(self.since);
            }
        }
    }
}
