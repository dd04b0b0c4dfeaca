use core::fmt;
use core::num::NonZeroUsize;
use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use rely_core::event::Wakes;
use rely_core::{Clock, Events, Instant, Subscriber};

use super::{Change, Entry, Ledger, Record, Standing};
use crate::sync::lock;
use crate::{Digest, Release};

/// The ledger of a service's releases: a cheap-clone handle, every clone of which is the same one.
///
/// [`Rollout`](crate::Rollout)s write it by what they find out, people by hand. The
/// [module](crate::ledger) says which change is allowed when.
///
/// ```
/// use rely_core::Clock;
/// use rely_rollout::{Release, Releases, Standing};
///
/// let (clock, _) = Clock::manual();
/// let releases = Releases::new(clock);
/// let v1 = Release::builder("v1").code("orders 1.0.0").build()?;
/// let v2 = Release::builder("v2").code("orders 1.1.0").build()?;
/// for release in [&v1, &v2] {
///     releases.adopt(release, "ran for a year").expect("nothing is known against it");
/// }
///
/// releases.quarantine(&v2.digest(), "a hole in its parser").expect("it is known");
/// assert!(matches!(releases.standing(&v2.digest()), Some(Standing::Quarantined { .. })));
/// assert_eq!(releases.last_known_good(releases.schema()), Some(v1));
/// assert!(releases.candidate(&v2, "again").is_err());
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Releases(Arc<Shared>);

struct Shared {
    clock: Clock,
    ledger: Mutex<Ledger>,
    events: Events<Entry>,
}

type Why = Cow<'static, str>;

impl Releases {
    /// A ledger without releases.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::restore(Ledger::new(), clock)
    }

    /// Goes on with a ledger that was kept.
    #[must_use]
    pub fn restore(ledger: Ledger, clock: Clock) -> Self {
        Self(Arc::new(Shared { clock, ledger: Mutex::new(ledger), events: Events::new() }))
    }

    /// The ledger as it is, to be kept.
    #[must_use]
    pub fn snapshot(&self) -> Ledger {
        self.read(Ledger::clone)
    }

    /// Takes a release for good without a rollout: the first one, or one that was proven elsewhere.
    ///
    /// # Errors
    /// If it is baking, bad or quarantined, or the ledger is full.
    pub fn adopt(&self, release: &Release, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.adopt(release, why, now))
    }

    /// Makes a release known that is to be rolled out; a rollout does so by itself.
    ///
    /// # Errors
    /// If it is bad or quarantined, or the ledger is full.
    pub fn candidate(&self, release: &Release, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.candidate(release, why, now))
    }

    /// A candidate has every call and is still watched; a rollout says so by itself.
    ///
    /// # Errors
    /// If it is not known, bad or quarantined.
    pub fn bake(&self, digest: &Digest, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.bake(digest, why, now))
    }

    /// A baking release has stood its bake, or a good one was proven anew; a rollout says so by itself.
    ///
    /// # Errors
    /// If it is not known, or neither baking nor good.
    pub fn good(&self, digest: &Digest, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.good(digest, why, now))
    }

    /// A release has proven bad; no rollout and no reconciler takes it from now on, and a rollout
    /// under way takes it back.
    ///
    /// # Errors
    /// If it is not known.
    pub fn bad(&self, digest: &Digest, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.bad(digest, why, now))
    }

    /// Sets a release aside, whatever it has proven; otherwise as [`Releases::bad`].
    ///
    /// # Errors
    /// If it is not known.
    pub fn quarantine(&self, digest: &Digest, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.quarantine(digest, why, now))
    }

    /// Makes a bad or quarantined release a candidate again: by hand alone, with a reason.
    ///
    /// # Errors
    /// If it is not known, or neither bad nor quarantined.
    pub fn pardon(&self, digest: &Digest, why: impl Into<Why>) -> Change {
        self.change(|ledger, now| ledger.pardon(digest, why, now))
    }

    /// Says which schema version the data has from now on.
    pub fn set_schema(&self, version: u32) {
        lock(&self.0.ledger).set_schema(version);
    }

    /// The schema version of today's data, 0 at first.
    #[must_use]
    pub fn schema(&self) -> u32 {
        self.read(Ledger::schema)
    }

    /// The standing of a release, if it is known.
    #[must_use]
    pub fn standing(&self, digest: &Digest) -> Option<Standing> {
        self.read(|ledger| ledger.standing(digest).cloned())
    }

    /// What is known about a release.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Record> {
        self.read(|ledger| ledger.get(digest).cloned())
    }

    /// The release to go back to: of the good ones that read data of this schema version, the one
    /// that became good last. Never merely the previous one.
    #[must_use]
    pub fn last_known_good(&self, schema: u32) -> Option<Release> {
        self.read(|ledger| ledger.last_known_good(schema).cloned())
    }

    /// What changed, oldest first; the newest thousand changes.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.read(|ledger| ledger.entries().cloned().collect())
    }

    /// Every later change, up to `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Entry> {
        self.0.events.subscribe(capacity)
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&lock(&self.0.ledger))
    }

    /// Changes the ledger at several places, for callers with a lock of their own: the wakes are
    /// for after it.
    pub(crate) fn write(&self, write: impl FnOnce(&mut Ledger) -> Vec<Entry>) -> Vec<Wakes<Entry>> {
        let mut ledger = lock(&self.0.ledger);
        let entries = write(&mut ledger);
        entries.into_iter().map(|entry| self.0.events.push_with(|| entry)).collect()
    }

    fn change(&self, change: impl FnOnce(&mut Ledger, Instant) -> Change) -> Change {
        let now = self.0.clock.now();
        let mut ledger = lock(&self.0.ledger);
        let entry = change(&mut ledger, now)?;
        let wakes = entry.as_ref().map(|entry| self.0.events.push_with(|| entry.clone()));
        drop(ledger);
        if let Some(wakes) = wakes {
            wakes.wake();
        }
        Ok(entry)
    }
}

impl fmt::Debug for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Releases").field(&self.snapshot()).finish()
    }
}
