//! The breaker of this house: `rely` is its tower layer, `rely-sync` its handle.

use std::hint::black_box;

use rely_benches::{Case, bare, repeat};
use rely_breaker::{Breaker, BreakerBuilder, Rejected};
use rely_core::Ratio;
use tower::{Layer, Service};

use crate::{HOUR, SLOW, admitted, rejected, shared};

/// The limits are what a call takes today and two in a hundred more: they go down with it.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = layer();
    cases.extend(handle());
    cases.into_iter().map(Case::without_allocations).collect()
}

fn layer() -> Vec<Case> {
    vec![
        admitted("rely/closed-count-100", || service(&count(100))).at_most(197.0),
        admitted("rely/closed-count-10000", || service(&count(10_000))).at_most(193.0),
        admitted("rely/closed-slow-calls", || service(&slow())).at_most(271.0),
        rejected("rely/open-reject", || service(&open())).at_most(240.0),
        shared("rely/two-threads", || service(&count(100))),
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
        Case::new("rely-sync/closed-count-100", closed(|| count(100))).at_most(142.0),
        Case::new("rely-sync/closed-count-10000", closed(|| count(10_000))).at_most(139.0),
        Case::new("rely-sync/closed-slow-calls", closed(slow)).at_most(210.0),
        Case::new("rely-sync/open-reject", || {
            let breaker = open();
            repeat(move |n| call(&breaker, n).expect_err("open"))
        })
        .at_most(130.0),
        Case::threads("rely-sync/two-threads", || {
            let breaker = count(100);
            [(); 2].map(|()| {
                let breaker = breaker.clone();
                repeat(move |n| call(&breaker, n).expect("closed"))
            })
        }),
    ]
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
