use rely_core::{Instant, Level};

use super::{Conclusion, When};

/// Something that happened in an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExperimentEvent {
    /// When.
    pub at: Instant,
    /// What.
    pub what: What,
}

/// What happens in an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum What {
    /// The run began: the steady state is waited for.
    Started,
    /// A check was asked for the first time, or its level changed.
    Level {
        /// The check.
        check: String,
        /// When it is looked at.
        when: When,
        /// The level.
        level: Level,
        /// Why.
        reason: String,
    },
    /// The steady state is there: the method begins.
    MethodBegan,
    /// An action is injected.
    Injecting {
        /// The action.
        action: String,
    },
    /// An action is in place.
    Injected {
        /// The action.
        action: String,
    },
    /// The method is over.
    MethodEnded {
        /// Whether it was over before its time.
        early: bool,
    },
    /// An action is rolled back.
    RollingBack {
        /// The action.
        action: String,
    },
    /// An action was rolled back.
    RolledBack {
        /// The action.
        action: String,
    },
    /// An action could not be injected or rolled back, or a signal panicked.
    Failed {
        /// The action, or the check of that signal.
        action: String,
        /// What went wrong.
        error: String,
    },
    /// The rollback is over: the steady state is waited for.
    Recovering,
    /// The run is over.
    Concluded(Conclusion),
    /// The future of the run was dropped, with whatever could be undone without waiting.
    Abandoned,
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) events: Vec<ExperimentEvent>,
    pub(crate) lost: u64,
}

impl Journal {
    /// Signals that flap for hours shall not fill the memory; everything else is bounded by the plan.
    const MAX_EVENTS: usize = 10_000;

    pub(crate) fn push(&mut self, at: Instant, what: What) {
        if matches!(what, What::Level { .. }) && self.events.len() >= Self::MAX_EVENTS {
            self.lost += 1;
            return;
        }
        self.events.push(ExperimentEvent { at, what });
    }
}
