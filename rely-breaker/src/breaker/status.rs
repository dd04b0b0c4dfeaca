use rely_core::window::Counts;
use rely_core::{Instant, Level, Signal, Verdict};

use super::Breaker;
use crate::State;

/// A breaker at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// The state.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// The generation, which grows by one with every change.
    pub generation: u64,
    /// When time alone will change the state.
    pub until: Option<Instant>,
    /// The calls of the window; none is slow where slow calls are not asked for.
    pub counts: Counts,
    /// How many calls in a row have failed; zero where they are not counted.
    pub consecutive_failures: u32,
    /// Calls that were rejected since the breaker was made.
    pub rejected: u64,
    /// Those of them that were rejected only because the inner service had not been polled ready.
    pub inner_not_ready: u64,
    /// Calls that a breaker in shadow let through and would have rejected.
    pub would_reject: u64,
    /// Calls that were dropped, or said to be cancelled, whatever they counted for.
    pub cancelled: u64,
    /// Calls that ended in a later generation than they began in, and did not count.
    pub late: u64,
    /// How often the breaker was tripped.
    pub opened: u64,
}

/// Closed reads healthy, half-open degraded, open unhealthy. Forced open and forced closed read as
/// open and closed do, for that is what callers meet; disabled, unknown: nothing is counted. In
/// shadow the levels are the same: they judge the other side.
impl Signal for Breaker {
    fn verdict(&self, now: Instant) -> Verdict {
        let status = self.status();
        let level = match status.state {
            State::Closed | State::ForcedClosed => Level::Healthy,
            State::HalfOpen => Level::Degraded,
            State::Open | State::ForcedOpen => Level::Unhealthy,
            State::Disabled => Level::Unknown,
        };
        let shadow = if self.config().shadow { ", in shadow" } else { "" };
        let verdict = Verdict::new(level, now)
            .since(status.since.min(now))
            .because(format!("circuit breaker {} is {}{shadow}", self.0.name, status.state))
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
