use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

use rely_core::Instant;

use crate::{Digest, Release};

/// What a release has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Standing {
    /// Nothing yet.
    Candidate,
    /// It passed all steps, has every call, and is still watched.
    Baking {
        /// Since when.
        since: Instant,
    },
    /// It stood its bake, or was adopted by hand: good enough to go back to.
    Good {
        /// Since when.
        since: Instant,
    },
    /// It was judged bad and taken back.
    Bad {
        /// When.
        at: Instant,
        /// Why.
        because: Cow<'static, str>,
    },
    /// Somebody set it aside.
    Quarantined {
        /// When.
        at: Instant,
        /// Why.
        because: Cow<'static, str>,
    },
}

impl Standing {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Baking { .. } => "baking",
            Self::Good { .. } => "good",
            Self::Bad { .. } => "bad",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    /// Whether it may not run anywhere: bad or quarantined.
    #[must_use]
    pub const fn is_barred(&self) -> bool {
        matches!(self, Self::Bad { .. } | Self::Quarantined { .. })
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Bad { because, .. } | Self::Quarantined { because, .. } => {
                write!(f, " ({because})")
            }
            Self::Candidate | Self::Baking { .. } | Self::Good { .. } => Ok(()),
        }
    }
}

/// A release and its standing.
#[derive(Clone, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Record {
    /// The release.
    pub release: Release,
    /// What it has proven.
    pub standing: Standing,
    /// The number of the entry that gave it this standing.
    pub changed: u64,
}

/// A change of standing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Entry {
    /// Its number in the ledger, counted from one without gaps.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// Which release.
    pub digest: Digest,
    /// What people call it.
    pub name: Arc<str>,
    /// The standing before; nothing if it was not known.
    pub from: Option<Standing>,
    /// The standing from now on.
    pub to: Standing,
    /// Why.
    pub why: Cow<'static, str>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.as_ref().map_or("unknown", Standing::as_str);
        let (name, digest, to) = (&self.name, self.digest.short(), self.to.as_str());
        write!(f, "{name} ({digest}) {from} to {to}: {}", self.why)
    }
}
