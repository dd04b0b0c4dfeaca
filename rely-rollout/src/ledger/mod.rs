//! Which releases there are and what each has proven: the ground on which a rollout goes back.
//!
//! A [`Ledger`] is plain data: every change takes its instant and leaves an [`Entry`]. [`Releases`]
//! is the handle that rollouts, drift checks and reconcilers share.
//!
//! | from \ to | candidate | baking | good | bad | quarantined |
//! |---|---|---|---|---|---|
//! | unknown | `candidate` | | `adopt` | | |
//! | candidate | | `bake` | `adopt` | `bad` | `quarantine` |
//! | baking | | | `good` | `bad` | `quarantine` |
//! | good | | | `good` | `bad` | `quarantine` |
//! | bad | `pardon` | | | | `quarantine` |
//! | quarantined | `pardon` | | | | |
//!
//! Everything else is refused with [`LedgerError::NotAllowed`]. What asks for a standing that a
//! release has already, or for less than it has earned (a good one as a candidate), changes nothing.

mod error;
mod releases;
mod standing;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rely_core::Instant;

pub use self::error::LedgerError;
pub use self::releases::Releases;
pub use self::standing::{Entry, Record, Standing};
use crate::{Digest, Release};

const MOST_RELEASES: usize = 1000;
const KEPT_ENTRIES: usize = 1000;

/// The releases and their standings as plain data. See the [module's documentation](self).
///
/// It holds up to a thousand releases. When another one comes, the candidate that changed longest ago
/// is forgotten, or, where there is none, the good one, but neither the newest good one nor the last
/// known good one. Bad and quarantined ones are never forgotten.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    records: HashMap<Digest, Record>,
    entries: VecDeque<Entry>,
    number: u64,
    schema: u32,
    latest: Instant,
}

type Why = Cow<'static, str>;

impl Ledger {
    /// A ledger without releases, for data of schema version 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a release for good without a rollout: the first one, or one that was proven elsewhere.
    ///
    /// # Errors
    /// If it is baking, bad or quarantined, or the ledger is full.
    pub fn adopt(&mut self, release: &Release, why: impl Into<Why>, now: Instant) -> Change {
        let since = self.tick(now);
        match self.standing(&release.digest()) {
            Some(Standing::Good { .. }) => Ok(None),
            None | Some(Standing::Candidate) => {
                self.enter(release)?;
                self.write(&release.digest(), Standing::Good { since }, why.into()).map(Some)
            }
            Some(from) => Err(LedgerError::not_allowed(release, from, "adopted")),
        }
    }

    /// Makes a release known that is to be rolled out.
    ///
    /// # Errors
    /// If it is bad or quarantined, or the ledger is full.
    pub fn candidate(&mut self, release: &Release, why: impl Into<Why>, now: Instant) -> Change {
        self.tick(now);
        match self.standing(&release.digest()) {
            None => {
                self.enter(release)?;
                self.write(&release.digest(), Standing::Candidate, why.into()).map(Some)
            }
            Some(from) if from.is_barred() => {
                Err(LedgerError::not_allowed(release, from, "a candidate"))
            }
            Some(_) => Ok(None),
        }
    }

    /// A candidate has every call and is still watched.
    ///
    /// # Errors
    /// If it is not known, bad or quarantined.
    pub fn bake(&mut self, digest: &Digest, why: impl Into<Why>, now: Instant) -> Change {
        let since = self.tick(now);
        let record = self.known(digest)?;
        match &record.standing {
            Standing::Candidate => {
                self.write(digest, Standing::Baking { since }, why.into()).map(Some)
            }
            from if from.is_barred() => {
                Err(LedgerError::not_allowed(&record.release, from, "baking"))
            }
            _ => Ok(None),
        }
    }

    /// A baking release has stood its bake, or a good one has been rolled out and proven anew, which
    /// makes it the newest.
    ///
    /// # Errors
    /// If it is not known, or neither baking nor good.
    pub fn good(&mut self, digest: &Digest, why: impl Into<Why>, now: Instant) -> Change {
        let since = self.tick(now);
        let record = self.known(digest)?;
        match record.standing {
            Standing::Baking { .. } => {
                self.write(digest, Standing::Good { since }, why.into()).map(Some)
            }
            Standing::Good { since } => {
                self.write(digest, Standing::Good { since }, why.into()).map(Some)
            }
            ref from => Err(LedgerError::not_allowed(&record.release, from, "good")),
        }
    }

    /// A release has proven bad; no rollout and no reconciler takes it from now on.
    ///
    /// # Errors
    /// If it is not known.
    pub fn bad(&mut self, digest: &Digest, why: impl Into<Why>, now: Instant) -> Change {
        let at = self.tick(now);
        if self.known(digest)?.standing.is_barred() {
            return Ok(None);
        }
        let why = why.into();
        self.write(digest, Standing::Bad { at, because: why.clone() }, why).map(Some)
    }

    /// Sets a release aside, whatever it has proven: for a hole that was found in it, for example.
    ///
    /// # Errors
    /// If it is not known.
    pub fn quarantine(&mut self, digest: &Digest, why: impl Into<Why>, now: Instant) -> Change {
        let at = self.tick(now);
        if let Standing::Quarantined { .. } = self.known(digest)?.standing {
            return Ok(None);
        }
        let why = why.into();
        self.write(digest, Standing::Quarantined { at, because: why.clone() }, why).map(Some)
    }

    /// Makes a bad or quarantined release a candidate again: by hand alone, with a reason.
    ///
    /// # Errors
    /// If it is not known, or neither bad nor quarantined.
    pub fn pardon(&mut self, digest: &Digest, why: impl Into<Why>, now: Instant) -> Change {
        self.tick(now);
        let record = self.known(digest)?;
        if !record.standing.is_barred() {
            return Err(LedgerError::not_allowed(&record.release, &record.standing, "pardoned"));
        }
        self.write(digest, Standing::Candidate, why.into()).map(Some)
    }

    /// Says which schema version the data has from now on.
    pub const fn set_schema(&mut self, version: u32) {
        self.schema = version;
    }

    /// The schema version of today's data, 0 at first.
    #[must_use]
    pub const fn schema(&self) -> u32 {
        self.schema
    }

    /// The standing of a release, if it is known.
    #[must_use]
    pub fn standing(&self, digest: &Digest) -> Option<&Standing> {
        self.records.get(digest).map(|record| &record.standing)
    }

    /// What is known about a release.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<&Record> {
        self.records.get(digest)
    }

    /// All releases, in no order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// The release to go back to: of the good ones that read data of this schema version, the one
    /// that proved good last. Never merely the previous one.
    #[must_use]
    pub fn last_known_good(&self, schema: u32) -> Option<&Release> {
        self.good_except(schema, None)
    }

    /// The release to go back to from `candidate`.
    pub(crate) fn good_except(&self, schema: u32, candidate: Option<&Digest>) -> Option<&Release> {
        let good = self.records.values().filter(|record| {
            matches!(record.standing, Standing::Good { .. })
                && record.release.reads(schema)
                && candidate != Some(&record.release.digest())
        });
        good.max_by_key(|record| record.changed).map(|record| &record.release)
    }

    /// What changed, oldest first; the newest thousand changes.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Time as the ledger sees it: it never goes back.
    fn tick(&mut self, now: Instant) -> Instant {
        self.latest = self.latest.max(now);
        self.latest
    }

    fn known(&self, digest: &Digest) -> Result<&Record, LedgerError> {
        self.records.get(digest).ok_or(LedgerError::Unknown { digest: *digest })
    }

    /// Makes room for a release that is not known yet; its standing is written next.
    fn enter(&mut self, release: &Release) -> Result<(), LedgerError> {
        if self.records.contains_key(&release.digest()) {
            return Ok(());
        }
        if self.records.len() >= MOST_RELEASES {
            let kept = [self.last_known_good(self.schema), self.newest_good()];
            let kept = kept.map(|release| release.map(Release::digest));
            let candidates = self.records.values().filter(|record| {
                matches!(record.standing, Standing::Candidate | Standing::Good { .. })
                    && !kept.contains(&Some(record.release.digest()))
            });
            let oldest = candidates.min_by_key(|record| {
                (matches!(record.standing, Standing::Good { .. }), record.changed)
            });
            let oldest = oldest.map(|record| record.release.digest());
            let oldest = oldest.ok_or(LedgerError::Full { most: MOST_RELEASES })?;
            self.records.remove(&oldest);
        }
        let (release, standing) = (release.clone(), Standing::Candidate);
        self.records.insert(release.digest(), Record { release, standing, changed: 0 });
        Ok(())
    }

    fn newest_good(&self) -> Option<&Release> {
        let good = |record: &&Record| matches!(record.standing, Standing::Good { .. });
        let newest = self.records.values().filter(good).max_by_key(|record| record.changed);
        newest.map(|record| &record.release)
    }

    fn write(&mut self, digest: &Digest, to: Standing, why: Why) -> Result<Entry, LedgerError> {
        let unknown = LedgerError::Unknown { digest: *digest };
        let record = self.records.get_mut(digest).ok_or(unknown)?;
        self.number += 1;
        // A record that was entered just now has no earlier change.
        let from = (record.changed > 0).then(|| record.standing.clone());
        record.standing = to.clone();
        record.changed = self.number;
        let name = Arc::from(record.release.name());
        let (number, at, digest) = (self.number, self.latest, *digest);
        let entry = Entry { number, at, digest, name, from, to, why };
        if self.entries.len() == KEPT_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(entry.clone());
        Ok(entry)
    }
}

/// The entry that a change left; nothing if the release had that standing already.
pub type Change = Result<Option<Entry>, LedgerError>;

#[cfg(feature = "serde")]
mod stored;
