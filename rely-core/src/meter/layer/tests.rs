use core::future::{Future, pending, ready};
use core::task::Poll;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio_test::{assert_pending, assert_ready, assert_ready_ok};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_layer::Layer;

use crate::classify::ByError;
use crate::meter::{Meter, Point, Tally};
use crate::{Class, Clock, ManualClock, Refusal, RejectedBy};

fn point() -> (Point, ManualClock) {
    let (clock, manual) = Clock::manual();
    (Meter::builder("orders").clock(clock).build().unwrap().point("queue"), manual)
}

fn tally(point: &Point) -> Tally {
    point.tally(point.clock().now())
}

#[test]
fn a_call_counts_when_it_returns_with_the_time_it_took() {
    let (point, manual) = point();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with(|inner| point.layer().layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready(), "back-pressure goes through");
    handle.allow(2);
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call("good"));
    assert_pending!(call.poll());
    assert_eq!(tally(&point).total(), 0);
    manual.advance(Duration::from_millis(250));
    let (request, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    assert_eq!(request, "good");
    reply.send_response("answer");
    assert_eq!(assert_ready_ok!(call.poll()), "answer");
    let snapshot = point.snapshot(point.clock().now());
    assert_eq!((snapshot.tally.success, snapshot.tally.total()), (1, 1));
    assert_eq!(snapshot.lifetime_latency, Duration::from_millis(250));

    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call("bad"));
    assert_pending!(call.poll());
    let (_, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    reply.send_error("broken");
    assert!(assert_ready!(call.poll()).is_err());
    assert_eq!(tally(&point).failure, 1);
}

#[test]
fn dropped_calls_are_cancelled_and_polled_ready_ones_are_nothing() {
    let (point, _) = point();
    let mut service = point.layer().layer(service_fn(|(): ()| pending::<Result<(), ()>>()));
    let mut cx = core::task::Context::from_waker(futures::task::noop_waker_ref());
    assert!(Service::<()>::poll_ready(&mut service, &mut cx).is_ready());
    assert_eq!(tally(&point).total(), 0);
    drop(service.call(()));
    let mut call = Box::pin(service.call(()));
    assert!(call.as_mut().poll(&mut cx).is_pending());
    drop(call);
    assert_eq!(tally(&point), Tally { cancelled: 2, ..Tally::default() });
}

#[test]
fn a_panic_is_a_failure_wherever_it_happens() {
    let (point, _) = point();
    let mut in_call = point
        .layer()
        .layer(service_fn(|(): ()| -> core::future::Ready<Result<(), ()>> { panic!("in call") }));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(in_call.call(())))).is_err());
    let mut in_poll = point.layer().layer(service_fn(|(): ()| {
        core::future::poll_fn(|_| -> Poll<Result<(), ()>> { panic!("in poll") })
    }));
    let mut call = Box::pin(in_poll.call(()));
    let mut cx = core::task::Context::from_waker(futures::task::noop_waker_ref());
    assert!(catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut cx).is_ready())).is_err());
    // The future outlives the panic, as in an executor that catches it.
    assert_eq!(tally(&point).failure, 1);
    drop(call);
    assert_eq!(tally(&point), Tally { failure: 2, ..Tally::default() });
}

#[test]
fn the_classifier_decides_and_refusals_of_ours_are_rejections() {
    let (point, _) = point();
    let layer = point.layer().classify(ByError);
    let service = ServiceBuilder::new().layer(layer).service_fn(|(): ()| {
        ready(Err::<(), _>(std::io::Error::other(Refusal::new(RejectedBy::Breaker))))
    });
    assert!(futures::executor::block_on(service.oneshot(())).is_err());
    let by_value = point.layer().classify(|result: Result<&u16, &()>| match result {
        Ok(500..) => Class::Failure,
        Ok(429) => Class::SoftFailure,
        _ => Class::Success,
    });
    let service = by_value.layer(service_fn(|status: u16| ready(Ok::<_, ()>(status))));
    for status in [200, 429, 500] {
        assert_eq!(futures::executor::block_on(service.clone().oneshot(status)), Ok(status));
    }
    let expected =
        Tally { success: 1, failure: 1, soft_failure: 1, rejected: 1, ..Tally::default() };
    assert_eq!(tally(&point), expected);
}

#[test]
fn every_service_of_the_layer_counts_in_the_same_point() {
    let (point, _) = point();
    let layer = point.layer();
    for _ in 0..10 {
        // As axum does: a layer for each connection.
        let service = layer.clone().layer(service_fn(|(): ()| ready(Err::<(), _>(()))));
        assert!(futures::executor::block_on(service.oneshot(())).is_err());
    }
    assert_eq!(tally(&point).failure, 10);
}

#[test]
fn layers_and_services_have_the_traits_that_stacks_ask_for() {
    fn stackable<T: Clone + Send + Sync + Unpin + core::fmt::Debug + 'static>(_: &T) {}
    let (point, _) = point();
    stackable(&point.layer());
    let mut service = point.layer().layer(7);
    stackable(&service);
    assert_eq!(
        (*service.get_ref(), *service.get_mut(), service.point().target().service_name()),
        (7, 7, "queue")
    );
    assert_eq!(service.into_inner(), 7);
}

#[cfg(feature = "http")]
mod until_end_of_body {
    use bytes::Bytes;
    use http::Response;
    use http_body::Frame;
    use http_body_util::{BodyExt, Full, StreamBody};

    use super::*;
    use crate::classify::HttpStatus;

    type Chunk = Result<Frame<Bytes>, std::io::Error>;

    async fn answer(point: &Point, status: u16, chunks: Vec<Chunk>, read: usize) {
        let chunks = std::sync::Mutex::new(Some(chunks));
        let mut service = point.layer().classify(HttpStatus::new()).until_end_of_body().layer(
            service_fn(move |(): ()| {
                let chunks = chunks.lock().unwrap().take().unwrap();
                let body = StreamBody::new(futures::stream::iter(chunks));
                ready(Ok::<_, std::io::Error>(
                    Response::builder().status(status).body(body).unwrap(),
                ))
            }),
        );
        let mut body = service.call(()).await.unwrap().into_body();
        for _ in 0..read {
            let _ = body.frame().await;
        }
    }

    #[test]
    fn the_end_of_the_body_has_the_last_word() {
        futures::executor::block_on(async {
            let (point, _) = point();
            let chunk = || Ok(Frame::data(Bytes::from_static(b"part")));
            answer(&point, 200, vec![chunk(), chunk()], 3).await;
            assert_eq!(tally(&point).success, 1);
            answer(&point, 200, vec![chunk(), Err(std::io::Error::other("cut"))], 2).await;
            assert_eq!(tally(&point).failure, 1);
            answer(&point, 200, vec![chunk(), chunk()], 1).await;
            assert_eq!(tally(&point).cancelled, 1);
            answer(&point, 503, vec![chunk(), chunk()], 3).await;
            assert_eq!((tally(&point).failure, tally(&point).total()), (2, 4));
        });
    }

    #[test]
    fn an_answer_counts_once_its_body_ends_and_not_before() {
        let (point, _) = point();
        let layer = point.layer().classify(HttpStatus::new()).until_end_of_body();
        let mut service = layer.layer(service_fn(|(): ()| {
            ready(Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from("hello"))))
        }));
        let response = futures::executor::block_on(service.call(())).unwrap();
        assert_eq!(tally(&point).total(), 0);
        let bytes = futures::executor::block_on(response.into_body().collect()).unwrap().to_bytes();
        assert_eq!(&bytes[..], b"hello");
        assert_eq!(tally(&point).success, 1);
        drop(service.call(()));
        assert_eq!(tally(&point).cancelled, 1);
        assert!(service.get_mut().oneshot(()).now_or_never().is_some());
    }

    /// Panics when asked how long it is.
    struct Unsizable;

    impl http_body::Body for Unsizable {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: core::pin::Pin<&mut Self>,
            _: &mut core::task::Context<'_>,
        ) -> Poll<Option<Chunk>> {
            Poll::Ready(None)
        }

        fn size_hint(&self) -> http_body::SizeHint {
            panic!("no size")
        }
    }

    #[test]
    fn a_body_that_panics_before_it_is_polled_is_a_failure() {
        let (point, _) = point();
        let layer = point.layer().classify(HttpStatus::new()).until_end_of_body();
        let mut service = layer.layer(service_fn(|(): ()| {
            ready(Ok::<_, std::convert::Infallible>(Response::new(Unsizable)))
        }));
        let call = service.call(());
        assert!(catch_unwind(AssertUnwindSafe(|| call.now_or_never().is_some())).is_err());
        assert_eq!(tally(&point), Tally { failure: 1, ..Tally::default() });
    }

    use futures::FutureExt;
}
