use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;

const CAPACITY: usize = 6;
const IDLE: u64 = 640;
const GRAIN: u64 = 10;
const PASS_EVERY: u64 = 40;

#[derive(Clone, Debug)]
enum Op {
    Advance(u64),
    Get(u8),
    Insert(u8),
    Hold(u8),
    Release(prop::sample::Index),
    SetBusy(u8, bool),
    Remove(u8),
    Retain(u8),
    Sweep,
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..12_u8;
    prop_oneof![
        4 => prop_oneof![0..30_u64, 0..1_000_u64].prop_map(Op::Advance),
        3 => key().prop_map(Op::Get),
        6 => key().prop_map(Op::Insert),
        1 => key().prop_map(Op::Hold),
        2 => any::<prop::sample::Index>().prop_map(Op::Release),
        2 => (key(), any::<bool>()).prop_map(|(key, busy)| Op::SetBusy(key, busy)),
        1 => key().prop_map(Op::Remove),
        1 => (2..9_u8).prop_map(Op::Retain),
        2 => Just(Op::Sweep),
    ]
}

struct Value {
    id: u64,
    busy: AtomicBool,
}

/// What a naive registry knows of an entry: everything, exactly.
struct Known {
    id: u64,
    busy: bool,
    looked_up: u64,
    /// When it was last in use or busy.
    pinned: u64,
}

struct World {
    registry: Keyed<u8, Value>,
    model: HashMap<u8, Known>,
    held: Vec<Entry<u8, Value>>,
    now: u64,
    ids: u64,
}

impl World {
    fn at(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    fn is_pinned(&self, known: &Known) -> bool {
        known.busy || self.held.iter().any(|entry| entry.id == known.id)
    }

    fn note_pinned(&mut self) {
        let now = self.now;
        let held: Vec<_> = self.held.iter().map(|entry| entry.id).collect();
        for known in self.model.values_mut() {
            if known.busy || held.contains(&known.id) {
                known.pinned = now;
            }
        }
    }

    /// Follows what the registry evicted by itself, and checks that it was allowed to.
    fn follow_evictions(&mut self) {
        let there: HashMap<u8, u64> = self
            .registry
            .snapshot()
            .iter()
            .map(|entry| (Entry::key(entry).copied().unwrap(), entry.id))
            .collect();
        assert_eq!(there.len(), self.registry.len());
        assert!(there.len() <= CAPACITY);
        for (key, id) in &there {
            assert_eq!(self.model.get(key).map(|known| known.id), Some(*id), "key {key}");
        }
        let gone: Vec<_> =
            self.model.keys().copied().filter(|key| !there.contains_key(key)).collect();
        for key in gone {
            let known = self.model.remove(&key).unwrap();
            assert!(!self.is_pinned(&known), "{key} was pinned");
            assert!(self.now - known.looked_up >= IDLE, "{key} was not idle");
        }
    }

    /// Whether an entry should have been found by a pass at any time in the last while.
    fn must_go(&self, known: &Known, since: u64) -> bool {
        !self.is_pinned(known)
            && self.now >= known.pinned + since
            && self.now >= known.looked_up + IDLE + 2 * GRAIN + since
    }

    fn insert(&mut self, key: u8) -> Option<Entry<u8, Value>> {
        let id = self.ids;
        let make = || Value { id, busy: AtomicBool::new(false) };
        let result = self.registry.get_or_insert_with(&key, self.at(), make);
        match &result {
            Ok(entry) if entry.id == id => {
                self.ids += 1;
                let (looked_up, pinned) = (self.now, self.now);
                if let Some(old) =
                    self.model.insert(key, Known { id, busy: false, looked_up, pinned })
                {
                    assert!(!self.is_pinned(&old), "a second value for {key}");
                    assert!(self.now - old.looked_up >= IDLE, "a second value for {key}");
                }
            }
            Ok(entry) => {
                let known = self.model.get_mut(&key).unwrap();
                assert_eq!(known.id, entry.id);
                known.looked_up = self.now;
            }
            Err(full) => {
                assert_eq!(full.capacity, CAPACITY);
                assert!(!self.model.contains_key(&key));
                self.follow_evictions();
                assert_eq!(self.model.len(), CAPACITY);
                let overdue = self.model.values().any(|known| self.must_go(known, PASS_EVERY));
                assert!(!overdue, "refused although there was an idle entry");
            }
        }
        result.ok()
    }

    fn run(&mut self, op: &Op) {
        match *op {
            Op::Advance(nanos) => self.now += nanos,
            Op::Get(key) => {
                let found = self.registry.get(&key, self.at()).map(|entry| entry.id);
                assert_eq!(found, self.model.get(&key).map(|known| known.id));
                if let Some(known) = self.model.get_mut(&key) {
                    known.looked_up = self.now;
                }
            }
            Op::Insert(key) => drop(self.insert(key)),
            Op::Hold(key) => {
                let entry = self.insert(key);
                self.held.extend(entry);
            }
            Op::Release(ref which) => {
                if !self.held.is_empty() {
                    self.held.swap_remove(which.index(self.held.len()));
                }
            }
            Op::SetBusy(key, busy) => {
                if let Some(entry) = self.registry.get(&key, self.at()) {
                    entry.busy.store(busy, Relaxed);
                    let known = self.model.get_mut(&key).unwrap();
                    (known.busy, known.looked_up) = (busy, self.now);
                }
            }
            Op::Remove(key) => {
                let removed = self.registry.remove(&key).map(|entry| entry.id);
                assert_eq!(removed, self.model.remove(&key).map(|known| known.id));
            }
            Op::Retain(modulus) => {
                self.registry.retain(|key, _| key % modulus != 0);
                self.model.retain(|key, _| key % modulus != 0);
            }
            Op::Sweep => {
                let before = self.registry.len();
                let evicted = self.registry.sweep(self.at());
                assert_eq!(self.registry.len(), before - evicted);
                self.follow_evictions();
                assert!(!self.model.values().any(|known| self.must_go(known, 0)));
            }
        }
        self.follow_evictions();
        self.note_pinned();
    }
}

proptest! {
    #[test]
    fn it_does_what_a_naive_registry_does(
        ops in prop::collection::vec(op(), 1..200),
        shards in prop::sample::select(vec![1_usize, 4]),
    ) {
        let registry = Keyed::builder()
            .capacity(CAPACITY)
            .shards(shards)
            .idle(Duration::from_nanos(IDLE))
            .busy(|value: &Value| value.busy.load(Relaxed))
            .build()
            .unwrap();
        let mut world =
            World { registry, model: HashMap::new(), held: Vec::new(), now: 0, ids: 0 };
        for op in &ops {
            world.run(op);
        }
        world.held.clear();
        world.registry.retain(|_, _| false);
        prop_assert!(world.registry.is_empty());
    }
}
