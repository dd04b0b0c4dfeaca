use core::fmt;
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rely_core::{ConfigError, Evidence, Ratio};

use super::Action;
use crate::{Armed, BoxError, Effect, Fault, FaultPoint, Report};

/// Arms a [`FaultPoint`] with a [`Fault`].
///
/// Each injection arms it for the time to live, and ends the one before if that still lives; the
/// rollback and the drop of the run disarm it. It has fired as often as calls were hit.
pub struct FaultAction {
    name: String,
    point: FaultPoint,
    fault: Fault,
    ttl: Duration,
    needed: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    armed: Option<Armed>,
    /// What the faults did that have ended.
    past: Totals,
}

#[derive(Clone, Copy, Default)]
struct Totals {
    calls: u64,
    fired: u64,
    cut: u64,
}

impl Totals {
    const fn with(self, report: &Report) -> Self {
        Self {
            calls: self.calls + report.calls,
            fired: self.fired + report.fired,
            cut: self.cut + report.cut,
        }
    }
}

impl FaultAction {
    /// Lets `fault` hit calls at `point`, for `ttl` at most each time.
    ///
    /// The end of the fault lets go of the answers that it holds: none is later than by what was left
    /// of `ttl`, however long the latency.
    #[must_use]
    pub fn new(point: &FaultPoint, fault: Fault, ttl: Duration) -> Self {
        let (name, point) = (describe(point, fault), point.clone());
        Self { name, point, fault, ttl, needed: 1, state: Mutex::default() }
    }

    /// Another name than the one made of fault and point.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// How many calls it has to hit in a run; 1 by default.
    #[must_use]
    pub fn at_least(self, calls: u64) -> Self {
        Self { needed: calls, ..self }
    }

    fn disarm(&self) {
        // Disarming wakes callers: not under the lock.
        let armed = self.lock().armed.take();
        if let Some(armed) = armed {
            let report = armed.disarm();
            let mut state = self.lock();
            state.past = state.past.with(&report);
        }
    }

    fn totals(&self) -> Totals {
        let state = self.lock();
        let past = state.past;
        state.armed.as_ref().map_or(past, |armed| past.with(&armed.peek()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Action for FaultAction {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.point.check(self.fault, self.ttl)
    }

    async fn inject(&self) -> Result<(), BoxError> {
        self.disarm();
        let armed = self.point.arm(self.fault, self.ttl)?;
        self.lock().armed = Some(armed);
        Ok(())
    }

    async fn roll_back(&self) -> Result<(), BoxError> {
        self.disarm();
        Ok(())
    }

    fn fired(&self) -> u64 {
        self.totals().fired
    }

    fn needed(&self) -> u64 {
        self.needed
    }

    fn evidence(&self) -> Vec<Evidence> {
        let Totals { calls, cut, .. } = self.totals();
        let evidence = |name: &'static str, value| Evidence { name: name.into(), value };
        let mut all = vec![evidence("calls_seen", calls as f64)];
        if self.fault.effect == Effect::Outage {
            all.push(evidence("calls_cut", cut as f64));
        }
        all
    }

    fn abandon(&self) {
        self.disarm();
    }
}

impl fmt::Debug for FaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultAction").field("name", &self.name).finish_non_exhaustive()
    }
}

fn describe(point: &FaultPoint, fault: Fault) -> String {
    let effect = match fault.effect {
        Effect::Latency { delay } => format!("latency of {delay:?}"),
        Effect::Error => "errors".to_owned(),
        Effect::Hang => "hanging calls".to_owned(),
        Effect::Outage => "outage".to_owned(),
    };
    match fault.share {
        Ratio::ONE => format!("{effect} at {point}"),
        share => format!("{effect} for {share} at {point}"),
    }
}
