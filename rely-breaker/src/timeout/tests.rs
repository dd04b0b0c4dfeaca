use core::future::{pending, ready};
use core::task::Poll;
use core::time::Duration;
use std::error::Error;
use std::sync::Arc;

use rely_core::classify::{ByError, ByResult, Classify};
use rely_core::{Class, Clock, ManualClock, Outcome, Refusal, RejectedBy};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Service, service_fn};
use tower_layer::Layer;

use super::{AttemptTimeout, Elapsed, TimeoutError};
use crate::{Breaker, State};

const LIMIT: Duration = Duration::from_millis(120);

fn timeout() -> (AttemptTimeout, ManualClock) {
    let (clock, manual) = Clock::manual();
    (AttemptTimeout::new(LIMIT).unwrap().clock(clock), manual)
}

#[test]
fn a_limit_of_zero_is_refused_by_name() {
    let error = AttemptTimeout::new(Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "limit is 0ns, allowed: more than 0ns");
    assert_eq!(AttemptTimeout::new(Duration::MAX).unwrap().limit(), Duration::MAX);
}

#[test]
fn readiness_requests_and_answers_pass_through() {
    let (timeout, manual) = timeout();
    let (mut service, mut handle) = tower_test::mock::spawn_with(|inner| timeout.layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    // Waiting for readiness is not part of the limit.
    manual.advance(10 * LIMIT);
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call("request"));
    assert_pending!(call.poll());
    let (request, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    assert_eq!(request, "request");
    manual.advance(LIMIT - Duration::from_nanos(1));
    assert_pending!(call.poll());
    reply.send_response("answer");
    assert_eq!(assert_ready_ok!(call.poll()), "answer");
    drop(call);
    assert_eq!(manual.timers(), 0);
}

#[test]
fn the_time_starts_at_call_and_the_inner_future_is_dropped_when_it_is_over() {
    let (timeout, manual) = timeout();
    let held = Arc::new(());
    let inner = {
        let held = Arc::clone(&held);
        service_fn(move |(): ()| {
            let held = Arc::clone(&held);
            async move {
                let _held = held;
                pending::<Result<(), std::io::Error>>().await
            }
        })
    };
    let before = Arc::strong_count(&held);
    let mut service = timeout.layer(inner);
    let mut call = task::spawn(service.call(()));
    // Nobody polls for most of the time, which passes all the same.
    manual.advance(LIMIT - Duration::from_nanos(1));
    assert_pending!(call.poll());
    assert_eq!(Arc::strong_count(&held), before + 1);
    manual.advance(Duration::from_nanos(1));
    assert!(call.is_woken());
    let error = assert_ready!(call.poll()).unwrap_err();
    assert!(error.is_elapsed());
    assert_eq!(error.to_string(), "no answer within 120ms");
    assert_eq!(Arc::strong_count(&held), before, "while the future itself is still there");
}

#[test]
fn an_answer_that_is_there_when_the_time_is_over_wins() {
    let (timeout, manual) = timeout();
    let mut service = timeout.layer(service_fn(|(): ()| ready(Ok::<_, std::io::Error>(7))));
    let mut call = task::spawn(service.call(()));
    manual.advance(2 * LIMIT);
    assert_eq!(assert_ready_ok!(call.poll()), 7);
}

#[test]
fn a_call_that_is_dropped_leaves_no_timer() {
    let (timeout, manual) = timeout();
    let hangs = service_fn(|(): ()| pending::<Result<(), std::io::Error>>());
    let mut call = task::spawn(timeout.layer(hangs).call(()));
    assert_pending!(call.poll());
    assert_eq!(manual.timers(), 1);
    drop(call);
    assert_eq!(manual.timers(), 0);
}

#[test]
fn a_closure_keeps_the_service_s_own_error_or_answers() {
    let (timeout, manual) = timeout();
    let hangs = || service_fn(|(): ()| pending::<Result<u16, BoxError>>());
    let mut as_error = timeout.clone().on_timeout(|elapsed| Err(elapsed.into())).layer(hangs());
    let mut as_answer = timeout.on_timeout(|_| Ok(504)).layer(hangs());
    let mut error = task::spawn(as_error.call(()));
    let mut answer = task::spawn(as_answer.call(()));
    assert_pending!(error.poll());
    assert_pending!(answer.poll());
    manual.advance(LIMIT);
    assert!(assert_ready!(error.poll()).unwrap_err().is::<Elapsed>());
    assert_eq!(assert_ready_ok!(answer.poll()), 504);
}

#[test]
fn a_timeout_is_a_failure_and_what_is_inside_stays_what_it_is() {
    let judge = |error: &TimeoutError<std::io::Error>| {
        assert_eq!(ByResult.classify(Err::<&(), _>(error)).head(), Outcome::FAILURE);
        ByError.classify(Err::<&(), _>(error)).head().class
    };
    let elapsed = TimeoutError::from(Elapsed { limit: LIMIT });
    assert!(elapsed.source().unwrap().is::<Elapsed>());
    assert_eq!(judge(&elapsed), Class::Failure);
    assert_eq!(elapsed.into_inner().map(|error| error.kind()), None);
    let inner = |kind: std::io::ErrorKind| TimeoutError::Inner(kind.into());
    assert_eq!(judge(&inner(std::io::ErrorKind::ConnectionReset)), Class::Failure);
    assert_eq!(judge(&inner(std::io::ErrorKind::NotFound)), Class::Ignored);
    let refused = TimeoutError::Inner(std::io::Error::other(Refusal::new(RejectedBy::Limit)));
    assert_eq!(judge(&refused), Class::Rejected(RejectedBy::Limit));
    let refused = TimeoutError::Inner(Refusal::new(RejectedBy::Limit));
    let judged = ByError.classify(Err::<&(), _>(&refused)).head();
    assert_eq!(judged.class, Class::Rejected(RejectedBy::Limit));
}

#[test]
fn timeouts_open_the_breaker_outside() {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").minimum_calls(3).clock(clock.clone()).build().unwrap();
    let timeout = AttemptTimeout::new(LIMIT).unwrap().clock(clock);
    let hangs = service_fn(|(): ()| pending::<Result<(), std::io::Error>>());
    let mut service = breaker.layer().classify(ByError).layer(timeout.layer(hangs));
    for _ in 0..3 {
        assert_eq!(breaker.state(), State::Closed);
        let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        let mut call = task::spawn(service.call(()));
        assert_pending!(call.poll());
        manual.advance(LIMIT);
        assert!(assert_ready!(call.poll()).is_err());
    }
    assert_eq!(breaker.state(), State::Open);
}
