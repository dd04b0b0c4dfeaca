mod held;
mod hold;
mod late;
mod model;

use core::future::{Future, pending, ready};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::error::Error;

use rely_core::classify::{ByError, ByResult};
use rely_core::{Class, Clock, ManualClock, Ratio, Refusal, RejectedBy};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok};
use tower::limit::ConcurrencyLimit;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_layer::Layer;

use crate::{Breaker, BreakerConfig, BreakerError, Cancelled, Rejected, RejectedReason, State};

fn breaker() -> (Breaker, ManualClock) {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").minimum_calls(1).trials(1).clock(clock);
    (breaker.build().unwrap(), manual)
}

fn trip(breaker: &Breaker) {
    breaker.acquire().unwrap().failure();
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn closed_it_passes_on_readiness_requests_and_answers() {
    let (breaker, _) = breaker();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with(|inner| breaker.layer().layer(inner));
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
    assert_eq!(breaker.status().counts.total, 1);
}

#[test]
fn open_it_rejects_in_call_without_asking_an_unready_service() {
    let (breaker, _) = breaker();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<&str, (), _, _>(|inner| breaker.layer().layer(inner));
    handle.allow(0);
    trip(&breaker);
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call("request"));
    let error: BreakerError<BoxError> = assert_ready!(call.poll()).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::Open);
    assert_pending!(handle.poll_request(), "the inner service saw nothing");
}

#[test]
fn the_state_at_call_decides_not_the_one_at_poll_ready() {
    let (breaker, manual) = breaker();
    let service = service_fn(|(): ()| ready(Ok::<_, ()>(7)));
    let mut service = breaker.layer().without_clone().layer(service);
    let mut cx = Context::from_waker(Waker::noop());
    // Ready while closed, open by the time of the call.
    assert!(service.poll_ready(&mut cx).is_ready());
    trip(&breaker);
    let error = futures::executor::block_on(service.call(())).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::Open);
    // That readiness of the inner service still stands when the breaker lets calls through again.
    manual.advance(Duration::from_secs(30));
    assert_eq!(futures::executor::block_on(service.call(())), Ok(7));
    assert_eq!(breaker.state(), State::Closed);
    // Ready while open, closed by the time of the call: the inner service was not asked.
    trip(&breaker);
    assert!(service.poll_ready(&mut cx).is_ready());
    manual.advance(Duration::from_secs(30));
    let error = futures::executor::block_on(service.call(())).unwrap_err();
    let rejected = error.rejected().unwrap().clone();
    assert_eq!(rejected.reason, RejectedReason::InnerNotReady);
    assert_eq!((rejected.state, rejected.retry_after), (State::HalfOpen, Some(Duration::ZERO)));
    let text =
        "circuit breaker queue lets calls through again, its service is not ready yet, retry now";
    assert_eq!(rejected.to_string(), text);
    assert_eq!(breaker.status().inner_not_ready, 1);
    // The trial that it did not use is still there, and the next attempt has it.
    assert!(service.poll_ready(&mut cx).is_ready());
    assert_eq!(futures::executor::block_on(service.call(())), Ok(7));
}

#[test]
fn a_clone_is_not_ready_because_the_original_is() {
    let (breaker, manual) = breaker();
    let limited = ConcurrencyLimit::new(service_fn(|(): ()| pending::<Result<(), BoxError>>()), 1);
    let mut service = breaker.layer().without_clone().layer(limited);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut clone = service.clone();
    assert!(clone.poll_ready(&mut cx).is_pending(), "the limit is one");
    drop(service);
    // Calling it would panic in the limit if the breaker took the original's word.
    trip(&breaker);
    assert!(clone.poll_ready(&mut cx).is_ready());
    manual.advance(Duration::from_secs(30));
    let error = futures::executor::block_on(clone.call(())).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::InnerNotReady);
}

#[test]
fn a_service_that_is_not_ready_any_more_is_not_called() {
    let (breaker, manual) = breaker();
    let (service, mut handle) = tower_test::mock::pair::<(), ()>();
    let mut service = breaker.layer().without_clone().layer(service);
    let mut cx = Context::from_waker(Waker::noop());
    handle.allow(1);
    assert!(service.poll_ready(&mut cx).is_ready());
    handle.allow(0);
    // Somebody else has the call that it was ready for.
    drop(service.get_mut().call(()));
    assert_pending!(service.poll_ready(&mut cx));
    trip(&breaker);
    assert!(service.poll_ready(&mut cx).is_ready());
    manual.advance(Duration::from_secs(30));
    let error = futures::executor::block_on(service.call(())).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::InnerNotReady);
}

#[test]
fn state_is_in_the_handle_not_in_the_layer() {
    let (breaker, _) = breaker();
    let layer = breaker.layer();
    // As axum does: a service for each connection.
    let connect = || layer.layer(service_fn(|(): ()| ready(Err::<(), _>("down"))));
    assert!(futures::executor::block_on(connect().oneshot(())).is_err());
    let error = futures::executor::block_on(connect().oneshot(())).unwrap_err();
    assert!(error.rejected().is_some());
}

#[test]
fn dropped_calls_give_back_and_panics_count() {
    let (breaker, manual) = breaker();
    let mut hanging = breaker.layer().layer(service_fn(|(): ()| pending::<Result<(), ()>>()));
    let mut cx = Context::from_waker(Waker::noop());
    trip(&breaker);
    manual.advance(Duration::from_secs(30));
    for _ in 0..3 {
        assert!(hanging.poll_ready(&mut cx).is_ready());
        let mut call = Box::pin(hanging.call(()));
        assert!(call.as_mut().poll(&mut cx).is_pending());
        assert!(breaker.would_reject());
        drop(call);
        assert!(!breaker.would_reject(), "the trial came back");
    }
    let panicking =
        service_fn(|(): ()| core::future::poll_fn(|_| -> Poll<Result<(), ()>> { panic!("oh") }));
    let mut service = breaker.layer().layer(panicking);
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut call = Box::pin(service.call(()));
    let poll = std::panic::AssertUnwindSafe(|| call.as_mut().poll(&mut cx).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    drop(call);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_time_limit_outside_around_a_black_hole_trips_where_cancelled_calls_are_failures() {
    for (cancelled, state) in
        [(Cancelled::Neutral, State::Closed), (Cancelled::Failure, State::Open)]
    {
        let (clock, _) = Clock::manual();
        let builder = Breaker::builder("queue").minimum_calls(3).cancelled(cancelled);
        let breaker = builder.clock(clock).build().unwrap();
        let hole = service_fn(|(): ()| pending::<Result<(), ()>>());
        let mut service = breaker.layer().layer(hole);
        let mut cx = Context::from_waker(Waker::noop());
        for call in 0..3 {
            assert_eq!(breaker.state(), State::Closed, "after {call} calls");
            assert!(service.poll_ready(&mut cx).is_ready());
            // As a limit outside does when its time is over.
            let mut call = Box::pin(service.call(()));
            assert!(call.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!((breaker.state(), breaker.status().cancelled), (state, 3));
    }
}

#[test]
fn a_call_that_the_inner_service_never_got_was_not_cancelled() {
    let (clock, manual) = Clock::manual();
    let builder = Breaker::builder("queue").minimum_calls(1).trials(1);
    let breaker = builder.cancelled(Cancelled::Failure).clock(clock).build().unwrap();
    let mut service =
        breaker.layer().without_clone().layer(service_fn(|(): ()| ready(Ok::<_, ()>(7))));
    let mut cx = Context::from_waker(Waker::noop());
    trip(&breaker);
    assert!(service.poll_ready(&mut cx).is_ready());
    manual.advance(Duration::from_secs(30));
    let error = futures::executor::block_on(service.call(())).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::InnerNotReady);
    assert_eq!((breaker.state(), breaker.status().cancelled), (State::HalfOpen, 0));
}

#[test]
fn in_shadow_the_inner_service_gets_every_call_and_says_itself_when_it_is_ready() {
    let (clock, _) = Clock::manual();
    let breaker = Breaker::builder("queue").minimum_calls(1).shadow(true).clock(clock);
    let breaker = breaker.build().unwrap();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with(|inner| breaker.layer().layer(inner));
    trip(&breaker);
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call("request"));
    assert_pending!(call.poll());
    let (_, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    reply.send_response("answer");
    assert_eq!(assert_ready_ok!(call.poll()), "answer");
    assert_eq!((breaker.status().would_reject, breaker.status().rejected), (1, 0));
}

#[test]
fn forced_states_hold_behind_a_layer() {
    let (breaker, _) = breaker();
    let service = breaker.layer().layer(service_fn(|ok: bool| ready(ok.then_some(7).ok_or(()))));
    let call = |ok| futures::executor::block_on(service.clone().oneshot(ok));
    breaker.force_open();
    let error = call(true).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::ForcedOpen);
    for (command, counted) in [(Breaker::force_closed as fn(&Breaker), 3), (Breaker::disable, 0)] {
        command(&breaker);
        for _ in 0..3 {
            assert_eq!(call(false), Err(BreakerError::Inner(())));
        }
        assert_eq!((call(true), breaker.status().counts.bad), (Ok(7), counted));
    }
}

#[test]
fn the_classifier_decides_and_rejections_keep_the_error_type() {
    let (breaker, _) = breaker();
    let layer = breaker
        .layer()
        .classify(|result: Result<&u16, &String>| match result {
            Ok(500..) => Class::Failure,
            _ => Class::Success,
        })
        .on_reject(|_| Ok(503));
    let service = ServiceBuilder::new()
        .layer(layer)
        .service_fn(|status: u16| ready(Ok::<u16, String>(status)));
    let call = |status| futures::executor::block_on(service.clone().oneshot(status));
    assert_eq!(call(404), Ok(404));
    assert_eq!(call(500), Ok(500));
    assert_eq!(call(200), Ok(503), "answered by the breaker");
}

#[test]
fn a_slow_success_trips_and_waiting_for_readiness_is_not_slow() {
    const SLOW: Duration = Duration::from_secs(2);
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue")
        .without_failure_rate()
        .slow_calls(SLOW, Ratio::ONE)
        .minimum_calls(1)
        .trials(1)
        .clock(clock);
    let breaker = breaker.build().unwrap();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with(|inner| breaker.layer().layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    manual.advance(10 * SLOW);
    let mut call = |wait: Duration| {
        handle.allow(1);
        assert_ready_ok!(service.poll_ready());
        manual.advance(SLOW);
        let mut call = tokio_test::task::spawn(service.call("request"));
        assert_pending!(call.poll());
        let (_, reply) = futures::executor::block_on(handle.next_request()).unwrap();
        reply.send_response("answer");
        manual.advance(wait);
        assert_eq!(assert_ready_ok!(call.poll()), "answer", "slow answers are answers");
        (breaker.state(), breaker.status().counts.slow)
    };
    let just_below = SLOW - Duration::from_nanos(1);
    assert_eq!(call(just_below), (State::Closed, 0));
    breaker.reset();
    assert_eq!(call(SLOW), (State::Open, 0));
    // So does a slow trial keep it open, and a fast one closes it.
    manual.advance(Duration::from_secs(30));
    assert_eq!(call(SLOW), (State::Open, 0));
    manual.advance(Duration::from_secs(30));
    assert_eq!(call(just_below), (State::Closed, 0));
}

#[test]
fn a_run_of_errors_trips_and_rejections_by_others_do_not_end_it() {
    let (clock, _) = Clock::manual();
    let breaker = Breaker::builder("queue").consecutive_failures(2).clock(clock).build().unwrap();
    let layer = breaker.layer().classify(|result: Result<&(), &Class>| match result {
        Ok(()) => Class::Success,
        Err(class) => *class,
    });
    let service = layer.layer(service_fn(|class: Class| {
        ready(if class == Class::Success { Ok(()) } else { Err(class) })
    }));
    for class in [
        Class::Failure,
        Class::Success,
        Class::Failure,
        Class::SoftFailure,
        Class::Rejected(RejectedBy::Limit),
        Class::Ignored,
    ] {
        let _ = futures::executor::block_on(service.clone().oneshot(class));
        assert_eq!(breaker.state(), State::Closed, "{class}");
    }
    assert!(futures::executor::block_on(service.oneshot(Class::Failure)).is_err());
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_breaker_inside_another_does_not_feed_it() {
    let (inner, _) = breaker();
    let (outer, _) = breaker();
    trip(&inner);
    let service = ServiceBuilder::new()
        .layer(outer.layer().classify(ByError))
        .layer(inner.layer().on_reject(|rejected| Err(std::io::Error::other(rejected))))
        .service_fn(|(): ()| ready(Ok::<_, std::io::Error>(())));
    for _ in 0..50 {
        let error = futures::executor::block_on(service.clone().oneshot(())).unwrap_err();
        let refusal = Refusal::find(&error).map(|refusal| refusal.by);
        assert_eq!(refusal, Some(RejectedBy::Breaker));
        assert!(error.source().is_some());
    }
    assert_eq!((outer.state(), outer.status().counts.total), (State::Closed, 0));
}

#[test]
fn a_rejection_is_found_in_a_box_with_the_time_to_wait() {
    let (breaker, _) = breaker();
    trip(&breaker);
    let service = service_fn(|(): ()| ready(Ok::<_, std::io::Error>(())));
    let call = breaker.layer().layer(service).oneshot(());
    let error: BoxError = futures::executor::block_on(call).unwrap_err().into();
    let rejected = error.source().and_then(|source| source.downcast_ref::<Rejected>()).unwrap();
    assert_eq!(rejected.retry_after, Some(Duration::from_secs(30)));
    assert_eq!(Refusal::find(&*error), Some(Refusal::new(RejectedBy::Breaker)));
    let inner: BoxError = BreakerError::Inner(std::io::Error::other("down")).into();
    assert!(inner.source().unwrap().is::<std::io::Error>());
}

#[test]
fn by_default_every_error_is_a_failure_refusals_too() {
    let (inner, _) = breaker();
    let (outer, _) = breaker();
    trip(&inner);
    let service = ServiceBuilder::new()
        .layer(outer.layer())
        .layer(inner.layer())
        .service_fn(|(): ()| ready(Ok::<_, std::io::Error>(())));
    assert!(futures::executor::block_on(service.oneshot(())).is_err());
    assert_eq!(outer.state(), State::Open);
}

#[test]
fn it_works_inside_a_buffer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (breaker, manual) = breaker();
        let service = breaker.layer().layer(service_fn(|ok: bool| {
            ready(if ok { Ok(()) } else { Err(std::io::Error::other("down")) })
        }));
        let mut buffer = tower::buffer::Buffer::new(service, 4);
        assert!(buffer.ready().await.unwrap().call(false).await.is_err());
        assert!(buffer.ready().await.unwrap().call(true).await.is_err(), "rejected");
        manual.advance(Duration::from_secs(30));
        // Its worker may have polled ready while open.
        assert!(buffer.ready().await.unwrap().call(true).await.is_ok());
        assert_eq!(breaker.state(), State::Closed);
    });
}

#[test]
fn layers_and_services_have_the_traits_that_stacks_ask_for() {
    fn stackable<T: Clone + Send + Sync + Unpin + core::fmt::Debug + 'static>(_: &T) {}
    let (breaker, _) = breaker();
    stackable(&breaker.layer());
    let mut service = breaker.layer().layer(7);
    stackable(&service);
    assert_eq!((*service.get_ref(), *service.get_mut(), service.breaker().name()), (7, 7, "queue"));
    assert_eq!(service.into_inner(), 7);
    // Requests need not be `Clone`, services need not be `Clone`.
    struct Request;
    struct Once;
    impl Service<Request> for Once {
        type Response = ();
        type Error = ();
        type Future = core::future::Ready<Result<(), ()>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Request) -> Self::Future {
            ready(Ok(()))
        }
    }
    assert!(
        futures::executor::block_on(breaker.layer().without_clone().layer(Once).oneshot(Request))
            .is_ok()
    );
}

#[test]
fn a_panic_of_a_closure_leaves_no_call_under_way() {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn judge(_: Result<&(), &BoxError>) -> Class {
        panic!("the classifier panics");
    }
    fn answer(_: Rejected) -> Result<(), BoxError> {
        panic!("the answer panics");
    }
    let (breaker, manual) = breaker();
    let layer = breaker.layer().classify(judge).on_reject(answer);
    let service = layer.layer(service_fn(|(): ()| ready(Ok::<(), BoxError>(()))));
    let panics = || {
        let call = AssertUnwindSafe(|| futures::executor::block_on(service.clone().oneshot(())));
        catch_unwind(call).is_err()
    };
    assert!(panics());
    trip(&breaker);
    assert!(panics());
    manual.advance(Duration::from_secs(30));
    assert!(panics());
    let status = breaker.status();
    assert_eq!((status.state, status.cancelled, status.rejected), (State::HalfOpen, 2, 1));
    breaker.acquire().expect("the trial is free again").success();
    assert_eq!(breaker.state(), State::Closed);
}
