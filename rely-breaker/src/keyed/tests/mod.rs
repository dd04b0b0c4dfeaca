mod evict;
mod model;
mod restore;
mod threads;
mod tower;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use rely_core::keyed::KeyedConfig;
use rely_core::{Clock, ManualClock, Refusal, RejectedBy};

use crate::keyed::{Breakers, BreakersBuilder, Overflow};
use crate::{BreakerConfig, OpenBackoff, RejectedReason, State};

const IDLE: Duration = Duration::from_secs(320);
/// When an entry has been idle for certain.
const GONE: Duration = Duration::from_secs(330);
const OPEN: Duration = Duration::from_secs(30);

/// One failure opens, one success of a trial closes.
fn quick() -> BreakerConfig {
    BreakerConfig { minimum_calls: 1, trials: 1, open_for: OPEN, ..BreakerConfig::default() }
}

fn builder() -> (BreakersBuilder<String>, ManualClock) {
    let (clock, manual) = Clock::manual();
    (Breakers::builder("hosts").config(quick()).idle(IDLE).clock(clock), manual)
}

fn hosts() -> (Breakers<String>, ManualClock) {
    let (builder, manual) = builder();
    (builder.build().unwrap(), manual)
}

fn trip(hosts: &Breakers<String>, host: &str) {
    hosts.acquire(host).unwrap().failure();
    assert_eq!(hosts.peek(host).unwrap().state(), State::Open);
}

#[test]
fn one_key_that_fails_leaves_the_others_alone() {
    let (hosts, manual) = hosts();
    trip(&hosts, "db-1");
    let rejected = hosts.acquire("db-1").unwrap_err();
    assert_eq!(rejected.to_string(), "circuit breaker hosts/db-1 is open, retry in 30s");
    hosts.acquire("db-2").unwrap().success();
    assert_eq!(hosts.get("db-2").unwrap().status().counts.total, 1);
    manual.advance(OPEN);
    hosts.acquire("db-1").unwrap().success();
    assert_eq!(hosts.get("db-1").unwrap().state(), State::Closed);
    assert_eq!((hosts.len(), hosts.is_empty(), hosts.stats().inserted), (2, false, 2));
}

#[test]
fn a_handle_is_the_breaker_that_a_look_up_finds() {
    let (hosts, _) = hosts();
    assert!(hosts.peek("db-1").is_none() && hosts.is_empty(), "a look makes none");
    let handle = hosts.get("db-1").unwrap();
    handle.acquire().unwrap().failure();
    assert!(hosts.clone().acquire("db-1").is_err());
    hosts.get("db-1").unwrap().reset();
    assert_eq!(handle.state(), State::Closed);
}

#[test]
fn beyond_the_capacity_keys_share_one_breaker_until_there_is_room() {
    let (builder, manual) = builder();
    let hosts = builder.capacity(2).build().unwrap();
    trip(&hosts, "a");
    trip(&hosts, "b");
    let shared = hosts.shared().unwrap();
    hosts.acquire("c").unwrap().failure();
    assert_eq!(shared.state(), State::Open);
    let rejected = hosts.acquire("d").unwrap_err();
    assert_eq!(rejected.to_string(), "circuit breaker hosts is open, retry in 30s");
    assert!(hosts.peek("c").is_none());
    let stats = hosts.stats();
    assert_eq!((stats.len, stats.overflowed, stats.refused), (2, 2, 0));
    // Their states have ended and nobody has called them since.
    manual.advance(OPEN + GONE);
    let own = hosts.get("c").unwrap();
    assert_eq!((own.name(), own.state()), ("hosts/c", State::Closed));
    hosts.reset_all();
    assert_eq!(shared.state(), State::Closed);
}

#[test]
fn beyond_the_capacity_keys_are_refused_where_that_is_wanted() {
    let (builder, _) = builder();
    let hosts = builder.capacity(1).overflow(Overflow::Refuse).build().unwrap();
    let held = hosts.get("a").unwrap();
    let rejected = hosts.acquire("b").unwrap_err();
    assert_eq!((rejected.reason, rejected.retry_after), (RejectedReason::RegistryFull, None));
    assert_eq!(rejected.to_string(), "circuit breaker hosts has no room for another key");
    assert_eq!(Refusal::find(&rejected), Some(Refusal::new(RejectedBy::Breaker)));
    assert_eq!(hosts.get("b").unwrap_err(), rejected);
    assert!(hosts.shared().is_none() && hosts.acquire("a").is_ok());
    assert_eq!((hosts.stats().refused, hosts.capacity()), (2, 1));
    drop(held);
}

#[test]
fn a_flood_of_new_keys_makes_no_more_breakers_than_there_is_room_for() {
    let made = Arc::new(AtomicUsize::new(0));
    let (builder, _) = builder();
    let hosts = builder
        .capacity(50)
        .configure({
            let made = Arc::clone(&made);
            move |_| {
                made.fetch_add(1, SeqCst);
                None
            }
        })
        .build()
        .unwrap();
    for host in 0..10_000 {
        hosts.acquire(&format!("host-{host}")).unwrap().success();
    }
    assert_eq!((made.load(SeqCst), hosts.len(), hosts.stats().overflowed), (50, 50, 9_950));
    assert_eq!(hosts.shared().unwrap().status().counts.total, 100, "its window");
}

#[test]
fn some_keys_have_a_configuration_of_their_own() {
    let own = BreakerConfig { consecutive_failures: Some(3), minimum_calls: 9, ..quick() };
    let checked = own.clone().checked().unwrap();
    assert_eq!(checked.get(), &own);
    let (builder, _) = builder();
    let hosts = builder.configure(move |host| (host == "lenient").then(|| checked.clone())).build();
    let hosts = hosts.unwrap();
    assert_eq!(*hosts.get("lenient").unwrap().config(), own);
    assert_eq!(*hosts.get("strict").unwrap().config(), quick());
    for failures in 0..3 {
        assert_eq!(hosts.get("lenient").unwrap().state(), State::Closed, "{failures}");
        hosts.acquire("lenient").unwrap().failure();
    }
    assert!(hosts.acquire("lenient").is_err());
}

#[test]
fn configuring_may_use_the_registry_and_a_panic_in_it_leaves_no_trace() {
    type Slot = std::sync::OnceLock<Breakers<String>>;
    let slot = Arc::new(Slot::new());
    let (builder, _) = builder();
    let hosts = builder
        .configure({
            let slot = Arc::downgrade(&slot);
            move |host: &String| match &**host {
                "bad" => panic!("no configuration for it"),
                "child" => {
                    let slot = slot.upgrade()?;
                    slot.get()?.acquire("parent").ok()?.success();
                    None
                }
                _ => None,
            }
        })
        .build()
        .unwrap();
    slot.set(hosts.clone()).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(hosts.get("bad")))).is_err());
    assert!(hosts.is_empty());
    hosts.acquire("child").unwrap().success();
    assert_eq!(hosts.peek("parent").unwrap().status().counts.total, 1);
}

#[test]
fn one_subscriber_sees_the_changes_of_all() {
    let (builder, manual) = builder();
    let hosts = builder.capacity(2).build().unwrap();
    let mut changes = hosts.subscribe(NonZeroUsize::new(16).unwrap());
    let mut next = || {
        let named = changes.try_next()?.into_event()?;
        Some((named.name.to_string(), named.change.to))
    };
    trip(&hosts, "db-1");
    trip(&hosts, "db-2");
    hosts.acquire("db-3").unwrap().failure();
    manual.advance(OPEN);
    hosts.acquire("db-1").unwrap().success();
    for (name, to) in [
        ("hosts/db-1", State::Open),
        ("hosts/db-2", State::Open),
        ("hosts", State::Open),
        ("hosts/db-1", State::HalfOpen),
        ("hosts/db-1", State::Closed),
    ] {
        assert_eq!(next(), Some((name.to_owned(), to)));
    }
    assert_eq!(next(), None);
    // Who has the last handle of a breaker may outlive the registry.
    let held = hosts.get("db-2").unwrap();
    drop(hosts);
    held.reset();
    assert_eq!(next(), Some(("hosts/db-2".to_owned(), State::Closed)));
}

#[test]
fn a_removed_breaker_is_its_holders_and_the_next_is_new() {
    let (hosts, _) = hosts();
    trip(&hosts, "db-1");
    let old = hosts.remove("db-1").unwrap();
    assert!(hosts.remove("db-1").is_none() && hosts.is_empty());
    hosts.acquire("db-1").unwrap().success();
    assert_eq!((old.state(), hosts.get("db-1").unwrap().state()), (State::Open, State::Closed));
}

#[test]
fn all_are_listed_and_reset_at_once() {
    let (hosts, _) = hosts();
    for host in ["a", "b", "c"] {
        trip(&hosts, host);
    }
    let mut all = hosts.snapshot();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let all: Vec<_> = all.iter().map(|(key, breaker)| (&**key, breaker.state())).collect();
    assert_eq!(all, [("a", State::Open), ("b", State::Open), ("c", State::Open)]);
    hosts.reset_all();
    assert!(hosts.snapshot().iter().all(|(_, breaker)| breaker.state() == State::Closed));
}

#[test]
fn each_key_has_chances_of_its_own_from_one_seed() {
    let open_times = |seed| {
        let (builder, manual) = builder();
        let open_backoff = Some(OpenBackoff::default());
        let config = BreakerConfig { open_backoff, ..quick() };
        let hosts = builder.config(config).seed(seed).build().unwrap();
        ["a", "b"].map(|host| {
            hosts.acquire(host).unwrap().failure();
            manual.advance(OPEN);
            hosts.acquire(host).unwrap().failure();
            hosts.acquire(host).unwrap_err().retry_after.unwrap()
        })
    };
    let [a, b] = open_times(7);
    assert_ne!(a, b);
    assert_eq!(open_times(7), [a, b]);
    assert_ne!(open_times(8), [a, b]);
}

#[test]
fn keys_need_not_be_text() {
    let tenants = Breakers::<u64>::builder("tenants").config(quick()).build().unwrap();
    tenants.acquire(&7).unwrap().failure();
    let rejected = tenants.acquire(&7).unwrap_err();
    assert_eq!((&*rejected.name, tenants.acquire(&8).is_ok()), ("tenants/7", true));
}

#[test]
fn what_is_out_of_range_is_refused_by_name() {
    let build = || Breakers::<String>::builder("hosts");
    let none = BreakerConfig { trials: 0, ..BreakerConfig::default() };
    let cases = [
        (build().config(none.clone()), "trials is 0, allowed: 1 to 65535"),
        (build().capacity(0), "capacity is 0, allowed: at least 1"),
        (build().idle(Duration::ZERO), "idle is 0ns, allowed: more than 0ns"),
        (build().shards(3), "shards is 3, allowed: a power of two from 1 to 4096"),
        (
            build().registry(KeyedConfig { capacity: 0, ..KeyedConfig::default() }),
            "capacity is 0, allowed: at least 1",
        ),
    ];
    for (builder, message) in cases {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    }
    assert_eq!(none.checked().unwrap_err().to_string(), "trials is 0, allowed: 1 to 65535");
}

#[test]
fn hits_allocate_nothing_whatever_the_key_is() {
    let hosts = Breakers::<String>::builder("hosts").build().unwrap();
    let tenants = Breakers::<u64>::builder("tenants").build().unwrap();
    let calls = || {
        hosts.acquire("db-1").unwrap().success();
        tenants.acquire(&7).unwrap().success();
        drop((hosts.get("db-1").unwrap(), hosts.peek("db-1")));
    };
    assert!(allocation_counter::measure(calls).count_total > 0, "they are made");
    assert_eq!(allocation_counter::measure(calls).count_total, 0);
}

#[test]
fn what_is_shown_of_a_registry() {
    let (builder, _) = builder();
    let text = format!("{builder:?}");
    assert!(text.contains("\"hosts\"") && text.contains("overflow: Shared"), "{text}");
    let hosts = builder.build().unwrap();
    let text = format!("{hosts:?}");
    assert!(text.starts_with("Breakers { name: \"hosts\"") && hosts.name() == "hosts", "{text}");
}
