use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use rely_core::Instant;

use crate::Release;

/// What the machine wants done, or wants known.
///
/// Only [`Effect::Replace`] and [`Effect::Abandon`] ask for anything. A number is given once: who
/// carries an effect out twice, or late, can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Replace the instance by a new one that runs the release; nothing is patched in place.
    Replace {
        /// Which.
        instance: Arc<str>,
        /// By what.
        release: Release,
        /// Which attempt it is, counted from one.
        attempt: u32,
        /// The attempt's number among those at all instances.
        number: u64,
    },
    /// Stop the attempt: it took too long, or what it brings up is declared no more, or barred.
    Abandon {
        /// At which instance.
        instance: Arc<str>,
        /// The attempt's number.
        number: u64,
    },
    /// An attempt failed and there will be another one.
    Failed {
        /// Which instance.
        instance: Arc<str>,
        /// Which attempt.
        attempt: u32,
        /// Why.
        why: Cow<'static, str>,
        /// When the next one is due.
        retry_at: Instant,
    },
    /// The instance has reported, after all that was done to it, that it runs what was declared.
    Reconciled {
        /// Which.
        instance: Arc<str>,
        /// What it runs.
        release: Release,
        /// How many attempts that took.
        attempts: u32,
    },
    /// The last attempt failed; nothing happens to the instance until somebody asks for it, declares
    /// another release, or it runs the declared one after all.
    GaveUp {
        /// Which.
        instance: Arc<str>,
        /// What it was to run.
        release: Release,
        /// How many attempts there were.
        attempts: u32,
        /// Why the last one failed.
        why: Cow<'static, str>,
    },
    /// The instance is not replaced, as the release is bad or quarantined.
    Refused {
        /// Which.
        instance: Arc<str>,
        /// What it was to run.
        release: Release,
    },
    /// Nothing new is begun from now on.
    Frozen,
    /// It goes on.
    Thawed,
}

impl Effect {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Replace { .. } => "replace",
            Self::Abandon { .. } => "abandon",
            Self::Failed { .. } => "failed",
            Self::Reconciled { .. } => "reconciled",
            Self::GaveUp { .. } => "gave_up",
            Self::Refused { .. } => "refused",
            Self::Frozen => "frozen",
            Self::Thawed => "thawed",
        }
    }

    /// The instance that it is about.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Replace { instance, .. }
            | Self::Abandon { instance, .. }
            | Self::Failed { instance, .. }
            | Self::Reconciled { instance, .. }
            | Self::GaveUp { instance, .. }
            | Self::Refused { instance, .. } => Some(instance),
            Self::Frozen | Self::Thawed => None,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace { instance, release, attempt, .. } => {
                write!(f, "{instance}: attempt {attempt} to replace it by {release}")
            }
            Self::Abandon { instance, .. } => write!(f, "{instance}: the attempt is stopped"),
            Self::Failed { instance, attempt, why, .. } => {
                write!(f, "{instance}: attempt {attempt} failed, {why}")
            }
            Self::Reconciled { instance, release, .. } => write!(f, "{instance}: runs {release}"),
            Self::GaveUp { instance, attempts, why, .. } => {
                write!(f, "{instance}: given up after attempt {attempts}, {why}")
            }
            Self::Refused { instance, release } => {
                write!(f, "{instance}: not replaced, as {release} is barred")
            }
            Self::Frozen => f.write_str("frozen by hand"),
            Self::Thawed => f.write_str("thawed by hand"),
        }
    }
}
