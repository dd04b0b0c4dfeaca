use core::time::Duration;

use super::{GONE, IDLE, OPEN, builder, hosts, quick, trip};
use crate::{Breaker, BreakerConfig, State};

const MOMENT: Duration = Duration::from_nanos(1);

#[test]
fn a_closed_breaker_goes_when_nobody_has_asked_for_it_for_the_idle_time() {
    let (hosts, manual) = hosts();
    hosts.acquire("a").unwrap().failure();
    hosts.get("a").unwrap().reset();
    hosts.acquire("b").unwrap().success();
    manual.advance(IDLE / 2);
    hosts.acquire("b").unwrap().success();
    manual.advance(GONE - IDLE / 2);
    assert_eq!(hosts.sweep(), 1);
    assert!(hosts.peek("a").is_none() && hosts.peek("b").is_some());
    assert_eq!(hosts.stats().evicted, 1);
}

#[test]
fn idle_breakers_go_as_new_keys_come() {
    let (builder, manual) = builder();
    let hosts = builder.capacity(4).build().unwrap();
    for host in 0..4_000 {
        hosts.acquire(&host.to_string()).unwrap().success();
        manual.advance(GONE / 4);
    }
    let stats = hosts.stats();
    assert_eq!((stats.overflowed, stats.inserted), (0, 4_000));
    assert!(hosts.len() <= 4);
}

#[test]
fn what_somebody_holds_stays() {
    let (hosts, manual) = hosts();
    let handle = hosts.get("handle").unwrap();
    let permit = hosts.acquire("permit").unwrap();
    let call = hosts.get("call").unwrap().call(core::future::pending::<Result<(), ()>>());
    let layer = hosts.get("layer").unwrap().layer();
    for _ in 0..5 {
        manual.advance(10 * GONE);
        assert_eq!((hosts.sweep(), hosts.len()), (0, 4));
    }
    permit.failure();
    drop((handle, call, layer));
    assert_eq!(hosts.sweep(), 3);
    assert_eq!(hosts.peek("permit").unwrap().state(), State::Open, "it opened just now");
}

#[test]
fn an_open_breaker_stays_until_its_time_has_been_over_for_the_idle_time() {
    let (builder, manual) = builder();
    let long = BreakerConfig { open_for: 10 * GONE, ..quick() };
    let hosts = builder.config(long).build().unwrap();
    trip(&hosts, "a");
    manual.advance(10 * GONE);
    assert_eq!(hosts.sweep(), 0, "its time is over just now");
    manual.advance(IDLE - MOMENT);
    assert_eq!(hosts.sweep(), 0);
    manual.advance(MOMENT);
    assert_eq!(hosts.sweep(), 1);
}

#[test]
fn a_half_open_breaker_stays_while_a_trial_is_out_and_for_the_idle_time_after_its_limit() {
    let (hosts, manual) = hosts();
    trip(&hosts, "a");
    manual.advance(OPEN);
    let trial = hosts.acquire("a").unwrap();
    manual.advance(10 * GONE);
    assert_eq!(hosts.sweep(), 0);
    drop(trial);
    assert_eq!(hosts.sweep(), 1, "nobody waits for it, and its limit is long over");

    trip(&hosts, "b");
    manual.advance(OPEN);
    drop(hosts.acquire("b").unwrap());
    assert_eq!(hosts.peek("b").unwrap().state(), State::HalfOpen);
    let limit = quick().trial_limit;
    manual.advance(limit + IDLE - MOMENT);
    assert_eq!(hosts.sweep(), 0);
    manual.advance(MOMENT + GONE - IDLE);
    assert_eq!(hosts.sweep(), 1);
}

#[test]
fn what_was_told_by_hand_stays_until_told_otherwise() {
    let (hosts, manual) = hosts();
    let commands = [Breaker::force_open as fn(&Breaker), Breaker::force_closed, Breaker::disable];
    for (host, command) in ["a", "b", "c"].into_iter().zip(commands) {
        command(&hosts.get(host).unwrap());
    }
    manual.advance(100 * GONE);
    assert_eq!(hosts.sweep(), 0);
    hosts.reset_all();
    assert_eq!(hosts.sweep(), 3);
}

#[test]
fn a_clock_that_is_set_back_evicts_nothing_too_early() {
    let (hosts, manual) = hosts();
    manual.advance(100 * GONE);
    trip(&hosts, "open");
    hosts.acquire("closed").unwrap().success();
    manual.set(rely_core::Instant::ORIGIN);
    assert_eq!(hosts.sweep(), 0);
    manual.advance(IDLE - MOMENT);
    assert_eq!(hosts.sweep(), 0);
    manual.advance(GONE);
    assert_eq!(hosts.sweep(), 1);
    assert!(hosts.peek("closed").is_none() && hosts.peek("open").is_some());
}
