//! What comes out of the machine.

use core::fmt;
use std::collections::BTreeMap;

use rely_core::Instant;

use super::labels::AlertKey;
use super::series::{AlertState, Reason};
use crate::slo::Severity;

/// What a notification is about. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum NotifyKind {
    /// A new incident: the one time that somebody is called for it.
    New,
    /// Alerts joined or ended.
    Update,
    /// Nothing new, and still not over.
    Reminder,
    /// Nobody has acknowledged it, or it is more urgent than was said.
    Escalated,
    /// It comes and goes. It is told once, calls nobody, and is over when it says resolved.
    Flapping,
    /// Over.
    Resolved,
}

impl NotifyKind {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Update => "update",
            Self::Reminder => "reminder",
            Self::Escalated => "escalated",
            Self::Flapping => "flapping",
            Self::Resolved => "resolved",
        }
    }
}

/// Something to tell somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Notification {
    /// When.
    pub at: Instant,
    /// Whom.
    pub receiver: String,
    /// What it is about.
    pub kind: NotifyKind,
    /// The incident's number.
    pub incident: u64,
    /// The same for all that is said about one incident: `name/7`.
    pub dedupe_key: String,
    /// How urgent it is.
    pub severity: Severity,
    /// What happened, in a few words.
    pub summary: String,
    /// Who is to blame, as far as somebody knows: the first suspect.
    pub suspect: Option<String>,
    /// Its alerts that are not over, the first 20 by key.
    pub alerts: Vec<AlertKey>,
    /// How many there are.
    pub active: usize,
    /// Where it is written what to do: that of the first alert's rule.
    pub runbook: Option<String>,
    /// Whose it is: that of the first alert's rule.
    pub owner: Option<String>,
    /// What this receiver was not told before because of its limit.
    pub withheld: u64,
}

impl Notification {
    /// Whether somebody is called: a new incident, or the next step, that is to be looked at now.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.severity == Severity::Page
            && matches!(self.kind, NotifyKind::New | NotifyKind::Escalated)
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { receiver, dedupe_key, summary, .. } = self;
        write!(f, "{} to {receiver}: {dedupe_key}: {summary}", self.kind.as_str())?;
        match &self.suspect {
            Some(suspect) => write!(f, "; suspect: {suspect}"),
            None => Ok(()),
        }
    }
}

/// Why somebody was not told, or something was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Suppressed {
    /// A silence.
    Silenced,
    /// A maintenance window.
    Maintenance,
    /// Another alert says as much.
    Inhibited,
    /// It flaps.
    Flapping,
    /// It is a part of an incident that somebody was called for.
    Joined,
    /// Over before the group wait was.
    Brief,
    /// A reminder of what somebody looks after.
    Acknowledged,
    /// The receiver was told too much.
    RateLimited,
    /// The observation was for a rule that there is not.
    UnknownRule,
    /// The series' labels are too many or too long.
    LabelsTooLarge,
    /// There is no room for another series.
    NoRoom,
    /// A quiet series was forgotten to make room.
    Forgotten,
    /// Nobody took the effects, and the oldest ones were lost.
    EffectsLost,
}

/// Something that happened. Nothing happens without one of them.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Effect {
    /// An alert changed its state.
    Moved {
        /// When.
        at: Instant,
        /// Which one.
        alert: AlertKey,
        /// From where.
        from: AlertState,
        /// To where.
        to: AlertState,
        /// Why.
        reason: Reason,
    },
    /// An alert flaps from now on, or no more.
    Flapping {
        /// When.
        at: Instant,
        /// Which one.
        alert: AlertKey,
        /// Whether it does.
        flapping: bool,
    },
    /// An alert is now a part of an incident.
    Joined {
        /// When.
        at: Instant,
        /// Which one.
        alert: AlertKey,
        /// Of which one.
        incident: u64,
        /// The incident that it was a part of before.
        left: Option<u64>,
    },
    /// Somebody looks after an incident, or nobody any more.
    Acknowledged {
        /// When.
        at: Instant,
        /// Which one.
        incident: u64,
        /// Who; nobody if it was taken back or is too long ago.
        by: Option<String>,
    },
    /// An incident is over.
    Closed {
        /// When.
        at: Instant,
        /// Which one.
        incident: u64,
    },
    /// Somebody is to be told.
    Notify(Box<Notification>),
    /// Somebody would have been told, or something been taken in.
    Held {
        /// When.
        at: Instant,
        /// Why not.
        reason: Suppressed,
        /// About which incident.
        incident: Option<u64>,
    },
}

/// How often what was held back, by reason.
pub type Counts = BTreeMap<Suppressed, u64>;
