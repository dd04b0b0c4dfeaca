use core::time::Duration;
use std::sync::Arc;

use rely_core::{Clock, ConfigError, Events, Signal, config};

use super::plan::{Deed, Plan, Question, Slot};
use super::shared::Shared;
use super::{Action, Experiment, When};
use crate::KillSwitch;

/// How an [`Experiment`] is made.
///
/// | setting | default | allowed |
/// |---|---|---|
/// | name, names of checks | | not empty |
/// | `steady_state` | | at least one |
/// | `throughout`, `at_end`, `after_rollback`, `abort_if`, `until` | none | any number |
/// | `inject_at`, `inject_every` | none | at least one, unless `observe`; 10,000 in all; before `lasting` |
/// | `lasting` | | more than zero |
/// | `interval` | 1 s | more than zero |
/// | `settle_within`, `recover_within` | 30 s | any; zero asks once |
/// | `rollback_within` | 30 s | more than zero |
/// | `clock` | the system's | any |
/// | `kill_switch` | none | any |
#[derive(Clone)]
#[must_use]
pub struct ExperimentBuilder {
    name: String,
    clock: Clock,
    kill_switch: Option<KillSwitch>,
    checks: Vec<(String, When, Arc<dyn Signal>)>,
    injections: Vec<Injection>,
    observe: bool,
    interval: Duration,
    settle_within: Duration,
    lasting: Duration,
    recover_within: Duration,
    rollback_within: Duration,
}

#[derive(Clone)]
struct Injection {
    offset: Duration,
    period: Duration,
    times: u32,
    action: Arc<dyn Action>,
}

impl ExperimentBuilder {
    const MAX_INJECTIONS: u64 = 10_000;

    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            clock: Clock::system(),
            kill_switch: None,
            checks: Vec::new(),
            injections: Vec::new(),
            observe: false,
            interval: Duration::from_secs(1),
            settle_within: Duration::from_secs(30),
            lasting: Duration::ZERO,
            recover_within: Duration::from_secs(30),
            rollback_within: Duration::from_secs(30),
        }
    }

    /// The clock that everything follows.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What has to be healthy before anything is injected, and again after the rollback.
    ///
    /// Several have to be healthy at the same time.
    pub fn steady_state(self, name: impl Into<String>, signal: impl Signal + 'static) -> Self {
        let (name, signal) = (name.into(), Arc::new(signal));
        self.check(name.clone(), When::Before, signal.clone()).check(name, When::Recovered, signal)
    }

    /// What must never be unhealthy during the method; degraded will do.
    ///
    /// It is asked to the end of the method, whatever it says, and has to know something then.
    pub fn throughout(self, name: impl Into<String>, signal: impl Signal + 'static) -> Self {
        self.check(name.into(), When::Throughout, Arc::new(signal))
    }

    /// What has to be healthy when the method is over, before the rollback.
    pub fn at_end(self, name: impl Into<String>, signal: impl Signal + 'static) -> Self {
        self.check(name.into(), When::AtEnd, Arc::new(signal))
    }

    /// What has to be healthy after the rollback, once the steady state is back.
    pub fn after_rollback(self, name: impl Into<String>, signal: impl Signal + 'static) -> Self {
        self.check(name.into(), When::AfterRollback, Arc::new(signal))
    }

    /// What ends the experiment at once when it is unhealthy.
    ///
    /// It is asked four times as often as the others, and before each injection.
    pub fn abort_if(self, name: impl Into<String>, signal: impl Signal + 'static) -> Self {
        self.check(name.into(), When::AbortIf, Arc::new(signal))
    }

    /// What ends the method early when it is healthy, once every action was injected.
    pub fn until(self, name: impl Into<String>, signal: impl Signal + 'static) -> Self {
        self.check(name.into(), When::Until, Arc::new(signal))
    }

    fn check(mut self, name: String, when: When, signal: Arc<dyn Signal>) -> Self {
        self.checks.push((name, when, signal));
        self
    }

    /// Injects `action` at `offset` into the method.
    pub fn inject_at(self, offset: Duration, action: impl Action + 'static) -> Self {
        self.inject(offset, Duration::ZERO, 1, Arc::new(action))
    }

    /// Injects `action` so many `times`, at the beginning of the method and every `period` after.
    ///
    /// An injection that is due while the one before goes on follows when that is done.
    pub fn inject_every(self, period: Duration, times: u32, action: impl Action + 'static) -> Self {
        self.inject(Duration::ZERO, period, times, Arc::new(action))
    }

    fn inject(
        mut self,
        offset: Duration,
        period: Duration,
        times: u32,
        action: Arc<dyn Action>,
    ) -> Self {
        self.injections.push(Injection { offset, period, times, action });
        self
    }

    /// Says that nothing is to be injected: the hypotheses are watched, and no fault has to fire.
    pub const fn observe(mut self) -> Self {
        self.observe = true;
        self
    }

    /// How long the method takes.
    pub const fn lasting(mut self, length: Duration) -> Self {
        self.lasting = length;
        self
    }

    /// How often signals are asked.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long the steady state is waited for before the method.
    pub const fn settle_within(mut self, time: Duration) -> Self {
        self.settle_within = time;
        self
    }

    /// How long the steady state may take to come back after the rollback.
    pub const fn recover_within(mut self, time: Duration) -> Self {
        self.recover_within = time;
        self
    }

    /// How long the rollback of an action may take before it counts as failed.
    pub const fn rollback_within(mut self, time: Duration) -> Self {
        self.rollback_within = time;
        self
    }

    /// The switch that stops the experiment together with all faults.
    pub fn kill_switch(mut self, switch: &KillSwitch) -> Self {
        self.kill_switch = Some(switch.clone());
        self
    }

    /// The experiment, ready to run.
    ///
    /// # Errors
    /// If a setting is not as the table says, or an action cannot work.
    pub fn build(self) -> Result<Experiment, ConfigError> {
        self.validate()?;
        let (mut checks, mut signals) = (Vec::new(), Vec::new());
        for (name, when, signal) in self.checks {
            checks.push(Question { name, when, signal: signals.len() });
            signals.push(signal);
        }
        let (mut actions, mut schedule) = (Vec::new(), Vec::new());
        for (number, injection) in self.injections.into_iter().enumerate() {
            let offset = |n: u32| injection.offset + injection.period * n;
            schedule
                .extend((0..injection.times).map(|n| Slot { offset: offset(n), action: number }));
            actions.push(injection.action);
        }
        schedule.sort();
        let deed = |action: &Arc<dyn Action>| Deed {
            name: action.name().to_owned(),
            needed: action.needed(),
        };
        let plan = Plan {
            name: self.name,
            interval: self.interval,
            settle_within: self.settle_within,
            lasting: self.lasting,
            recover_within: self.recover_within,
            rollback_within: self.rollback_within,
            checks,
            actions: actions.iter().map(deed).collect(),
            schedule,
        };
        let shared = Arc::new(Shared {
            plan,
            signals,
            actions,
            clock: self.clock,
            kill_switch: self.kill_switch,
            events: Events::new(),
            state: Default::default(),
        });
        if let Some(switch) = &shared.kill_switch {
            switch.watch(&shared);
        }
        Ok(Experiment(shared))
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let error = |field, value: &dyn core::fmt::Display, allowed| {
            Err(ConfigError::new(field, value, allowed))
        };
        if self.name.is_empty() {
            return error("name", &"\"\"", "not empty");
        }
        if self.checks.iter().any(|(name, ..)| name.is_empty()) {
            return error("checks.name", &"\"\"", "not empty");
        }
        if !self.checks.iter().any(|(_, when, _)| *when == When::Before) {
            return error("steady_state", &"missing", "at least one");
        }
        config::nonzero("lasting", self.lasting)?;
        config::nonzero("interval", self.interval)?;
        config::nonzero("rollback_within", self.rollback_within)?;
        match (self.observe, self.injections.len()) {
            (false, 0) => return error("actions", &0, "at least one, or `observe` without any"),
            (true, 1..) => {
                return error("actions", &self.injections.len(), "none where it only observes");
            }
            _ => {}
        }
        let all: u64 = self.injections.iter().map(|injection| u64::from(injection.times)).sum();
        config::in_range("inject_every.times", all, ..=Self::MAX_INJECTIONS)?;
        for injection in &self.injections {
            let Injection { offset, period, times, action } = injection;
            config::in_range("inject_every.times", *times, 1..)?;
            if *times > 1 {
                config::nonzero("inject_every.period", *period)?;
            }
            let last = period.checked_mul(times - 1).and_then(|rest| rest.checked_add(*offset));
            if last.is_none_or(|last| last >= self.lasting) {
                let field = format!("actions.{}.offset", action.name());
                let value = format_args!("{:?}", last.unwrap_or(Duration::MAX)).to_string();
                return Err(ConfigError::new(field, value, "before the end of the method"));
            }
            action.check().map_err(|error| error.within(action.name()).within("actions"))?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for ExperimentBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ExperimentBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
