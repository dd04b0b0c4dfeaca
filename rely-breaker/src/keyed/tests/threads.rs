use core::time::Duration;
use std::sync::Barrier;

use rely_core::rng::Rng;

use super::{Breakers, GONE, builder, quick};
use crate::{BreakerConfig, OwnedPermit, State};

const THREADS: usize = 4;
const KEYS: u64 = 8;

#[test]
fn there_is_one_breaker_for_each_key_and_no_call_is_lost() {
    let rounds: u64 = if cfg!(debug_assertions) { 2_000 } else { 20_000 };
    let config = BreakerConfig { window: crate::Window::Calls(1_000_000), ..quick() };
    let tenants = Breakers::<u64>::builder("tenants").config(config).build().unwrap();
    let barrier = Barrier::new(THREADS);
    let work = |thread: u64| {
        barrier.wait();
        let mut rng = Rng::seeded(thread);
        for _ in 0..rounds {
            tenants.acquire(&rng.below(KEYS)).unwrap().success();
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
    let all = tenants.snapshot();
    assert_eq!((all.len() as u64, tenants.stats().inserted), (KEYS, KEYS));
    let calls: u64 = all.iter().map(|(_, breaker)| breaker.status().counts.total).sum();
    assert_eq!(calls, THREADS as u64 * rounds);
}

#[test]
fn eviction_beside_calls_takes_no_breaker_that_is_open_or_in_use() {
    let rounds: u64 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    let (builder, manual) = builder();
    let hosts = builder.capacity(6).shards(2).build().unwrap();
    let forced = hosts.get("forced").unwrap();
    forced.force_open();
    drop(forced);
    let barrier = Barrier::new(THREADS);
    let work = |thread: u64| {
        barrier.wait();
        let mut rng = Rng::seeded(thread);
        for _ in 0..rounds {
            let host = rng.below(KEYS).to_string();
            match rng.below(8) {
                0 => manual.advance(GONE / 2),
                1 => drop(hosts.sweep()),
                2 => drop(hosts.acquire(&host).map(OwnedPermit::failure)),
                _ => {
                    let handle = hosts.get(&host).unwrap();
                    let Ok(permit) = handle.acquire_owned() else { continue };
                    // The name is in the breaker, so that where it is says which breaker it is.
                    let (own, at) = (handle.name() != "hosts", handle.name().as_ptr());
                    drop(handle);
                    hosts.sweep();
                    if own {
                        assert_eq!(hosts.peek(&host).unwrap().name().as_ptr(), at);
                    }
                    permit.success();
                }
            }
            assert!(hosts.len() <= 6);
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
    assert_eq!(hosts.peek("forced").unwrap().state(), State::ForcedOpen);
    let stats = hosts.stats();
    assert_eq!(stats.inserted, stats.len as u64 + stats.evicted);
    assert!(stats.evicted > 0);
    hosts.reset_all();
    manual.advance(Duration::from_secs(1_000_000));
    hosts.sweep();
    assert!(hosts.is_empty());
}
