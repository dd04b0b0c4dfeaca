//! When to ask, when to give up, and what is known: plain data, driven by instants.

use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use super::PollerStatus;
use crate::signal::carry_since;
use crate::{Instant, Verdict};

#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) max_age: Duration,
    pub(super) backoff_first: Duration,
    pub(super) backoff_max: Duration,
    pub(super) jitter_percent: u8,
    pub(super) seed: u64,
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
    draws: u64,
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
        Self { rules, phase, last: None, draws: 0, status }
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
                let due = started + self.jittered(self.rules.interval);
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
        let doublings = self.status.errors_in_a_row.min(31);
        self.status.errors += 1;
        self.status.errors_in_a_row = self.status.errors_in_a_row.saturating_add(1);
        self.status.last_error = Some(error);
        let wait = self.rules.backoff_first.saturating_mul(1 << doublings);
        let due = now + self.jittered(wait.min(self.rules.backoff_max));
        self.phase = Phase::Waiting { due };
    }

    fn jittered(&mut self, wait: Duration) -> Duration {
        self.draws += 1;
        let chance = split_mix(self.rules.seed.wrapping_add(self.draws)) >> 32;
        let most = wait / 100 * u32::from(self.rules.jitter_percent);
        let cut = most.as_nanos().saturating_mul(u128::from(chance)) >> 32;
        wait - Duration::from_nanos(u64::try_from(cut).unwrap_or(u64::MAX)).min(most)
    }
}

/// `SplitMix64` as a hash of its counter: <https://prng.di.unimi.it/splitmix64.c>.
const fn split_mix(counter: u64) -> u64 {
    let z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
