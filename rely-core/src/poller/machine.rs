//! When to ask, when to give up, and what is known: plain data, driven by instants.

use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use super::PollerStatus;
use crate::backoff::Backoff;
use crate::instant::saturating_nanos;
use crate::rng::Rng;
use crate::signal::carry_since;
use crate::{Instant, Ratio, Verdict};

#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) max_age: Duration,
    pub(super) backoff: Backoff,
    pub(super) jitter: Ratio,
    /// No wait is shorter, so that a source that fails at once cannot keep its task busy.
    pub(super) shortest: Duration,
    pub(super) rng: Rng,
}

/// What the shell has to do after a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Start an attempt.
    Ask,
    /// Drop the attempt that runs.
    GiveUp,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Waiting { due: Instant },
    Asking { started: Instant, deadline: Instant },
}

#[derive(Debug)]
pub(super) struct Machine {
    rules: Rules,
    phase: Phase,
    last: Option<Verdict>,
    waited: Duration,
    status: PollerStatus,
}

impl Machine {
    pub(super) fn new(rules: Rules) -> Self {
        let status = PollerStatus {
            answers: 0,
            errors: 0,
            errors_in_a_row: 0,
            last_error: None,
            driven: true,
        };
        let phase = Phase::Waiting { due: Instant::ORIGIN };
        Self { rules, phase, last: None, waited: Duration::ZERO, status }
    }

    /// When [`Machine::on_timer`] wants to be called next.
    pub(super) fn timer(&self) -> Instant {
        match self.phase {
            Phase::Waiting { due } => due,
            Phase::Asking { deadline, .. } => deadline,
        }
    }

    /// The time came; too early a call does nothing.
    pub(super) fn on_timer(&mut self, now: Instant) -> Option<Effect> {
        if now < self.timer() {
            return None;
        }
        match self.phase {
            Phase::Waiting { .. } => {
                let deadline = now + self.rules.timeout;
                self.phase = Phase::Asking { started: now, deadline };
                Some(Effect::Ask)
            }
            Phase::Asking { .. } => {
                self.timed_out(now);
                Some(Effect::GiveUp)
            }
        }
    }

    /// The attempt that runs came to an end; without one this does nothing.
    pub(super) fn on_answer(&mut self, now: Instant, answer: Result<Verdict, Arc<str>>) {
        let Phase::Asking { started, deadline } = self.phase else { return };
        if now > deadline {
            return self.timed_out(now);
        }
        match answer {
            Ok(verdict) => {
                self.keep(now, verdict);
                self.status.answers += 1;
                self.status.errors_in_a_row = 0;
                self.waited = Duration::ZERO;
                let due = started + self.interval();
                self.phase = Phase::Waiting { due: due.max(now) };
            }
            Err(error) => self.failed(now, error),
        }
    }

    /// Nobody will call [`Machine::on_timer`] any more.
    pub(super) fn on_driver_gone(&mut self) {
        self.status.driven = false;
    }

    pub(super) fn status(&self) -> PollerStatus {
        self.status.clone()
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let mut verdict = match &self.last {
            Some(verdict) => verdict.clone().at(now),
            None => Verdict::unknown(now, "no answer yet").since(Instant::ORIGIN),
        };
        let mut add = |text: &str| {
            let separator = if verdict.reason.is_empty() { "" } else { "; " };
            verdict.reason = Cow::Owned(format!("{}{separator}{text}", verdict.reason));
        };
        if let (1.., Some(error)) = (self.status.errors_in_a_row, &self.status.last_error) {
            let count = self.status.errors_in_a_row;
            let errors = if count == 1 { "error" } else { "errors" };
            add(&format!("{count} {errors} in a row, last: {error}"));
        }
        if !self.status.driven {
            add("nobody drives the poller");
        }
        verdict
    }

    fn keep(&mut self, now: Instant, mut verdict: Verdict) {
        verdict.as_of = verdict.as_of.min(now);
        verdict.since = verdict.since.min(verdict.as_of);
        verdict.valid_until = verdict.valid_until.min(verdict.as_of + self.rules.max_age);
        if let Some(last) = &self.last {
            carry_since(last, &mut verdict);
        }
        self.last = Some(verdict);
    }

    fn timed_out(&mut self, now: Instant) {
        self.failed(now, format!("no answer within {:?}", self.rules.timeout).into());
    }

    fn failed(&mut self, now: Instant, error: Arc<str>) {
        let Rules { backoff, shortest, rng, .. } = &mut self.rules;
        let wait = backoff.delay(self.status.errors_in_a_row, self.waited, rng);
        self.waited = wait;
        self.phase = Phase::Waiting { due: now + wait.max(*shortest) };
        self.status.errors += 1;
        self.status.errors_in_a_row = self.status.errors_in_a_row.saturating_add(1);
        self.status.last_error = Some(error);
    }

    fn interval(&mut self) -> Duration {
        let Rules { interval, jitter, shortest, rng, .. } = &mut self.rules;
        let most = Duration::from_nanos(jitter.of(saturating_nanos(*interval)));
        interval.saturating_sub(rng.between(Duration::ZERO, most)).max(*shortest)
    }
}
