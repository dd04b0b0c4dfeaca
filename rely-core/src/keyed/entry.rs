use core::fmt;
use core::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Instant;

pub(super) struct Node<K, V> {
    /// Absent in the shared overflow entry.
    pub(super) key: Option<K>,
    pub(super) value: V,
    /// The last look-up, to a grain.
    used: AtomicU64,
}

impl<K, V> Node<K, V> {
    pub(super) const fn new(key: Option<K>, value: V, now: Instant) -> Self {
        Self { key, value, used: AtomicU64::new(now.as_nanos()) }
    }

    /// Notes a look-up, unless the note that is there is no more than a grain off: most look-ups
    /// leave the cache line as it is.
    pub(super) fn touch(&self, now: Instant, grain: u64) {
        let now = now.as_nanos();
        if self.used.load(Relaxed).abs_diff(now) > grain {
            self.used.store(now, Relaxed);
        }
    }

    pub(super) fn used(&self) -> Instant {
        Instant::from_nanos(self.used.load(Relaxed))
    }
}

/// A value in use: as long as an entry is held, its key is not evicted.
///
/// It derefs to the value; its own functions are associated, so that they hide none of the value's.
pub struct Entry<K, V>(pub(super) Arc<Node<K, V>>);

impl<K, V> Entry<K, V> {
    /// The key, or nothing for the entry that all overflowing keys share.
    #[must_use]
    pub fn key(entry: &Self) -> Option<&K> {
        entry.0.key.as_ref()
    }

    /// Whether this is the entry that all overflowing keys share.
    #[must_use]
    pub fn is_overflow(entry: &Self) -> bool {
        entry.0.key.is_none()
    }

    /// Whether both hold the same value, not an equal one.
    #[must_use]
    pub fn same(one: &Self, other: &Self) -> bool {
        Arc::ptr_eq(&one.0, &other.0)
    }
}

impl<K, V> Deref for Entry<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0.value
    }
}

impl<K, V> Clone for Entry<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Entry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.0.key).field("value", &self.0.value).finish()
    }
}

/// A registry is at its capacity and nothing in it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Full {
    /// How many entries there can be.
    pub capacity: usize,
    /// How many of them were in use or busy when all were last looked at.
    pub busy: usize,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capacity, busy } = self;
        write!(f, "registry is full: {capacity} entries, {busy} of them busy, none idle")
    }
}

impl std::error::Error for Full {}
