//! What another configuration means to those who wait and to trials under way.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll};

use super::live::counter;
use super::*;
use crate::breaker::Waiter;

fn half_open(trials: u32) -> (Breaker, ManualClock) {
    let (breaker, manual) = breaker(BreakerConfig { trials, ..small() });
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    (breaker, manual)
}

fn trials(breaker: &Breaker) -> Vec<crate::OwnedPermit> {
    std::iter::from_fn(|| breaker.acquire_owned().ok()).collect()
}

#[test]
fn trials_that_were_too_many_make_no_place_when_they_come_back() {
    let (breaker, _) = half_open(5);
    let mut under_way = trials(&breaker);
    assert_eq!(under_way.len(), 5);
    breaker.reconfigure(BreakerConfig { trials: 2, ..small() }).unwrap();
    for _ in 0..3 {
        drop(under_way.pop());
        assert!(breaker.acquire().is_err(), "{} of 2 are under way", under_way.len());
    }
    drop(under_way.pop());
    assert_eq!(trials(&breaker).len(), 1);
    drop(under_way);
    assert_eq!(trials(&breaker).len(), 2);
}

#[test]
fn fewer_trials_and_then_more_are_as_many_as_there_were() {
    let (breaker, _) = half_open(5);
    let mut under_way = trials(&breaker);
    for trials in [1, 5, 2, 6] {
        breaker.reconfigure(BreakerConfig { trials, ..small() }).unwrap();
    }
    under_way.extend(breaker.acquire_owned());
    assert_eq!((under_way.len(), trials(&breaker).len()), (6, 0));
    drop(under_way);
    assert_eq!(trials(&breaker).len(), 6);
}

#[test]
fn as_many_trials_as_there_can_be_do_not_run_over() {
    let most = u32::from(u16::MAX);
    let (breaker, _) = half_open(most);
    let under_way = trials(&breaker);
    for trials in [1, most] {
        breaker.reconfigure(BreakerConfig { trials, ..small() }).unwrap();
    }
    drop(under_way);
    assert_eq!((breaker.state(), breaker.status().generation), (State::HalfOpen, 2));
    assert_eq!(trials(&breaker).len(), most as usize);
}

#[test]
fn trials_that_were_too_many_are_forgotten_with_their_generation() {
    let (breaker, manual) = half_open(5);
    let under_way = trials(&breaker);
    breaker.reconfigure(BreakerConfig { trials: 1, ..small() }).unwrap();
    breaker.reset();
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    drop(breaker.acquire().unwrap());
    assert!(breaker.acquire().is_ok(), "it came back");
    drop(under_way);
    assert_eq!(trials(&breaker).len(), 1);
}

#[test]
fn who_waits_is_woken_by_another_configuration() {
    let (woken, waker) = counter();
    let woken = || woken.swap(0, std::sync::atomic::Ordering::Relaxed);
    let (breaker, _) = half_open(1);
    let _under_way = trials(&breaker);
    let waiter = Waiter::new(breaker.clone());
    waiter.register(&Context::from_waker(&waker));
    breaker.reconfigure(BreakerConfig { trials: 2, ..small() }).unwrap();
    assert_eq!((woken(), breaker.would_reject()), (1, false), "there is a place");
    breaker.force_open();
    waiter.register(&Context::from_waker(&waker));
    breaker.reconfigure(BreakerConfig { shadow: true, ..small() }).unwrap();
    assert_eq!((woken(), breaker.would_reject()), (1, false), "in shadow nobody waits");
}

#[test]
fn a_driver_looks_at_calls_that_hang_as_soon_as_it_is_to() {
    let (breaker, manual) = breaker(small());
    let (woken, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let mut drive = pin!(breaker.drive());
    assert!(matches!(drive.as_mut().poll(&mut cx), Poll::Pending));
    let slow_calls =
        Some(SlowCalls { longer_than: 8 * SECOND, rate: percent(50), in_flight: true });
    breaker.reconfigure(BreakerConfig { slow_calls, ..small() }).unwrap();
    assert_eq!(woken.load(std::sync::atomic::Ordering::Relaxed), 1, "it slept for ever");
    assert!(matches!(drive.as_mut().poll(&mut cx), Poll::Pending));
    let _hanging: Vec<_> = (0..4).map(|_| breaker.acquire_owned().unwrap()).collect();
    for _ in 0..10 {
        manual.advance(SECOND);
        assert!(matches!(drive.as_mut().poll(&mut cx), Poll::Pending));
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_wish_that_nobody_asked_for_takes_no_note() {
    let (breaker, _) = breaker(small());
    let wish = Outcome::FAILURE.with_retry_after(9 * SECOND);
    breaker.acquire().unwrap().record(wish);
    assert_eq!(breaker.snapshot().asked, Duration::ZERO);
    breaker.reconfigure(BreakerConfig { retry_after: Some(60 * SECOND), ..small() }).unwrap();
    breaker.acquire().unwrap().record(wish);
    assert_eq!(breaker.snapshot().asked, 9 * SECOND);
}
