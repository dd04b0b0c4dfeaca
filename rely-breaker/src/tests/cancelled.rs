//! Calls that nobody waited for.

use core::future::{Future, pending};
use core::task::{Context, Waker};

use super::*;

fn failing() -> BreakerConfig {
    BreakerConfig { cancelled: Cancelled::Failure, ..small() }
}

/// A permit dropped, a call through the handle dropped, and one that was said to be cancelled.
fn cancel(breaker: &Breaker, way: usize) {
    match way % 3 {
        0 => drop(breaker.acquire().unwrap()),
        1 => {
            let mut call = Box::pin(breaker.call(pending::<Result<(), ()>>()));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        _ => breaker.acquire().unwrap().record(Outcome::CANCELLED),
    }
}

#[test]
fn by_default_it_counts_for_nothing_but_its_own_counter() {
    let (breaker, manual) = breaker(small());
    (0..30).for_each(|way| cancel(&breaker, way));
    let status = breaker.status();
    assert_eq!((status.state, status.counts.total, status.cancelled), (State::Closed, 0, 30));
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    (0..30).for_each(|way| cancel(&breaker, way));
    assert_eq!((breaker.state(), breaker.status().cancelled), (State::HalfOpen, 60));
    breaker.acquire().unwrap().record(Outcome::IGNORED);
    breaker.acquire().unwrap().record(Outcome::rejected(RejectedBy::Limit));
    drop(breaker.call(pending::<Result<(), ()>>()));
    assert_eq!(breaker.status().cancelled, 60, "neither of these was cancelled");
}

#[test]
fn as_a_failure_it_trips_at_the_rate_and_just_below_it_does_not() {
    for way in 0..3 {
        let (breaker, _) = breaker(failing());
        succeed(&breaker, 5);
        (0..4).for_each(|_| cancel(&breaker, way));
        assert_eq!(breaker.state(), State::Closed, "4 of 9");
        cancel(&breaker, way);
        assert_eq!((breaker.state(), breaker.status().cancelled), (State::Open, 5), "5 of 10");
    }
}

#[test]
fn as_a_failure_it_lengthens_a_run() {
    let (breaker, _) = breaker(BreakerConfig { consecutive_failures: Some(3), ..failing() });
    fail(&breaker, 1);
    cancel(&breaker, 0);
    breaker.acquire().unwrap().record(Outcome::IGNORED);
    assert_eq!((breaker.state(), breaker.status().consecutive_failures), (State::Closed, 2));
    cancel(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_cancelled_trial_is_a_bad_one() {
    for (cancelled, state) in [(1, State::HalfOpen), (2, State::Open)] {
        let (breaker, manual) = breaker(failing());
        fail(&breaker, 4);
        manual.advance(30 * SECOND);
        (0..cancelled).for_each(|way| cancel(&breaker, way));
        assert_eq!(breaker.state(), state, "{cancelled} of 4 trials, the limit is 50 %");
    }
    // Its place is used up: three are left, and all of them good they close.
    let (breaker, manual) = breaker(failing());
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    cancel(&breaker, 0);
    let trials: Vec<_> = (0..3).map(|_| breaker.acquire().unwrap()).collect();
    assert!(breaker.acquire().is_err());
    trials.into_iter().for_each(Permit::success);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_cancelled_call_may_be_slow_and_may_be_late() {
    let slow_calls = Some(SlowCalls { longer_than: SECOND, rate: Ratio::ONE, in_flight: false });
    let (breaker, manual) = breaker(BreakerConfig { slow_calls, ..failing() });
    let (one, straggler) = (breaker.acquire().unwrap(), breaker.acquire().unwrap());
    manual.advance(SECOND);
    drop(one);
    assert_eq!((breaker.status().counts.bad, breaker.status().counts.slow), (1, 1));
    breaker.reset();
    drop(straggler);
    let status = breaker.status();
    // In one place of the books, not in two.
    assert_eq!((status.counts.total, status.cancelled, status.late), (0, 2, 0));
}
