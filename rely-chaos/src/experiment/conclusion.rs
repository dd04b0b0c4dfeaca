use core::fmt;

/// How an experiment ended. Only [`Held`](Conclusion::Held) is a success.
///
/// What holds first in the [table of rules](super#rules) is the conclusion; the report keeps the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[must_use]
#[non_exhaustive]
pub enum Conclusion {
    /// Every hypothesis held while faults fired, and the system came back.
    Held,
    /// A hypothesis did not hold.
    Refuted {
        /// The hypothesis.
        check: String,
        /// What its signal said.
        reason: String,
    },
    /// The steady state was not there to begin with; nothing was injected.
    NotSteady {
        /// The first part of it that was missing.
        check: String,
        /// What its signal said.
        reason: String,
    },
    /// Nothing spoke against the hypotheses, and too little for them.
    NotProven {
        /// What is missing: a fault that fired, or evidence.
        why: String,
    },
    /// An abort condition was met.
    Aborted {
        /// The condition.
        check: String,
        /// What its signal said.
        reason: String,
    },
    /// It was stopped by hand or by the kill switch.
    Stopped {
        /// What whoever stopped it said.
        why: String,
    },
    /// The steady state did not come back after the rollback.
    NotRecovered {
        /// The first part of it that was missing.
        check: String,
        /// What its signal said.
        reason: String,
    },
    /// An action could not be carried out or rolled back, or a signal panicked.
    Failed {
        /// The action, or the check of that signal.
        action: String,
        /// What went wrong.
        error: String,
    },
}

impl Conclusion {
    /// Whether everything was as expected, and proved.
    #[must_use]
    pub const fn held(&self) -> bool {
        matches!(self, Self::Held)
    }

    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refuted { .. } => "refuted",
            Self::NotSteady { .. } => "not_steady",
            Self::NotProven { .. } => "not_proven",
            Self::Aborted { .. } => "aborted",
            Self::Stopped { .. } => "stopped",
            Self::NotRecovered { .. } => "not_recovered",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, what, reason) = match self {
            Self::Held => return f.write_str("held"),
            Self::Refuted { check, reason } => ("refuted", check, reason.as_str()),
            Self::NotSteady { check, reason } => ("not steady", check, reason.as_str()),
            Self::NotProven { why } => ("not proven", why, ""),
            Self::Aborted { check, reason } => ("aborted", check, reason.as_str()),
            Self::Stopped { why } => ("stopped", why, ""),
            Self::NotRecovered { check, reason } => ("not recovered", check, reason.as_str()),
            Self::Failed { action, error } => ("failed", action, error.as_str()),
        };
        write!(f, "{head}: {what}")?;
        if reason.is_empty() { Ok(()) } else { write!(f, " ({reason})") }
    }
}
