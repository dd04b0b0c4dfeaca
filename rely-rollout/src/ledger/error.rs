use crate::ledger::Standing;
use crate::{Digest, Release};

/// A change of standing that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Nobody made the release known.
    #[error("no release {} is known", digest.short())]
    Unknown {
        /// Its digest.
        digest: Digest,
    },
    /// The release's standing does not allow it.
    #[error("{release} is {from} and cannot be {to}")]
    #[non_exhaustive]
    NotAllowed {
        /// The release.
        release: Release,
        /// Its standing.
        from: Standing,
        /// What was asked for.
        to: &'static str,
    },
    /// The ledger holds no more releases, as none of them may be forgotten.
    #[error("the ledger is full with {most} releases of which none may be forgotten")]
    Full {
        /// How many it holds.
        most: usize,
    },
}

impl LedgerError {
    pub(super) fn not_allowed(release: &Release, from: &Standing, to: &'static str) -> Self {
        Self::NotAllowed { release: release.clone(), from: from.clone(), to }
    }
}
