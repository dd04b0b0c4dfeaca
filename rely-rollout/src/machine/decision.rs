use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

use rely_core::{Instant, Ratio, Verdict};

use crate::Digest;

/// How far a rollout has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Progress {
    /// It has not begun; the candidate gets no call.
    Waiting,
    /// A step is under way.
    Running,
    /// All steps are passed; the candidate gets every call and is still judged.
    Baking,
    /// All is passed; the candidate gets every call.
    Promoted,
    /// The candidate was taken back and gets no call any more.
    RolledBack,
}

impl Progress {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Baking => "baking",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Whether no verdict changes anything any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Promoted | Self::RolledBack)
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something was decided.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Reason {
    /// The first step began.
    Started,
    /// The signal was healthy for the hold of a step.
    StepPassed {
        /// The step's number, counted from zero.
        step: usize,
        /// For how long it was healthy without a break.
        #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
        proven: Duration,
    },
    /// The signal was healthy for the bake.
    Baked {
        /// For how long it was healthy without a break.
        #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
        proven: Duration,
    },
    /// The signal said unhealthy.
    Unhealthy {
        /// What it said.
        verdict: Verdict,
    },
    /// Too much of a step passed without proof that the candidate is healthy.
    Unproven {
        /// How much.
        #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
        unproven: Duration,
        /// How much the plan allows.
        #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
        allowed: Duration,
    },
    /// Somebody paused the rollout.
    Paused,
    /// Somebody let it go on.
    Resumed,
    /// Somebody took the candidate back.
    ByHand {
        /// Why.
        why: Cow<'static, str>,
    },
    /// The candidate was found bad or quarantined elsewhere.
    Barred {
        /// Why.
        why: Cow<'static, str>,
    },
}

impl Reason {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::StepPassed { .. } => "step_passed",
            Self::Baked { .. } => "baked",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Unproven { .. } => "unproven",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::ByHand { .. } => "by_hand",
            Self::Barred { .. } => "barred",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the first step began"),
            Self::StepPassed { step, proven } => {
                write!(f, "step {} was healthy for {proven:?}", step + 1)
            }
            Self::Baked { proven } => write!(f, "the bake was healthy for {proven:?}"),
            Self::Unhealthy { verdict } if verdict.reason.is_empty() => {
                f.write_str("the verdict was unhealthy")
            }
            Self::Unhealthy { verdict } => {
                write!(f, "the verdict was unhealthy, {}", verdict.reason)
            }
            Self::Unproven { unproven, allowed } => {
                write!(f, "nothing proved it healthy for {unproven:?}, {allowed:?} are allowed")
            }
            Self::Paused => f.write_str("paused by hand"),
            Self::Resumed => f.write_str("resumed by hand"),
            Self::ByHand { why } => write!(f, "taken back by hand, {why}"),
            Self::Barred { why } => write!(f, "the candidate is barred, {why}"),
        }
    }
}

/// One decision of a rollout: what it was, when, and why.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Decision {
    /// Its number in the rollout, counted from one without gaps.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// The candidate's share before.
    pub from: Ratio,
    /// The candidate's share from now on.
    pub to: Ratio,
    /// How far the rollout has come with it.
    pub progress: Progress,
    /// When the first verdict came that was degraded or unhealthy, with no healthy one since: from
    /// there to `at` is the time that the reaction took.
    pub bad_since: Option<Instant>,
    /// Why.
    pub reason: Reason,
    /// The release to run again, if this took the candidate back and the rollout knows its releases:
    /// the last known good one that reads today's data.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub restore: Option<Digest>,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}: {}", self.from, self.to, self.reason)
    }
}
