use core::time::Duration;

use rely_core::{Instant, Level, Verdict};

/// How much of a step is covered by evidence that the candidate is healthy.
///
/// Time is counted by the instants that the evidence is about. The stretch between two healthy
/// verdicts in a row is proven if the first still held when the second was judged and it is not
/// longer than what may go without proof; every other stretch is unproven, and those add up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    /// Up to here all is counted; the beginning of the step at first.
    covered: Instant,
    unproven: Duration,
    streak: Option<Streak>,
}

#[derive(Clone, Copy, Debug)]
struct Streak {
    from: Instant,
    valid_until: Instant,
}

impl Proof {
    pub(super) const fn new(began: Instant) -> Self {
        Self { covered: began, unproven: Duration::ZERO, streak: None }
    }

    /// Takes in what was judged at `now`.
    pub(super) fn judged(&mut self, verdict: &Verdict, now: Instant, give_up: Duration) {
        if verdict.level == Level::Healthy {
            self.healthy(verdict.as_of.min(now), verdict.valid_until, give_up);
        } else {
            self.lapse(now);
        }
    }

    /// Evidence as of an instant; if that lies before what is covered it says nothing new.
    fn healthy(&mut self, as_of: Instant, valid_until: Instant, give_up: Duration) {
        if as_of < self.covered {
            return;
        }
        let from = match self.streak {
            Some(streak) if as_of <= streak.valid_until.min(self.limit(give_up)) => streak.from,
            _ => {
                self.unproven = self.unproven_at(as_of);
                as_of
            }
        };
        self.covered = as_of;
        self.streak = Some(Streak { from, valid_until });
    }

    /// The evidence at `now` is not that the candidate is healthy.
    fn lapse(&mut self, now: Instant) {
        self.unproven = self.unproven_at(now);
        self.covered = self.covered.max(now);
        self.streak = None;
    }

    /// The length of the streak of healthy evidence that has not been broken.
    pub(super) fn proven(&self) -> Duration {
        self.streak.map_or(Duration::ZERO, |streak| self.covered - streak.from)
    }

    pub(super) const fn unproven(&self) -> Duration {
        self.unproven
    }

    /// What is unproven if nothing more is known at `now`.
    pub(super) fn unproven_at(&self, now: Instant) -> Duration {
        self.unproven.saturating_add(now - self.covered)
    }

    /// The last instant that permits the step to go on without newer evidence.
    ///
    /// While healthy, what was unproven before does not shorten the wait for the next verdict: else
    /// a step with little left would be given up between two healthy verdicts.
    pub(super) fn limit(&self, give_up: Duration) -> Instant {
        let spent = if self.streak.is_some() { Duration::ZERO } else { self.unproven };
        self.covered + give_up.saturating_sub(spent)
    }
}
