use std::sync::Arc;

use rely_core::window::Counts;
use rely_core::{Instant, Level, Ratio, Signal, Verdict};

use super::Breaker;
use crate::{Change, State};

/// A breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// The generation, which grows by one with every change but that to the next stage of a ramp.
    pub generation: u64,
    /// When time alone will change the state.
    pub until: Option<Instant>,
    /// How much of the traffic is let through: less than all while ramping.
    pub share: Ratio,
    /// The calls of the window; none is slow where slow calls are not asked for.
    pub counts: Counts,
    /// How many calls in a row have failed; zero where they are not counted.
    pub consecutive_failures: u32,
    /// Calls that went well since the breaker was made, trials included. Where calls weigh, what they
    /// weighed.
    ///
    /// Calls that were let through = succeeded + failed + ignored + cancelled + late + `would_reject` +
    /// those under way; calls through a disabled breaker are in none of them.
    pub succeeded: u64,
    /// Calls that failed, softly or not.
    pub failed: u64,
    /// Calls that ended without evidence: ignored, or refused further on.
    pub ignored: u64,
    /// Calls that were dropped, or said to be cancelled, whatever they counted for.
    pub cancelled: u64,
    /// Calls that ended with evidence in a later generation than they began in, and did not count.
    pub late: u64,
    /// Calls that were rejected.
    pub rejected: u64,
    /// Those of them that were rejected only because the inner service had not been polled ready.
    pub inner_not_ready: u64,
    /// Calls that a breaker in shadow let through and would have rejected.
    pub would_reject: u64,
    /// How often the breaker was tripped.
    pub opened: u64,
}

/// A change together with the name of the breaker, for one place that has the changes of many: see
/// [`BreakerBuilder::report_to`](crate::BreakerBuilder::report_to).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedChange {
    /// The breaker's name.
    pub name: Arc<str>,
    /// What happened.
    pub change: Change,
}

/// Closed reads healthy, half-open and ramping degraded, open unhealthy until its time is over: from
/// then on a call is let through to try, as when it is half-open. Forced open and forced closed read as
/// open and closed do, for that is what callers meet; disabled, unknown: nothing is counted. In
/// shadow the levels are the same: they judge the other side.
impl Signal for Breaker {
    fn verdict(&self, now: Instant) -> Verdict {
        let status = self.status();
        let level = match status.state {
            State::Closed | State::ForcedClosed => Level::Healthy,
            State::Open if status.until.is_some_and(|until| now >= until) => Level::Degraded,
            State::HalfOpen | State::Ramping => Level::Degraded,
            State::Open | State::ForcedOpen => Level::Unhealthy,
            State::Disabled => Level::Unknown,
        };
        let shadow = if self.config().shadow { ", in shadow" } else { "" };
        let verdict = Verdict::new(level, now)
            .since(status.since.min(now))
            .because(format!("circuit breaker {} is {}{shadow}", self.name(), status.state))
            .with_samples(status.counts.total)
            .with_evidence("calls", status.counts.total as f64)
            .with_evidence("bad_calls", status.counts.bad as f64);
        let verdict = match self.config().slow_calls {
            Some(_) => verdict.with_evidence("slow_calls", status.counts.slow as f64),
            None => verdict,
        };
        match self.config().consecutive_failures {
            Some(_) => {
                let failures = f64::from(status.consecutive_failures);
                verdict.with_evidence("consecutive_failures", failures)
            }
            None => verdict,
        }
    }
}
