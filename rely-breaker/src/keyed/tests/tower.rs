use core::future::{Future, Ready, pending, ready};
use core::task::{Context, Poll, Waker};

use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok};
use tower::limit::ConcurrencyLimit;
use tower::{BoxError, Service, ServiceExt, service_fn};
use tower_layer::Layer;

use super::{OPEN, builder, hosts, quick, trip};
use crate::keyed::{Acquire, KeyedLayer, Overflow};
use crate::{Breaker, BreakerError, Breakers, OwnedPermit, Rejected, RejectedReason, State};

#[derive(Clone, Debug, PartialEq)]
struct Request {
    host: Option<String>,
    ok: bool,
}

fn to(host: &str, ok: bool) -> Request {
    Request { host: Some(host.to_owned()), ok }
}

fn host(request: &Request) -> Option<&str> {
    request.host.as_deref()
}

fn answer(Request { ok, .. }: Request) -> Ready<Result<u32, &'static str>> {
    ready(if ok { Ok(7) } else { Err("down") })
}

#[test]
fn it_passes_on_readiness_requests_and_answers_and_counts_them_by_key() {
    let (hosts, _) = hosts();
    let layer = hosts.layer(host);
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<Request, u32, _, _>(|inner| layer.layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call(to("db-1", true)));
    assert_pending!(call.poll());
    let (request, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    assert_eq!(request, to("db-1", true));
    reply.send_response(7);
    assert_eq!(assert_ready_ok!(call.poll()), 7);
    assert_eq!(hosts.get("db-1").unwrap().status().counts.total, 1);
}

#[test]
fn a_rejected_call_leaves_the_inner_service_ready_for_the_next() {
    let (hosts, _) = hosts();
    trip(&hosts, "db-1");
    let layer = hosts.layer(host);
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<Request, u32, _, _>(|inner| layer.layer(inner));
    // The request is not known yet, so the inner service is asked although a breaker is open.
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call(to("db-1", true)));
    let error: BreakerError<BoxError> = assert_ready_err!(call.poll());
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::Open);
    assert_pending!(handle.poll_request(), "the inner service saw nothing");
    // It said ready once, and that holds for the call that comes next.
    assert_ready_ok!(service.poll_ready());
    let mut call = tokio_test::task::spawn(service.call(to("db-2", true)));
    assert_pending!(call.poll());
    let (request, reply) = futures::executor::block_on(handle.next_request()).unwrap();
    assert_eq!(request, to("db-2", true));
    reply.send_response(7);
    assert_eq!(assert_ready_ok!(call.poll()), 7);
    handle.allow(0);
    assert_pending!(service.poll_ready(), "used up");
}

#[test]
fn a_failure_of_poll_ready_is_the_inner_services() {
    let (hosts, _) = hosts();
    let layer = hosts.layer(host);
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<Request, u32, _, _>(|inner| layer.layer(inner));
    handle.send_error("broken");
    let error: BreakerError<BoxError> = assert_ready_err!(service.poll_ready());
    assert_eq!(error.into_inner().unwrap().to_string(), "broken");
}

#[test]
fn a_place_in_a_limit_survives_a_rejection_and_goes_with_the_service() {
    let (hosts, _) = hosts();
    trip(&hosts, "db-1");
    let limited = ConcurrencyLimit::new(service_fn(answer), 1);
    let mut service = hosts.layer(host).layer(limited);
    let mut clone = service.clone();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert!(futures::executor::block_on(service.call(to("db-1", true))).is_err());
    assert!(clone.poll_ready(&mut cx).is_pending(), "the place is kept");
    assert_eq!(futures::executor::block_on(service.call(to("db-2", true))), Ok(7));
    assert!(clone.poll_ready(&mut cx).is_ready());
}

#[test]
fn keys_are_isolated_behind_one_layer_and_shared_by_its_services() {
    let (hosts, manual) = hosts();
    let layer = hosts.layer(|request: &Request| request.host.as_deref());
    let call = |request| {
        let service = layer.layer(service_fn(answer));
        futures::executor::block_on(service.oneshot(request))
    };
    assert_eq!(call(to("db-1", false)), Err(BreakerError::Inner("down")));
    assert!(call(to("db-1", true)).unwrap_err().rejected().is_some());
    assert_eq!(call(to("db-2", true)), Ok(7));
    manual.advance(OPEN);
    assert_eq!(call(to("db-1", true)), Ok(7));
    assert_eq!(hosts.get("db-1").unwrap().state(), State::Closed);
}

#[test]
fn a_request_without_a_key_goes_through_unguarded() {
    let (hosts, _) = hosts();
    let service = hosts.layer(host).layer(service_fn(answer));
    for _ in 0..50 {
        let call = service.clone().oneshot(Request { host: None, ok: false });
        assert_eq!(futures::executor::block_on(call), Err(BreakerError::Inner("down")));
    }
    assert!(hosts.is_empty());
    assert_eq!(hosts.shared().unwrap().status().counts.total, 0);
}

#[test]
fn keys_may_be_computed() {
    let tenants = Breakers::<usize>::builder("lengths").config(quick()).build().unwrap();
    let layer = tenants.layer_computed(|request: &Request| request.host.as_ref().map(String::len));
    let service = layer.layer(service_fn(answer));
    let call = |request| futures::executor::block_on(service.clone().oneshot(request));
    assert!(call(to("abc", false)).is_err());
    let rejected = call(to("xyz", true)).unwrap_err();
    assert_eq!(&*rejected.rejected().unwrap().name, "lengths/3");
    assert_eq!(call(to("wxyz", true)), Ok(7));
    assert_eq!(call(Request { host: None, ok: true }), Ok(7));
}

#[test]
fn a_request_may_bring_its_breaker_along() {
    #[derive(Clone)]
    struct Along;
    impl Acquire<Breaker> for Along {
        fn acquire(&self, request: &Breaker) -> Result<Option<OwnedPermit>, Rejected> {
            request.acquire_owned().map(Some)
        }
    }
    let (hosts, _) = hosts();
    let inner = service_fn(|_: Breaker| ready(Err::<(), _>("down")));
    let service = KeyedLayer::new(Along).layer(inner);
    let call = || {
        let breaker = hosts.get("db-1").unwrap();
        futures::executor::block_on(service.clone().oneshot(breaker)).unwrap_err()
    };
    assert_eq!(call(), BreakerError::Inner("down"));
    assert!(call().rejected().is_some());
}

#[test]
fn classifiers_and_answers_are_those_of_a_plain_layer() {
    let (builder, _) = builder();
    let hosts = builder.capacity(1).overflow(Overflow::Refuse).build().unwrap();
    let layer = hosts
        .layer(host)
        .classify(|result: Result<&u32, &&str>| match result {
            Ok(7) => rely_core::Class::Failure,
            _ => rely_core::Class::Success,
        })
        .on_reject(|rejected| Ok(if rejected.reason == RejectedReason::Open { 503 } else { 429 }));
    let service = layer.layer(service_fn(answer));
    let call = |request| futures::executor::block_on(service.clone().oneshot(request));
    assert_eq!(call(to("db-1", false)), Err("down"));
    assert_eq!(call(to("db-1", true)), Ok(7));
    assert_eq!(call(to("db-1", true)), Ok(503));
    assert_eq!(call(to("db-2", true)), Ok(429), "there is no room");
}

#[test]
fn dropped_calls_give_back_and_panics_count() {
    let (hosts, manual) = hosts();
    trip(&hosts, "db-1");
    manual.advance(OPEN);
    let mut hanging =
        hosts.layer(host).layer(service_fn(|_: Request| pending::<Result<(), BoxError>>()));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(hanging.poll_ready(&mut cx).is_ready());
        let mut call = Box::pin(hanging.call(to("db-1", true)));
        assert!(call.as_mut().poll(&mut cx).is_pending());
        assert!(hosts.get("db-1").unwrap().would_reject());
        drop(call);
        assert!(!hosts.get("db-1").unwrap().would_reject(), "the trial came back");
    }
    let panicking = service_fn(|_: Request| {
        core::future::poll_fn(|_| -> Poll<Result<(), BoxError>> { panic!("oh") })
    });
    let mut service = hosts.layer(host).layer(panicking);
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut call = Box::pin(service.call(to("db-1", true)));
    let poll = std::panic::AssertUnwindSafe(|| call.as_mut().poll(&mut cx).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    drop(call);
    assert_eq!(hosts.get("db-1").unwrap().state(), State::Open);
}

#[test]
fn hits_allocate_nothing_behind_the_layer() {
    let hosts = Breakers::<String>::builder("hosts").build().unwrap();
    let tenants = Breakers::<u64>::builder("tenants").build().unwrap();
    let inner = service_fn(|_: (&'static str, u64)| ready(Ok::<(), ()>(())));
    let inner = hosts.layer(|request: &(&'static str, u64)| Some(request.0)).layer(inner);
    let by_tenant = tenants.layer_computed(|request: &(&'static str, u64)| Some(request.1));
    let mut service = by_tenant.layer(inner);
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = || {
        assert!(service.poll_ready(&mut cx).is_ready());
        let call = core::pin::pin!(service.call(("db-1", 7)));
        assert_ready_ok!(call.poll(&mut cx));
    };
    assert!(allocation_counter::measure(&mut call).count_total > 0, "they are made");
    assert_eq!(allocation_counter::measure(&mut call).count_total, 0);
}

#[test]
fn layers_and_services_have_the_traits_that_stacks_ask_for() {
    fn stackable<T: Clone + Send + Sync + Unpin + core::fmt::Debug + 'static>(_: &T) {}
    let (hosts, _) = hosts();
    stackable(&hosts);
    stackable(&hosts.layer(|request: &Request| request.host.as_deref()));
    stackable(&hosts.layer_computed(|request: &Request| request.host.clone()));
    let mut service = hosts.layer(host).layer(7);
    stackable(&service);
    assert_eq!((*service.get_ref(), *service.get_mut()), (7, 7));
    assert_eq!(service.into_inner(), 7);
    // Requests need not be `Clone`, services need not be `Clone`, nor their errors be boxed.
    struct Plain(String);
    struct Once;
    impl Service<Plain> for Once {
        type Response = ();
        type Error = core::convert::Infallible;
        type Future = Ready<Result<(), Self::Error>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: Plain) -> Self::Future {
            ready(Ok(()))
        }
    }
    let layer = hosts.layer(|request: &Plain| Some(request.0.as_str()));
    let layer = layer.on_reject(|_| Ok(()));
    let call = layer.layer(Once).oneshot(Plain("db-1".to_owned()));
    assert!(futures::executor::block_on(call).is_ok());
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = core::pin::pin!(layer.layer(Once).oneshot(Plain("db-1".to_owned())));
    assert!(assert_ready!(call.as_mut().poll(&mut cx)).is_ok());
}
