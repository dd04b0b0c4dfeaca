use core::borrow::Borrow;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use hashbrown::HashTable;

use super::Counts;
use super::entry::{Entry, Node};
use crate::Instant;

pub(super) type Busy<V> = Box<dyn Fn(&V) -> bool + Send + Sync>;

/// When an entry may go.
pub(super) struct Rules<V> {
    /// Nanoseconds without a look-up, the grain included.
    pub(super) idle: u64,
    /// How many nanoseconds the note of the last look-up may be off.
    pub(super) grain: u64,
    pub(super) busy: Option<Busy<V>>,
}

/// What a look at some entries found. It keeps the evicted ones, to be dropped unlocked, and counts
/// them before that, whatever else goes wrong.
pub(super) struct Scan<'a, K, V> {
    pub(super) gone: Vec<Arc<Node<K, V>>>,
    /// Entries that stay because they are in use or busy.
    pub(super) pinned: usize,
    counts: &'a Counts,
}

impl<'a, K, V> Scan<'a, K, V> {
    pub(super) const fn new(counts: &'a Counts) -> Self {
        Self { gone: Vec::new(), pinned: 0, counts }
    }
}

impl<K, V> Drop for Scan<'_, K, V> {
    fn drop(&mut self) {
        let gone = self.gone.len();
        if gone > 0 {
            self.counts.len.fetch_sub(gone, Relaxed);
            self.counts.evicted.fetch_add(gone as u64, Relaxed);
        }
    }
}

// Two lines, because processors fetch them in pairs.
#[repr(align(128))]
pub(super) struct Shard<K, V> {
    table: RwLock<Table<K, V>>,
}

struct Table<K, V> {
    slots: HashTable<Slot<K, V>>,
    /// The bucket at which [`Shard::step`] goes on.
    hand: usize,
}

struct Slot<K, V> {
    hash: u64,
    node: Arc<Node<K, V>>,
}

impl<K, V> Default for Shard<K, V> {
    fn default() -> Self {
        Self { table: RwLock::new(Table { slots: HashTable::new(), hand: 0 }) }
    }
}

impl<K, V> Shard<K, V> {
    // No holder can leave the table half changed: what may panic runs before each change.
    fn write(&self) -> RwLockWriteGuard<'_, Table<K, V>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find<Q>(&self, hash: u64, key: &Q) -> Option<Arc<Node<K, V>>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.read(hash, key, Arc::clone)
    }

    #[inline]
    pub(super) fn read<Q, R>(
        &self,
        hash: u64,
        key: &Q,
        read: impl FnOnce(&Arc<Node<K, V>>) -> R,
    ) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.slots.find(hash, |slot| slot.is(hash, key)).map(|slot| read(&slot.node))
    }

    /// Inserts `node` unless the key is there already, in which case its node is returned.
    pub(super) fn insert<Q>(
        &self,
        hash: u64,
        key: &Q,
        node: &Arc<Node<K, V>>,
        now: Instant,
        rules: &Rules<V>,
        scan: &mut Scan<'_, K, V>,
    ) -> Option<Arc<Node<K, V>>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut table = self.write();
        if let Some(first) = table.slots.find(hash, |slot| slot.is(hash, key)) {
            first.node.touch(now, rules.grain);
            return Some(Arc::clone(&first.node));
        }
        table.step(super::STEP, now, rules, scan);
        table.slots.insert_unique(hash, Slot { hash, node: Arc::clone(node) }, |slot| slot.hash);
        None
    }

    pub(super) fn remove<Q>(&self, hash: u64, key: &Q) -> Option<Arc<Node<K, V>>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut table = self.write();
        let slot = table.slots.find_entry(hash, |slot| slot.is(hash, key)).ok()?;
        Some(slot.remove().0.node)
    }

    /// Removes the node wherever it is; it need not be there.
    pub(super) fn remove_node(&self, hash: u64, node: &Arc<Node<K, V>>) -> bool {
        let mut table = self.write();
        let found = table.slots.find_entry(hash, |slot| Arc::ptr_eq(&slot.node, node));
        // The caller's node keeps the value from being dropped here.
        found.map(|slot| drop(slot.remove())).is_ok()
    }

    /// All entries with their hashes.
    pub(super) fn entries(&self) -> Vec<(u64, Entry<K, V>)> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.slots.iter().map(|slot| (slot.hash, Entry(Arc::clone(&slot.node)))).collect()
    }

    /// Looks at the next few buckets from where the last step ended, round and round.
    pub(super) fn step(
        &self,
        buckets: usize,
        now: Instant,
        rules: &Rules<V>,
        scan: &mut Scan<'_, K, V>,
    ) {
        self.write().step(buckets, now, rules, scan);
    }

    /// Looks at the next few buckets from `at` on, which it moves; false once there are no more.
    pub(super) fn scan_from(
        &self,
        at: &mut usize,
        buckets: usize,
        now: Instant,
        rules: &Rules<V>,
        scan: &mut Scan<'_, K, V>,
    ) -> bool {
        let mut table = self.write();
        let end = table.slots.num_buckets().min(*at + buckets);
        while *at < end {
            table.look(*at, now, rules, scan);
            *at += 1;
        }
        end < table.slots.num_buckets()
    }

    /// How many entries the memory is for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.write().slots.capacity()
    }

    /// Gives memory back once most of the table is empty.
    pub(super) fn shrink(&self) {
        let mut table = self.write();
        let (len, capacity) = (table.slots.len(), table.slots.capacity());
        if capacity > 64 && len < capacity / 8 {
            table.slots.shrink_to(len * 2, |slot| slot.hash);
        }
    }
}

impl<K, V> Table<K, V> {
    fn step(&mut self, buckets: usize, now: Instant, rules: &Rules<V>, scan: &mut Scan<'_, K, V>) {
        let all = self.slots.num_buckets();
        for _ in 0..buckets.min(all) {
            self.hand = if self.hand + 1 < all { self.hand + 1 } else { 0 };
            self.look(self.hand, now, rules, scan);
        }
    }

    fn look(&mut self, bucket: usize, now: Instant, rules: &Rules<V>, scan: &mut Scan<'_, K, V>) {
        let Ok(mut slot) = self.slots.get_bucket_entry(bucket) else { return };
        match rules.fate(&mut slot.get_mut().node, now) {
            Fate::Stays => {}
            Fate::Pinned => scan.pinned += 1,
            Fate::Goes => scan.gone.push(slot.remove().0.node),
        }
    }
}

impl<K, V> Slot<K, V> {
    fn is<Q>(&self, hash: u64, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        self.hash == hash && self.node.key.as_ref().is_some_and(|own| own.borrow() == key)
    }
}

enum Fate {
    Stays,
    Pinned,
    Goes,
}

impl<V> Rules<V> {
    fn fate<K>(&self, node: &mut Arc<Node<K, V>>, now: Instant) -> Fate {
        // Looked up in the future: the clock jumped back, and the idle time begins again.
        if node.used() > now {
            node.touch(now, self.grain);
        }
        // Whoever gets the only reference sees all that earlier holders did to the value; and with
        // the table locked nobody can take another.
        let Some(node) = Arc::get_mut(node) else { return Fate::Pinned };
        if (now - node.used()).as_nanos() < u128::from(self.idle) {
            return Fate::Stays;
        }
        if self.busy.as_ref().is_some_and(|busy| busy(&node.value)) {
            return Fate::Pinned;
        }
        Fate::Goes
    }
}
