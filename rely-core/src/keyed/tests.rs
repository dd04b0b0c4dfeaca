use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Barrier, Weak};

use super::*;

/// A grain of 100 ns.
const IDLE: Duration = Duration::from_nanos(6_400);
const GOES: u64 = 6_500;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn registry<V>(capacity: usize, shards: usize) -> Keyed<u32, V> {
    Keyed::builder().capacity(capacity).shards(shards).idle(IDLE).build().unwrap()
}

#[test]
fn a_key_has_one_value() {
    let registry = Keyed::<String, u32>::builder().build().unwrap();
    assert!(registry.get("a", at(0)).is_none());
    let one = registry.get_or_insert_with("a", at(0), || 1).unwrap();
    let two = registry.get_or_insert_with("a", at(0), || 2).unwrap();
    let other = registry.clone().get_or_insert_with("b", at(0), || 3).unwrap();
    assert_eq!((*one, *two, *other), (1, 1, 3));
    assert!(Entry::same(&one, &two));
    assert!(Entry::same(&one, &registry.get("a", at(0)).unwrap()));
    assert!(!Entry::same(&one, &other));
    assert_eq!((Entry::key(&one).map(|key| &**key), Entry::is_overflow(&one)), (Some("a"), false));
    assert_eq!((registry.len(), registry.is_empty(), registry.capacity()), (2, false, 10_000));
    assert_eq!(registry.stats().inserted, 2);
    assert_eq!(format!("{one:?}"), "Entry { key: Some(\"a\"), value: 1 }");
    assert!(format!("{registry:?}").contains("capacity: 10000"));
}

#[test]
fn an_entry_goes_after_its_idle_time_and_never_before() {
    // looked up at, swept at, goes
    let table = [
        (0, GOES - 1, false),
        (0, GOES, true),
        (99, 99 + 6_399, false),
        (101, GOES, false),
        (101, 101 + GOES, true),
        (GOES, GOES, false),
    ];
    for (looked_up, swept, goes) in table {
        let registry = registry(10, 2);
        registry.get_or_insert_with(&1, at(0), || ()).unwrap();
        assert!(registry.get(&1, at(looked_up)).is_some());
        assert_eq!(registry.sweep(at(swept)), usize::from(goes), "{looked_up} {swept}");
        assert_eq!(registry.len(), usize::from(!goes));
        assert_eq!(registry.stats().evicted, u64::from(goes));
    }
}

#[test]
fn what_is_in_use_or_busy_stays() {
    let registry = Keyed::<u32, AtomicBool>::builder()
        .idle(IDLE)
        .busy(|open| open.load(SeqCst))
        .build()
        .unwrap();
    let entry = registry.get_or_insert_with(&1, at(0), || AtomicBool::new(true)).unwrap();
    let held = entry.clone();
    drop(entry);
    assert_eq!(registry.sweep(Instant::MAX), 0, "in use");
    drop(held);
    assert_eq!(registry.sweep(Instant::MAX), 0, "busy");
    registry.get(&1, at(0)).unwrap().store(false, SeqCst);
    assert_eq!(registry.sweep(Instant::MAX), 1);
}

#[test]
fn a_full_registry_refuses_and_says_why() {
    let registry = registry(2, 2);
    let _held = registry.get_or_insert_with(&1, at(0), || 1).unwrap();
    registry.get_or_insert_with(&2, at(0), || 2).unwrap();
    let refused = registry.get_or_insert_with(&3, at(0), || panic!("no room to construct"));
    let full = refused.unwrap_err();
    assert_eq!((full.capacity, full.busy), (2, 1));
    assert_eq!(full.to_string(), "registry is full: 2 entries, 1 of them busy, none idle");
    assert_eq!(*registry.get_or_insert_with(&2, at(0), || 5).unwrap(), 2);
    assert_eq!(registry.stats().refused, 1);

    // The idle one makes room, whichever shard it is in.
    assert_eq!(*registry.get_or_insert_with(&4, at(GOES), || 4).unwrap(), 4);
    assert!(registry.get(&2, at(GOES)).is_none());
    assert_eq!((registry.len(), registry.stats().evicted), (2, 1));
}

#[test]
fn overflowing_keys_share_one_value() {
    let registry =
        Keyed::<u32, u32>::builder().capacity(1).overflow(Overflow::Shared(99)).build().unwrap();
    assert_eq!(*registry.get_or_insert_with(&1, at(0), || 1).unwrap(), 1);
    let two = registry.get_or_insert_with(&2, at(0), || 2).unwrap();
    let three = registry.get_or_insert_with(&3, at(0), || 3).unwrap();
    assert_eq!((*two, *three), (99, 99));
    assert!(Entry::same(&two, &three) && Entry::is_overflow(&two));
    assert!(registry.get(&2, at(0)).is_none());
    let stats = registry.stats();
    assert_eq!((stats.len, stats.overflowed, stats.refused), (1, 2, 0));
    assert_eq!(registry.snapshot().len(), 1);
}

#[test]
fn a_flood_at_capacity_looks_at_few_entries() {
    let asked = Arc::new(AtomicUsize::new(0));
    let registry = Keyed::<u32, AtomicBool>::builder()
        .capacity(10_000)
        .shards(4)
        .idle(IDLE)
        .busy({
            let asked = Arc::clone(&asked);
            move |busy| {
                asked.fetch_add(1, SeqCst);
                busy.load(SeqCst)
            }
        })
        .build()
        .unwrap();
    for key in 0..10_000 {
        registry.get_or_insert_with(&key, at(0), || AtomicBool::new(true)).unwrap();
    }
    for key in 10_000..11_000 {
        let full = registry.get_or_insert_with(&key, at(GOES), AtomicBool::default).unwrap_err();
        assert_eq!(full.busy, 10_000);
    }
    assert!(asked.load(SeqCst) <= 10_000 + 1_000 * STEP, "{asked:?}");

    // The next pass finds the one that has become free.
    registry.get(&5_000, at(0)).unwrap().store(false, SeqCst);
    let later = at(GOES + 6_400 / 16);
    registry.get_or_insert_with(&20_000, later, AtomicBool::default).unwrap();
    assert!(registry.get(&5_000, later).is_none());
}

#[test]
fn a_pass_stops_once_there_is_room_enough() {
    let registry = registry(100_000, 1);
    for key in 0..100_000 {
        registry.get_or_insert_with(&key, at(0), || ()).unwrap();
    }
    registry.get_or_insert_with(&100_000, at(GOES), || ()).unwrap();
    let evicted = registry.stats().evicted;
    assert!(evicted >= 1 && evicted <= (CHUNK + 2 * STEP) as u64, "{evicted}");
}

#[test]
fn a_clock_that_jumps_loses_nothing_in_use_and_pins_nothing() {
    let registry = registry(10, 2);
    let held = registry.get_or_insert_with(&1, at(1_000_000), || ()).unwrap();
    registry.get_or_insert_with(&2, at(1_000_000), || ()).unwrap();
    assert_eq!(registry.sweep(at(10)), 0, "back: the idle time begins anew");
    assert_eq!(registry.sweep(at(10 + GOES - 1)), 0);
    assert_eq!(registry.sweep(at(10 + GOES)), 1);
    assert_eq!(registry.sweep(Instant::MAX), 0, "forth");
    assert!(Entry::same(&held, &registry.get(&1, at(5)).unwrap()), "and back again");
    drop(held);
    assert_eq!(registry.sweep(at(10 + GOES)), 1);
}

#[test]
fn a_pass_that_found_nothing_is_repeated_after_the_clock_jumped_back() {
    let registry = registry(1_000, 1);
    for key in 0..1_000 {
        registry.get_or_insert_with(&key, at(1_000_000), || ()).unwrap();
    }
    assert!(registry.get_or_insert_with(&1_000, at(1_000_000), || ()).is_err());
    // This pass begins the idle time of all anew.
    assert!(registry.get_or_insert_with(&1_000, at(0), || ()).is_err());
    assert_eq!(registry.sweep(at(GOES)), 1_000);
}

#[test]
fn a_constructor_may_use_the_registry() {
    let registry = registry(3, 1);
    let outer = registry.get_or_insert_with(&1, at(0), || {
        let inner = registry.get_or_insert_with(&2, at(0), || 20).unwrap();
        registry.sweep(at(0));
        *inner + 1
    });
    assert_eq!(*outer.unwrap(), 21);
    // The same key: whoever is in first stays.
    let outer = registry.get_or_insert_with(&3, at(0), || {
        registry.remove(&1);
        *registry.get_or_insert_with(&3, at(0), || 30).unwrap() + 1
    });
    assert_eq!(*outer.unwrap(), 30);
    assert_eq!(registry.len(), 2);
}

#[test]
fn a_panicking_constructor_leaves_no_trace() {
    let registry = registry(1, 1);
    let panicked =
        catch_unwind(AssertUnwindSafe(|| registry.get_or_insert_with(&1, at(0), || panic!("new"))));
    assert!(panicked.is_err());
    assert!(registry.is_empty());
    assert_eq!(*registry.get_or_insert_with(&1, at(0), || 7).unwrap(), 7);
}

#[test]
fn a_panicking_question_leaves_the_registry_sound() {
    let registry = Keyed::<u32, u32>::builder()
        .capacity(8)
        .shards(1)
        .idle(IDLE)
        .busy(|value| if *value == 3 { panic!("busy") } else { false })
        .build()
        .unwrap();
    for key in 0..8 {
        registry.get_or_insert_with(&key, at(0), || key).unwrap();
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| registry.sweep(at(GOES))));
    assert!(panicked.is_err());
    assert_eq!(registry.snapshot().len(), registry.len());
    let stats = registry.stats();
    assert_eq!(stats.len as u64 + stats.evicted, 8);
    let insert = || registry.get_or_insert_with(&9, at(GOES), || 9).map(drop);
    while catch_unwind(AssertUnwindSafe(insert)).is_err() {}
    assert!(registry.remove(&3).is_some());
    registry.sweep(at(3 * GOES));
    assert!(registry.is_empty());
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct Touchy(u32);

impl Borrow<TouchyRef> for Touchy {
    fn borrow(&self) -> &TouchyRef {
        // A key that cannot be compared with 13.
        if self.0 == 13 { panic!("eq") } else { &TouchyRef }
    }
}

#[derive(PartialEq, Eq)]
struct TouchyRef;

impl Hash for TouchyRef {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        13_u32.hash(state);
    }
}

#[test]
fn a_panicking_comparison_leaves_the_registry_sound() {
    let registry = Keyed::<Touchy, u32>::builder().build().unwrap();
    registry.get_or_insert_with(&Touchy(13), at(0), || 1).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| registry.get(&TouchyRef, at(0)))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| registry.remove(&TouchyRef))).is_err());
    assert_eq!(*registry.get(&Touchy(13), at(0)).unwrap(), 1);
    assert_eq!(*registry.get_or_insert_with(&Touchy(14), at(0), || 2).unwrap(), 2);
    assert_eq!(registry.len(), 2);
}

#[test]
fn a_destructor_may_use_the_registry() {
    struct Replaced(Weak<Inner<u32, Self, RandomState>>);
    impl Drop for Replaced {
        fn drop(&mut self) {
            if let Some(inner) = self.0.upgrade() {
                let registry = Keyed { inner };
                let _ = registry.get_or_insert_with(&77, at(GOES), || Self(Weak::new()));
            }
        }
    }
    let registry = registry(4, 1);
    for key in 0..4 {
        let value = || Replaced(Arc::downgrade(&registry.inner));
        registry.get_or_insert_with(&key, at(0), value).unwrap();
    }
    // At capacity, so that the destructors run while this insertion makes room.
    registry.get_or_insert_with(&5, at(GOES), || Replaced(Weak::new())).unwrap();
    assert!(registry.get(&77, at(GOES)).is_some());
    assert_eq!((registry.len(), registry.stats().evicted), (2, 4));
}

#[test]
fn a_value_is_read_in_place_and_its_idle_time_begins_anew() {
    let registry = registry(10, 2);
    assert_eq!(registry.read(&1, at(0), |value: &u32| *value), None);
    registry.get_or_insert_with(&1, at(0), || 10).unwrap();
    registry.get_or_insert_with(&2, at(0), || 20).unwrap();
    assert_eq!(registry.read(&1, at(GOES - 1), |value| value + 1), Some(11));
    assert_eq!((registry.sweep(at(GOES)), registry.len()), (1, 1));
    let panicked = catch_unwind(AssertUnwindSafe(|| registry.read(&1, at(0), |_| panic!("read"))));
    assert!(panicked.is_err());
    assert_eq!(registry.read(&1, at(0), |value| *value), Some(10));
}

#[test]
fn removal_detaches_what_is_in_use() {
    let registry = registry(10, 2);
    let held = registry.get_or_insert_with(&1, at(0), || 1).unwrap();
    assert!(Entry::same(&held, &registry.remove(&1).unwrap()));
    assert!(registry.remove(&1).is_none());
    assert_eq!(registry.len(), 0);
    assert_eq!(*registry.get_or_insert_with(&1, at(0), || 2).unwrap(), 2);
    assert_eq!(*held, 1);
    assert_eq!(registry.stats().evicted, 0);
}

#[test]
fn a_snapshot_has_all_and_retain_keeps_some() {
    let registry = registry(100, 4);
    for key in 0..50 {
        registry.get_or_insert_with(&key, at(0), || key * 10).unwrap();
    }
    let mut all: Vec<_> =
        registry.snapshot().iter().map(|e| (*Entry::key(e).unwrap(), **e)).collect();
    all.sort_unstable();
    assert_eq!(all, (0..50).map(|key| (key, key * 10)).collect::<Vec<_>>());
    registry.retain(|key, value| {
        assert_eq!(*value, key * 10);
        assert!(registry.get(key, at(0)).is_some(), "the registry may be used");
        key % 2 == 0
    });
    assert_eq!(registry.len(), 25);
    assert!(registry.get(&1, at(0)).is_none() && registry.get(&2, at(0)).is_some());
}

#[cfg(feature = "json")]
#[test]
fn a_configuration_is_written_for_people() {
    let config: KeyedConfig = serde_json::from_str(r#"{"idle": "1h"}"#).unwrap();
    assert_eq!(config, KeyedConfig { idle: Duration::from_secs(3600), ..KeyedConfig::default() });
    let again = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<KeyedConfig>(&again).unwrap(), config);
    assert!(serde_json::from_str::<KeyedConfig>(r#"{"idel": "1h"}"#).is_err());
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let build = || Keyed::<u32, u32>::builder();
    let cases = [
        (build().capacity(0), "capacity is 0, allowed: at least 1"),
        (build().idle(Duration::ZERO), "idle is 0ns, allowed: more than 0ns"),
        (build().shards(0), "shards is 0, allowed: a power of two from 1 to 4096"),
        (build().shards(3), "shards is 3, allowed: a power of two from 1 to 4096"),
        (build().shards(8192), "shards is 8192, allowed: a power of two from 1 to 4096"),
    ];
    for (builder, message) in cases {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
    let extreme = build().capacity(usize::MAX).idle(Duration::MAX).shards(4096).build().unwrap();
    extreme.get_or_insert_with(&1, at(0), || 1).unwrap();
    assert_eq!(extreme.sweep(Instant::MAX - Duration::from_nanos(1)), 0);
    let smallest = build().capacity(1).idle(Duration::from_nanos(1)).build().unwrap();
    assert_eq!(smallest.inner.shards.len(), 1);
    smallest.get_or_insert_with(&1, at(0), || 1).unwrap();
    assert_eq!(smallest.sweep(at(1)), 1);
}

#[test]
fn a_weak_hasher_costs_time_but_nothing_else() {
    #[derive(Clone)]
    struct Constant;
    impl BuildHasher for Constant {
        type Hasher = Self;
        fn build_hasher(&self) -> Self {
            Self
        }
    }
    impl core::hash::Hasher for Constant {
        fn finish(&self) -> u64 {
            u64::MAX
        }
        fn write(&mut self, _: &[u8]) {}
    }
    let registry =
        Keyed::<u32, u32>::builder().hasher(Constant).shards(4096).idle(IDLE).build().unwrap();
    for key in 0..500 {
        registry.get_or_insert_with(&key, at(0), || key).unwrap();
    }
    assert!((0..500).all(|key| *registry.get(&key, at(0)).unwrap() == key));
    assert_eq!(registry.sweep(at(GOES)), 500);
}

#[test]
fn a_million_keys_come_and_go() {
    let keys: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let registry = registry(keys as usize, 16);
    for key in 0..keys {
        registry.get_or_insert_with(&key, at(0), || key).unwrap();
    }
    assert_eq!(registry.len(), keys as usize);
    assert!(registry.get_or_insert_with(&keys, at(0), || 0).is_err());
    assert_eq!(registry.sweep(at(GOES)), keys as usize);
    assert!(registry.is_empty());
    let memory: usize = registry.inner.shards.iter().map(Shard::capacity).sum();
    assert!(memory <= 16 * 64, "room for {memory} is left");
    // Without a sweep, old ones go as new ones come.
    for key in 0..keys {
        registry.get_or_insert_with(&key, at(u64::from(key)), || key).unwrap();
    }
    assert!(registry.len() as u64 <= 3 * GOES, "{}", registry.len());
}

#[test]
fn threads_never_see_two_values_for_one_key() {
    const THREADS: usize = 4;
    const KEYS: u32 = 64;
    let rounds: u64 = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
    // Fewer seats than keys, so that there is always something to evict and to refuse.
    let registry: Keyed<u32, AtomicU64> = registry(48, 4);
    let barrier = Barrier::new(THREADS);
    let work = |thread: u64| {
        barrier.wait();
        let mut draw = thread + 1;
        for round in 0..rounds {
            draw = draw
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let key = (draw >> 40) as u32 % KEYS;
            // Mostly idle already, and not in step with the other threads.
            let now = at(round * GOES / 4 + thread * GOES);
            match draw >> 60 {
                0 => {
                    registry.sweep(now);
                }
                1 => drop(registry.snapshot()),
                _ => {
                    let Ok(one) = registry.get_or_insert_with(&key, now, AtomicU64::default) else {
                        continue;
                    };
                    let before = one.fetch_add(1, Relaxed);
                    let two = registry.get(&key, now).unwrap();
                    assert!(Entry::same(&one, &two), "an entry in use stays");
                    assert_eq!(Entry::key(&two), Some(&key));
                    assert!(two.load(Relaxed) > before);
                }
            }
            assert!(registry.len() <= 48);
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
    let stats = registry.stats();
    assert_eq!(stats.len, registry.snapshot().len());
    assert_eq!(stats.inserted, stats.len as u64 + stats.evicted);
    assert!(stats.evicted > 0);
    registry.sweep(Instant::MAX);
    assert!(registry.is_empty());
}

#[test]
fn all_threads_that_miss_get_the_first_value() {
    for round in 0..200 {
        let registry: Keyed<u32, usize> = registry(4, 1);
        let barrier = Barrier::new(4);
        let entries: Vec<_> = std::thread::scope(|scope| {
            let spawn = |thread: usize| {
                let (registry, barrier) = (&registry, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    registry.get_or_insert_with(&round, at(0), || thread).unwrap()
                })
            };
            let threads: Vec<_> = (0..4).map(spawn).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(entries.iter().all(|entry| Entry::same(entry, &entries[0])));
        assert_eq!((registry.len(), registry.stats().inserted), (1, 1));
    }
}
