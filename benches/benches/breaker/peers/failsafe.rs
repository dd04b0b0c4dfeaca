//! failsafe: a moving average over a time window, called synchronously.

use std::hint::black_box;

use failsafe::backoff::{Constant, constant};
use failsafe::failure_policy::{
    SuccessRateOverTimeWindow, consecutive_failures, success_rate_over_time_window,
};
use failsafe::{CircuitBreaker, Config, Error, StateMachine};
use rely_benches::{Case, repeat};

use crate::HOUR;

type Timed = StateMachine<SuccessRateOverTimeWindow<Constant>, ()>;

pub(super) fn cases() -> Vec<Case> {
    let closed = |calls: u64| {
        move || {
            let breaker = timed(calls);
            repeat(move |n| call(&breaker, n).expect("closed"))
        }
    };
    vec![
        Case::new("failsafe/closed-time-100", closed(100)),
        Case::new("failsafe/closed-time-100000", closed(100_000)),
        Case::new("failsafe/open-reject", || {
            let policy = consecutive_failures(1, constant(HOUR));
            let breaker = Config::new().failure_policy(policy).build();
            let failed = breaker.call(|| Err::<u64, ()>(()));
            assert!(failed.is_err());
            repeat(move |n| call(&breaker, n).expect_err("open"))
        }),
        Case::threads("failsafe/two-threads", || {
            let breaker = timed(100);
            [(); 2].map(|()| {
                let breaker = breaker.clone();
                repeat(move |n| call(&breaker, n).expect("closed"))
            })
        }),
    ]
}

/// A breaker that so many calls have gone through.
fn timed(calls: u64) -> Timed {
    let policy = success_rate_over_time_window(0.8, 5, HOUR, constant(HOUR));
    let breaker = Config::new().failure_policy(policy).build();
    for n in 0..calls {
        call(&breaker, n).expect("closed");
    }
    breaker
}

#[inline(always)]
fn call(breaker: &impl CircuitBreaker, n: u64) -> Result<u64, Error<()>> {
    breaker.call(|| Ok(black_box(n)))
}
