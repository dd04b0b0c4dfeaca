use rely_core::{Instant, Level, Ratio, Signal, Verdict};

use super::{Priority, Throttle, ThrottleCounts};

/// A throttle at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleStatus {
    /// Each priority, in the order of [`Priority::ALL`].
    pub priorities: [PriorityStatus; Priority::ALL.len()],
}

/// One priority of a throttle at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriorityStatus {
    /// Which.
    pub priority: Priority,
    /// What the window holds; it also tells the rule's requests and accepts.
    pub counts: ThrottleCounts,
    /// The share of calls to reject that follows from it. Calls may still be decided by one that is
    /// older by a tenth of a bucket.
    pub rejection: Ratio,
    /// Calls that were rejected since the throttle was made.
    pub rejected: u64,
}

impl ThrottleStatus {
    pub(super) const fn new(priorities: [PriorityStatus; Priority::ALL.len()]) -> Self {
        Self { priorities }
    }

    /// One priority.
    #[must_use]
    pub const fn of(&self, priority: Priority) -> &PriorityStatus {
        &self.priorities[priority.index()]
    }
}

/// Healthy while nothing is rejected, degraded as soon as some of any priority is. The score is the
/// largest share, the samples are the requests of the window.
impl Signal for Throttle {
    fn verdict(&self, now: Instant) -> Verdict {
        let priorities = self.status_at(now).priorities;
        let requests = priorities.iter().map(|p| p.counts.requests());
        let requests = requests.fold(0, u64::saturating_add);
        // Of equal shares, the more important one is named.
        let worst = priorities.iter().rev().max_by_key(|p| p.rejection);
        let (priority, share) =
            worst.map_or((Priority::default(), Ratio::ZERO), |p| (p.priority, p.rejection));
        let verdict = if share == Ratio::ZERO {
            let reason = format!("throttle {} rejects nothing", self.name());
            Verdict::new(Level::Healthy, now).because(reason)
        } else {
            let reason = format!("throttle {} rejects {share} of {priority} calls", self.name());
            Verdict::new(Level::Degraded, now).because(reason)
        };
        let verdict = verdict.with_score(share.as_f64()).with_samples(requests);
        priorities.iter().filter(|p| p.counts.requests() > 0).fold(verdict, |verdict, p| {
            verdict.with_evidence(evidence_name(p.priority), p.rejection.as_f64())
        })
    }
}

const fn evidence_name(priority: Priority) -> &'static str {
    match priority {
        Priority::CriticalPlus => "critical_plus_rejection_share",
        Priority::Critical => "critical_rejection_share",
        Priority::SheddablePlus => "sheddable_plus_rejection_share",
        Priority::Sheddable => "sheddable_rejection_share",
    }
}
