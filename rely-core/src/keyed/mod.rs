//! A bounded registry of values by key: a breaker per host, a meter per tenant.
//!
//! ```
//! use core::time::Duration;
//! use std::sync::atomic::{AtomicBool, Ordering};
//! use rely_core::{Instant, Keyed};
//!
//! #[derive(Default)]
//! struct Breaker { open: AtomicBool }
//!
//! let breakers = Keyed::<String, Breaker>::builder()
//!     .capacity(10_000)
//!     .idle(Duration::from_secs(600))
//!     .busy(|breaker| breaker.open.load(Ordering::Relaxed))
//!     .build()?;
//!
//! let now = Instant::ORIGIN;
//! let breaker = breakers.get_or_insert_with("db-1", now, Breaker::default)?;
//! breaker.open.store(true, Ordering::Relaxed);
//! drop(breaker);
//! breakers.get_or_insert_with("db-2", now, Breaker::default)?;
//!
//! // An hour later the idle one goes and the open one stays.
//! let later = now + Duration::from_secs(3600);
//! assert_eq!(breakers.sweep(later), 1);
//! assert!(breakers.get("db-1", later).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which entries may go
//!
//! An entry is evicted only if all of these hold, judged in one step with its removal:
//!
//! * it was not looked up for the idle time (and at most a thirty-second part more);
//! * nobody holds an [`Entry`] of it;
//! * the `busy` question, if there is one, is answered with no.
//!
//! Nothing runs in the background. Every insertion looks at a few entries of its shard, as the
//! clock algorithm (second chance) does, so that idle entries go as new ones come;
//! [`Keyed::sweep`] looks at all.
//!
//! At capacity an insertion makes a pass over the registry until enough idle entries are gone. A
//! pass that finds nothing is not repeated before a sixteenth of the idle time has passed, nor by
//! two threads at a time, so that a flood of new keys costs little; in between a key may be
//! refused although an entry has just become free to go.
//!
//! # What runs under a lock
//!
//! Constructors and destructors of keys and values run outside of every lock and may use the
//! registry, as may the closure of [`Keyed::retain`]. `Eq` of the key, the `busy` question and the
//! closure of [`Keyed::read`] run under the lock of a shard: they must be quick and must not use the
//! registry. A panic in any of them leaves the registry as it was.

mod builder;
mod config;
mod entry;
mod shard;

use core::borrow::Borrow;
use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, TryLockError};

pub use builder::{KeyedBuilder, Overflow};
pub use config::KeyedConfig;
pub use entry::{Entry, Full};

use self::entry::Node;
use self::shard::{Rules, Scan, Shard};
use crate::Instant;

/// How many buckets an insertion looks at, and how many a sweep does under one hold of a lock.
const STEP: usize = 8;
const CHUNK: usize = 1024;
/// How many evictions end a pass at capacity early.
const ENOUGH: usize = 64;

/// A bounded registry of values by key. Clones share the registry.
///
/// A look-up hashes the key once, takes one read lock of one shard, and writes nothing but that
/// lock and the entry's reference count, unless the entry's idle time has to begin anew. See the
/// [module's documentation](self) for what may go and when.
pub struct Keyed<K, V, S = RandomState> {
    inner: Arc<Inner<K, V, S>>,
}

struct Inner<K, V, S> {
    shards: Box<[Shard<K, V>]>,
    hasher: S,
    rules: Rules<V>,
    capacity: usize,
    overflow: Option<Arc<Node<K, V>>>,
    pass: Mutex<Pass>,
    pass_every: Duration,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    /// Entries, and those that are being made.
    len: AtomicUsize,
    /// How many entries were in use or busy when all were last looked at.
    busy: AtomicUsize,
    inserted: AtomicU64,
    evicted: AtomicU64,
    refused: AtomicU64,
    overflowed: AtomicU64,
}

/// Where the last pass at capacity stopped, and when one that found nothing may be repeated.
#[derive(Default)]
struct Pass {
    shard: usize,
    next: Instant,
}

impl<K, V> Keyed<K, V> {
    /// A builder with the standard library's hasher, which a flood of chosen keys cannot slow down.
    pub fn builder() -> KeyedBuilder<K, V> {
        KeyedBuilder::new()
    }
}

impl<K, V, S> Keyed<K, V, S> {
    /// How many entries there are, those included whose value is being constructed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.counts.len.load(Relaxed)
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries there can be.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.inner.capacity
    }

    /// What has happened so far.
    #[must_use]
    pub fn stats(&self) -> KeyedStats {
        KeyedStats {
            len: self.len(),
            inserted: self.inner.counts.inserted.load(Relaxed),
            evicted: self.inner.counts.evicted.load(Relaxed),
            refused: self.inner.counts.refused.load(Relaxed),
            overflowed: self.inner.counts.overflowed.load(Relaxed),
        }
    }

    /// Evicts every entry that may go, and says how many did.
    ///
    /// Each shard is locked for a thousand buckets at a time. An entry that moves while others are
    /// inserted may be left for the next sweep.
    pub fn sweep(&self, now: Instant) -> usize {
        let inner = &*self.inner;
        let (mut evicted, mut pinned) = (0, 0);
        for shard in &inner.shards {
            let mut at = 0;
            loop {
                let mut scan = Scan::new(&inner.counts);
                let more = shard.scan_from(&mut at, CHUNK, now, &inner.rules, &mut scan);
                pinned += scan.pinned;
                evicted += scan.gone.len();
                if !more {
                    break;
                }
            }
            shard.shrink();
        }
        inner.counts.busy.store(pinned, Relaxed);
        evicted
    }

    /// All entries, in no order. They count as in use until the result is dropped.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Entry<K, V>> {
        let shards = self.inner.shards.iter();
        shards.flat_map(|shard| shard.entries().into_iter().map(|(_, entry)| entry)).collect()
    }

    /// Keeps the entries of which `keep` says so, and removes the others as [`Keyed::remove`] does.
    ///
    /// `keep` sees the entries there are now; those inserted meanwhile stay.
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) {
        let inner = &*self.inner;
        for shard in &inner.shards {
            for (hash, entry) in shard.entries() {
                let goes = Entry::key(&entry).is_some_and(|key| !keep(key, &entry));
                if goes && shard.remove_node(hash, &entry.0) {
                    inner.counts.len.fetch_sub(1, Relaxed);
                }
            }
        }
    }
}

impl<K, V, S> Keyed<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// The entry of `key`, whose idle time begins anew.
    #[must_use]
    pub fn get<Q>(&self, key: &Q, now: Instant) -> Option<Entry<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = &*self.inner;
        let hash = inner.hasher.hash_one(key);
        let node = inner.shard(hash).find(hash, key)?;
        node.touch(now, inner.rules.grain);
        Some(Entry(node))
    }

    /// What `read` makes of the value of `key`, whose idle time begins anew.
    ///
    /// For values that are handles themselves: a clone of one that is taken in `read` saves the count
    /// of an [`Entry`]. It does not keep the entry from going; the `busy` question has to. `read` runs
    /// under the lock of a shard: it must be quick and must not use the registry.
    #[inline]
    pub fn read<Q, R>(&self, key: &Q, now: Instant, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = &*self.inner;
        let hash = inner.hasher.hash_one(key);
        inner.shard(hash).read(hash, key, |node| {
            node.touch(now, inner.rules.grain);
            read(&node.value)
        })
    }

    /// The entry of `key`; if there is none, one with a value from `make` and an owned `key`.
    ///
    /// Of several threads that miss the same key at once each calls `make` and all get the one
    /// entry that came first. `make` is not called if there is no room. It may use the registry.
    ///
    /// # Errors
    ///
    /// The registry is full, nothing in it may go, and [`Overflow::Refuse`] is set.
    pub fn get_or_insert_with<Q>(
        &self,
        key: &Q,
        now: Instant,
        make: impl FnOnce() -> V,
    ) -> Result<Entry<K, V>, Full>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let inner = &*self.inner;
        let hash = inner.hasher.hash_one(key);
        let shard = inner.shard(hash);
        if let Some(node) = shard.find(hash, key) {
            node.touch(now, inner.rules.grain);
            return Ok(Entry(node));
        }
        let Some(seat) = inner.seat(shard, now) else {
            // Somebody else may have inserted it and taken the last seat.
            return shard.find(hash, key).map(Entry).map_or_else(|| inner.overflow(), Ok);
        };
        let node = Arc::new(Node::new(Some(key.to_owned()), make(), now));
        let mut scan = Scan::new(&inner.counts);
        if let Some(first) = shard.insert(hash, key, &node, now, &inner.rules, &mut scan) {
            return Ok(Entry(first));
        }
        seat.keep();
        inner.counts.inserted.fetch_add(1, Relaxed);
        Ok(Entry(node))
    }

    /// Takes the entry of `key` out of the registry, in use or not, and returns it.
    ///
    /// Whoever holds it keeps the old value; the next insertion makes a new one.
    pub fn remove<Q>(&self, key: &Q) -> Option<Entry<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let inner = &*self.inner;
        let hash = inner.hasher.hash_one(key);
        let node = inner.shard(hash).remove(hash, key)?;
        inner.counts.len.fetch_sub(1, Relaxed);
        Some(Entry(node))
    }
}

impl<K, V, S> Inner<K, V, S> {
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        // The table uses the lowest and the highest bits of a hash; these depend on all of them.
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let index = mixed.checked_shr(64 - self.shards.len().ilog2()).unwrap_or(0);
        &self.shards[usize::try_from(index).unwrap_or(0)]
    }

    /// Room for one more entry, made by evicting others if need be.
    fn seat(&self, shard: &Shard<K, V>, now: Instant) -> Option<Seat<'_>> {
        if let Some(seat) = self.free_seat() {
            return Some(seat);
        }
        let mut scan = Scan::new(&self.counts);
        shard.step(STEP, now, &self.rules, &mut scan);
        if scan.gone.is_empty() {
            self.pass(now, &mut scan);
        }
        drop(scan);
        self.free_seat()
    }

    fn free_seat(&self) -> Option<Seat<'_>> {
        let one_more = |len: usize| (len < self.capacity).then_some(len + 1);
        self.counts.len.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        Some(Seat(&self.counts.len))
    }

    /// Looks through all shards until enough entries are gone.
    fn pass(&self, now: Instant, scan: &mut Scan<'_, K, V>) {
        let mut pass = match self.pass.try_lock() {
            Ok(pass) => pass,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        // A `next` that is too far away was set before the clock jumped back.
        if now < pass.next && pass.next - now <= self.pass_every {
            return;
        }
        scan.pinned = 0;
        for _ in 0..self.shards.len() {
            pass.shard = (pass.shard + 1) & (self.shards.len() - 1);
            let mut at = 0;
            while self.shards[pass.shard].scan_from(&mut at, CHUNK, now, &self.rules, scan) {
                if scan.gone.len() >= ENOUGH {
                    return;
                }
            }
            if scan.gone.len() >= ENOUGH {
                return;
            }
        }
        self.counts.busy.store(scan.pinned, Relaxed);
        pass.next = now + self.pass_every;
    }

    fn overflow(&self) -> Result<Entry<K, V>, Full> {
        match &self.overflow {
            Some(shared) => {
                self.counts.overflowed.fetch_add(1, Relaxed);
                Ok(Entry(Arc::clone(shared)))
            }
            None => {
                self.counts.refused.fetch_add(1, Relaxed);
                Err(Full { capacity: self.capacity, busy: self.counts.busy.load(Relaxed) })
            }
        }
    }
}

/// Room for an entry, given back unless it is kept.
struct Seat<'a>(&'a AtomicUsize);

impl Seat<'_> {
    fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What has happened in a [`Keyed`] so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyedStats {
    /// Entries now.
    pub len: usize,
    /// Entries that were inserted.
    pub inserted: u64,
    /// Entries that went because they were idle; removed ones do not count.
    pub evicted: u64,
    /// Insertions that were refused.
    pub refused: u64,
    /// Insertions that got the shared entry.
    pub overflowed: u64,
}

impl<K, V, S> Clone for Keyed<K, V, S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K, V, S> fmt::Debug for Keyed<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed")
            .field("capacity", &self.capacity())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
