use core::future::{Future, pending, poll_fn, ready};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rely_core::classify::ByError;
use rely_core::{Class, Clock, Ratio};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::limit::ConcurrencyLimit;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_layer::Layer;

use super::{Priority, Throttle, ThrottleCounts};
use crate::{Breaker, BreakerError, RejectedReason};

fn throttle() -> Throttle {
    let (clock, _) = Clock::manual();
    Throttle::builder("queue").minimum_requests(1).clock(clock).seed(3).build().unwrap()
}

/// One that rejects all but one call in a million.
fn rejecting() -> Throttle {
    let (clock, manual) = Clock::manual();
    let builder = Throttle::builder("queue").seed(3).clock(clock);
    let builder = builder.minimum_requests(100).max_rejection(Ratio::from_ppm_clamped(999_999));
    let throttle = builder.build().unwrap();
    let under_way: Vec<_> =
        (0..1_000_000).map(|_| throttle.acquire(Priority::Critical).unwrap()).collect();
    under_way.into_iter().for_each(super::ThrottlePermit::failure);
    let last = throttle.acquire(Priority::Critical).unwrap();
    manual.advance(Duration::from_secs(1));
    last.failure();
    assert!(throttle.acquire(Priority::Critical).is_err());
    throttle
}

fn counts(throttle: &Throttle, priority: Priority) -> ThrottleCounts {
    throttle.status().of(priority).counts
}

#[test]
fn it_passes_on_readiness_requests_and_answers() {
    let throttle = throttle();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with(|inner| throttle.layer().layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call("request"));
    assert_pending!(call.poll());
    let (request, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    assert_eq!(request, "request");
    reply.send_response("answer");
    assert_eq!(assert_ready_ok!(call.poll()), "answer");
    assert_eq!(counts(&throttle, Priority::Critical).accepted, 1);
}

#[test]
fn an_error_of_readiness_is_the_inner_services_and_counts_nothing() {
    let throttle = throttle();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<(), (), _, _>(|inner| throttle.layer().layer(inner));
    handle.send_error("gone");
    let error = assert_ready_err!(service.poll_ready());
    assert!(error.rejected().is_none());
    assert_eq!(counts(&throttle, Priority::Critical), ThrottleCounts::default());
}

#[test]
fn it_rejects_in_call_and_the_inner_service_stays_ready() {
    let throttle = rejecting();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<&str, (), _, _>(|inner| throttle.layer().layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready(), "readiness is the inner service's");
    handle.allow(1);
    for _ in 0..3 {
        assert_ready_ok!(service.poll_ready(), "the one place is still there");
        let mut call = tokio_test::task::spawn(service.call("request"));
        let error: BreakerError<BoxError> = assert_ready!(call.poll()).unwrap_err();
        let reason = error.rejected().unwrap().reason;
        assert!(matches!(reason, RejectedReason::Throttled { .. }));
    }
    assert_pending!(handle.poll_request(), "the inner service saw nothing");
}

#[test]
fn a_rejected_call_gives_its_place_in_a_limit_back_with_the_service() {
    let throttle = rejecting();
    let limited = ConcurrencyLimit::new(service_fn(|(): ()| pending::<Result<(), BoxError>>()), 1);
    let mut service = throttle.layer().layer(limited);
    let mut other = service.clone();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert!(futures::executor::block_on(service.call(())).unwrap_err().rejected().is_some());
    assert!(other.poll_ready(&mut cx).is_pending(), "a clone of a ready service is not ready");
    drop(service);
    assert!(other.poll_ready(&mut cx).is_ready());
}

#[test]
fn state_is_in_the_handle_not_in_the_layer() {
    let throttle = throttle();
    let layer = throttle.layer();
    for _ in 0..3 {
        let service = layer.layer(service_fn(|(): ()| ready(Ok::<_, ()>(7))));
        assert_eq!(futures::executor::block_on(service.oneshot(())), Ok(7));
    }
    assert_eq!(counts(&throttle, Priority::Critical).accepted, 3);
}

#[test]
fn each_request_counts_for_its_priority() {
    let throttle = throttle();
    let by_request = throttle.layer().priority(|priority: &Priority| *priority);
    let service = by_request.layer(service_fn(|_: Priority| ready(Ok::<_, ()>(()))));
    for priority in [Priority::CriticalPlus, Priority::Sheddable, Priority::Sheddable] {
        futures::executor::block_on(service.clone().oneshot(priority)).unwrap();
    }
    let fixed = throttle.layer().priority(Priority::SheddablePlus);
    let service = fixed.layer(service_fn(|(): ()| ready(Ok::<_, ()>(()))));
    futures::executor::block_on(service.oneshot(())).unwrap();
    assert_eq!(Priority::ALL.map(|p| counts(&throttle, p).accepted), [1, 0, 1, 2]);
}

#[test]
fn what_is_no_accept_is_for_the_classifier_to_say() {
    let throttle = throttle();
    let classify = |result: Result<&u16, &()>| match result {
        Ok(429) => Class::SoftFailure,
        Ok(404) => Class::Ignored,
        Ok(_) => Class::Success,
        Err(()) => Class::Failure,
    };
    let layer = throttle.layer().classify(classify);
    let service = layer.layer(service_fn(|status: u16| ready(Ok::<_, ()>(status))));
    for status in [200, 404, 429] {
        let answer = futures::executor::block_on(service.clone().oneshot(status));
        assert_eq!(answer, Ok(status), "the answer is passed on");
    }
    let expected = ThrottleCounts { accepted: 1, failed: 1, neutral: 1, rejected: 0 };
    assert_eq!(counts(&throttle, Priority::Critical), expected);
}

#[test]
fn refusals_of_a_breaker_inside_are_no_evidence() {
    let throttle = throttle();
    let breaker = Breaker::builder("queue").build().unwrap();
    breaker.force_open();
    let service = ServiceBuilder::new()
        .layer(throttle.layer().classify(ByError))
        .layer(breaker.layer())
        .service_fn(|(): ()| ready(Err::<(), _>(std::io::Error::other("down"))));
    for _ in 0..100 {
        let error = futures::executor::block_on(service.clone().oneshot(())).unwrap_err();
        assert!(error.rejected().is_none(), "the throttle lets it through");
    }
    assert_eq!(counts(&throttle, Priority::Critical).neutral, 100);
}

#[test]
fn rejections_become_what_the_caller_makes_of_them() {
    let throttle = rejecting();
    let layer = throttle.layer().on_reject(|rejected| Err(rejected.into()));
    let service = layer.layer(service_fn(|(): ()| ready(Ok::<_, BoxError>(7))));
    let error = futures::executor::block_on(service.oneshot(())).unwrap_err();
    assert!(error.downcast_ref::<crate::Rejected>().is_some());
    let layer = throttle.layer().on_reject(|_| Ok(503));
    let service = layer.layer(service_fn(|(): ()| ready(Ok::<_, std::convert::Infallible>(200))));
    assert_eq!(futures::executor::block_on(service.oneshot(())), Ok(503));
}

#[test]
fn dropped_calls_are_cancelled_and_panics_count() {
    let throttle = throttle();
    let mut cx = Context::from_waker(Waker::noop());
    let mut hanging = throttle.layer().layer(service_fn(|(): ()| pending::<Result<(), ()>>()));
    assert!(hanging.poll_ready(&mut cx).is_ready());
    drop(hanging.call(()));
    assert_eq!(counts(&throttle, Priority::Critical).neutral, 1);

    let later = service_fn(|(): ()| poll_fn(|_| -> Poll<Result<(), ()>> { panic!("oh") }));
    let mut later = throttle.layer().layer(later);
    assert!(later.poll_ready(&mut cx).is_ready());
    let mut call = Box::pin(later.call(()));
    let poll = AssertUnwindSafe(|| call.as_mut().poll(&mut cx).is_ready());
    assert!(catch_unwind(poll).is_err());
    drop(call);
    assert_eq!(counts(&throttle, Priority::Critical).failed, 1);

    let at_once = service_fn(|(): ()| -> core::future::Ready<Result<(), ()>> { panic!("oh") });
    let mut at_once = throttle.layer().layer(at_once);
    assert!(at_once.poll_ready(&mut cx).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(at_once.call(())))).is_err());
    assert_eq!(counts(&throttle, Priority::Critical).failed, 2);
}

#[test]
fn services_and_futures_may_go_to_another_thread() {
    fn is_send_and_sync<T: Send + Sync + 'static>(_: &T) {}
    let mut service = throttle().layer().layer(service_fn(|(): ()| ready(Ok::<_, ()>(()))));
    is_send_and_sync(&service);
    is_send_and_sync(&service.call(()));
    is_send_and_sync(&throttle().call(Priority::Critical, ready(Ok::<_, ()>(()))));
}
