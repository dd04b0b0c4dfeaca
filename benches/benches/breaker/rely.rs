//! The breaker of this house: `rely` is its tower layer, `rely-sync` its handle.

use std::hint::black_box;
use std::sync::Arc;

use rely_benches::{Case, bare, drive, repeat};
use rely_breaker::{Breaker, BreakerBuilder, BreakerConfig, Breakers, Rejected, Window};
use rely_core::Ratio;
use rely_core::window::TimeWindowConfig;
use tower::{Layer, Service};

use crate::{HOSTS, HOUR, SLOW, admitted, rejected, shared};

/// The limits are what a call takes today and two in a hundred more: they go down with it.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = layer();
    cases.extend(handle());
    let mut cases: Vec<_> = cases.into_iter().map(Case::without_allocations).collect();
    cases.push(made());
    cases
}

fn layer() -> Vec<Case> {
    vec![
        admitted("rely/closed-count-100", || service(&count(100))).at_most(84.0),
        admitted("rely/closed-count-10000", || service(&count(10_000))).at_most(84.0),
        admitted("rely/closed-slow-calls", || service(&slow())).at_most(273.0),
        admitted("rely/closed-time-100", || filled(&time(1), 100)).at_most(197.0),
        admitted("rely/closed-time-100000", || filled(&time(1), 100_000)).at_most(197.0),
        admitted("rely/closed-time-sharded", || service(&time(2))).at_most(200.0),
        rejected("rely/open-reject", || service(&open())).at_most(161.0),
        admitted("rely/keyed", || keyed().layer_computed(host).layer(bare())),
        shared("rely/two-threads", || service(&count(100))),
        shared("rely/two-threads-sharded", || service(&time(2))),
    ]
}

fn handle() -> Vec<Case> {
    let closed = |make: fn() -> Breaker| {
        move || {
            let breaker = make();
            repeat(move |n| call(&breaker, n).expect("closed"))
        }
    };
    vec![
        Case::new("rely-sync/closed-count-100", closed(|| count(100))).at_most(39.0),
        Case::new("rely-sync/closed-count-10000", closed(|| count(10_000))).at_most(39.0),
        Case::new("rely-sync/closed-slow-calls", closed(slow)).at_most(195.0),
        Case::new("rely-sync/closed-time-100", closed(|| time(1))).at_most(152.0),
        Case::new("rely-sync/closed-time-sharded", closed(|| time(2))).at_most(156.0),
        Case::new("rely-sync/keyed", || {
            let breakers = keyed();
            repeat(move |n| breakers.get(&(n % HOSTS)).map(|breaker| breaker.state()).is_ok())
        }),
        Case::new("rely-sync/open-reject", || {
            let breaker = open();
            repeat(move |n| call(&breaker, n).expect_err("open"))
        })
        .at_most(115.0),
        Case::threads("rely-sync/two-threads", || together(&count(100))),
        Case::threads("rely-sync/two-threads-sharded", || together(&time(2))),
    ]
}

/// What a breaker takes up that shares its configuration with others, as in a registry.
fn made() -> Case {
    Case::new("rely-sync/made", || {
        let (name, config): (Arc<str>, _) = ("bench".into(), Arc::new(BreakerConfig::default()));
        repeat(move |_| build(Breaker::builder(Arc::clone(&name)).config(Arc::clone(&config))))
    })
    .within_bytes(512.0)
}

fn together(breaker: &Breaker) -> [impl FnMut(u64) + Send + use<>; 2] {
    [(); 2].map(|()| {
        let breaker = breaker.clone();
        repeat(move |n| call(&breaker, n).expect("closed"))
    })
}

/// The breakers of so many hosts.
fn keyed() -> Breakers<u64> {
    let breakers = Breakers::builder("bench").build().expect("every field is in range");
    (0..HOSTS).for_each(|host| drop(breakers.get(&host)));
    breakers
}

#[allow(clippy::trivially_copy_pass_by_ref)] // it is given a request
fn host(request: &u64) -> Option<u64> {
    Some(request % HOSTS)
}

/// A service whose window holds so many calls.
fn filled(breaker: &Breaker, calls: u64) -> impl Service<u64, Future: Send> + Clone + Send + use<> {
    let mut service = service(breaker);
    drive(&mut service, calls);
    service
}

#[inline(always)]
fn call(breaker: &Breaker, n: u64) -> Result<u64, Rejected> {
    let permit = breaker.acquire()?;
    let answer = black_box(n);
    permit.success();
    Ok(answer)
}

fn service(breaker: &Breaker) -> impl Service<u64, Future: Send> + Clone + Send + use<> {
    breaker.layer().layer(bare())
}

fn count(calls: u32) -> Breaker {
    build(Breaker::builder("bench").window_calls(calls))
}

fn time(shards: u32) -> Breaker {
    let window = TimeWindowConfig { span: HOUR, shards, ..TimeWindowConfig::default() };
    build(Breaker::builder("bench").window(Window::Time(window)))
}

fn slow() -> Breaker {
    build(Breaker::builder("bench").slow_calls(SLOW, Ratio::ONE))
}

fn open() -> Breaker {
    let breaker = build(Breaker::builder("bench").consecutive_failures(1).open_for(HOUR));
    breaker.acquire().expect("closed").failure();
    breaker
}

fn build(builder: BreakerBuilder) -> Breaker {
    builder.build().expect("every field is in range")
}
