//! What the handles of an experiment and its run share.

use core::task::Waker;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rely_core::{Clock, Events, Instant, Signal, Verdict};

use super::guarded::guarded;
use super::plan::Plan;
use super::{Action, Conclusion, ExperimentEvent, ExperimentStatus, Phase};
use crate::KillSwitch;
use crate::kill::Killable;

pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) signals: Vec<Arc<dyn Signal>>,
    pub(crate) actions: Vec<Arc<dyn Action>>,
    pub(crate) clock: Clock,
    pub(crate) kill_switch: Option<KillSwitch>,
    pub(crate) events: Events<ExperimentEvent>,
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    running: bool,
    phase: Phase,
    last: Option<Conclusion>,
    stop: Option<String>,
    waker: Option<Waker>,
}

impl Shared {
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.lock();
        if state.running {
            return false;
        }
        state.running = true;
        state.stop = None;
        true
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// The end of a run; without a conclusion if it was dropped.
    pub(crate) fn end(&self, conclusion: Option<Conclusion>) {
        let mut state = self.lock();
        state.running = false;
        state.phase = Phase::Idle;
        state.stop = None;
        state.last = conclusion;
        let waker = state.waker.take();
        drop(state);
        drop(waker);
    }

    pub(crate) fn stop(&self, why: String) -> bool {
        let mut state = self.lock();
        if !state.running {
            return false;
        }
        state.stop.get_or_insert(why);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Why the run is to end, if it is; if not, `waker` is woken when it is.
    pub(crate) fn take_stop(&self, waker: &Waker) -> Option<String> {
        let ours = waker.clone();
        let mut state = self.lock();
        let stop = state.stop.take();
        let replaced = state.waker.replace(ours);
        drop(state);
        drop(replaced);
        stop
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.kill_switch.as_ref().is_some_and(KillSwitch::is_engaged)
    }

    /// What a check's signal says; an error with the check's name if it panicked.
    pub(crate) fn ask(&self, check: usize, now: Instant) -> Result<Verdict, (String, String)> {
        let question = &self.plan.checks[check];
        guarded(|| self.signals[question.signal].verdict(now))
            .map_err(|error| (question.name.clone(), error))
    }

    pub(crate) fn status(&self) -> ExperimentStatus {
        let state = self.lock();
        ExperimentStatus { phase: state.phase, running: state.running, last: state.last.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Killable for Shared {
    fn kill(&self) {
        self.stop(KILLED.to_owned());
    }
}

pub(crate) const KILLED: &str = "the kill switch is engaged";
