//! Inside tower's own holders of services: a buffer, a cache of ready ones, a balancer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::executor::block_on;
use rely_breaker::answer::BoxError;
use rely_breaker::{Breaker, BreakerError, Rejected, RejectedReason, State};
use rely_core::classify::{ByBoxError, ByError};
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::load::Constant;
use tower::ready_cache::ReadyCache;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::breaker;

/// An endpoint that says who it is, fails while ill, and never is ready while stuck. Not `Clone`.
struct Endpoint {
    number: usize,
    state: Arc<Condition>,
}

#[derive(Default)]
struct Condition {
    ill: AtomicBool,
    stuck: AtomicBool,
}

impl Service<()> for Endpoint {
    type Response = usize;
    type Error = std::io::Error;
    type Future = Ready<Result<usize, std::io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.state.stuck.load(Ordering::Relaxed) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        let ill = self.state.ill.load(Ordering::Relaxed);
        ready(if ill { Err(std::io::Error::other("ill")) } else { Ok(self.number) })
    }
}

fn endpoint(number: usize) -> (Endpoint, Arc<Condition>) {
    let state = Arc::<Condition>::default();
    (Endpoint { number, state: Arc::clone(&state) }, state)
}

#[tokio::test]
async fn a_buffer_outlives_rejections() {
    let (breaker, manual) = breaker("orders");
    let (service, state) = endpoint(1);
    let service = Buffer::new(breaker.layer().without_clone().box_errors().layer(service), 4);
    let ask = async || service.clone().oneshot(()).await;
    state.ill.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        assert!(ask().await.unwrap_err().is::<std::io::Error>());
    }
    for _ in 0..10 {
        // More than the buffer holds: a rejection gives its place back.
        assert!(ask().await.unwrap_err().is::<Rejected>());
    }
    state.ill.store(false, Ordering::Relaxed);
    manual.advance(Duration::from_secs(30));
    // The buffer's worker may have asked for readiness before the clock moved.
    let answer = match ask().await {
        Err(error) => {
            let rejected = error.downcast::<Rejected>().unwrap();
            assert_eq!(rejected.reason, RejectedReason::InnerNotReady);
            ask().await
        }
        answer => answer,
    };
    assert_eq!(answer.unwrap(), 1);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn around_a_buffer_it_needs_no_place_to_reject() {
    let (breaker, _) = breaker("orders");
    let (service, state) = endpoint(1);
    state.stuck.store(true, Ordering::Relaxed);
    let buffer = Buffer::new(service, 1);
    let mut holder = buffer.clone();
    holder.ready().await.unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(buffer.clone().poll_ready(&mut cx).is_pending(), "the only place is taken");
    breaker.force_open();
    let layer = breaker.layer().classify(ByBoxError).box_errors();
    assert!(layer.layer(buffer).oneshot(()).await.unwrap_err().is::<Rejected>());
}

#[test]
fn a_cache_of_ready_services_keeps_what_is_open() {
    let (breaker, manual) = breaker("orders");
    let (service, state) = endpoint(7);
    let mut cache = ReadyCache::<&str, _, ()>::default();
    cache.push("a", breaker.layer().without_clone().layer(service));
    let mut cx = Context::from_waker(Waker::noop());
    let mut ask = || {
        while cache.poll_pending(&mut cx).is_pending() {}
        block_on(cache.call_ready_index(0, ()))
    };
    state.ill.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        assert!(ask().unwrap_err().rejected().is_none());
    }
    // Open and stuck it is ready, and says no.
    state.stuck.store(true, Ordering::Relaxed);
    let reason = |error: &BreakerError<_>| error.rejected().map(|rejected| rejected.reason);
    for _ in 0..3 {
        assert_eq!(reason(&ask().unwrap_err()), Some(RejectedReason::Open));
    }
    state.stuck.store(false, Ordering::Relaxed);
    state.ill.store(false, Ordering::Relaxed);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask().unwrap(), 7);
    assert_eq!(ask().unwrap(), 7);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_balancer_goes_on_beside_an_endpoint_that_is_open() {
    let (endpoints, states): (Vec<_>, Vec<_>) = (0..3).map(endpoint).unzip();
    let (breakers, clocks): (Vec<_>, Vec<_>) = (0..3).map(|_| breaker("orders")).unzip();
    let services = breakers.iter().zip(endpoints).map(|(breaker, endpoint)| {
        Constant::new(breaker.layer().without_clone().classify(ByError).layer(endpoint), 1)
    });
    let mut balance = Balance::new(ServiceList::new::<()>(services.collect::<Vec<_>>()));
    let mut ask = || block_on(async { balance.ready().await?.call(()).await });
    let mut round = || {
        let (mut served, mut rejected) = ([0; 3], 0);
        for _ in 0..300 {
            match ask() {
                Ok(number) => served[number] += 1,
                Err(error) => {
                    let error = error.downcast::<BreakerError<std::io::Error>>().unwrap();
                    rejected += u32::from(error.rejected().is_some());
                }
            }
        }
        (served, rejected)
    };
    let (served, rejected) = round();
    assert!(served.iter().all(|count| *count > 0) && rejected == 0, "{served:?}");

    // The first one dies, and is stuck as well: nobody waits for it.
    states[0].ill.store(true, Ordering::Relaxed);
    round();
    assert_eq!(breakers[0].state(), State::Open);
    states[0].stuck.store(true, Ordering::Relaxed);
    let (served, rejected) = round();
    assert_eq!(served[0], 0);
    assert!(served[1] > 0 && served[2] > 0 && rejected > 0, "{served:?} {rejected}");
    assert_eq!(served[1] + served[2] + rejected, 300);

    states[0].stuck.store(false, Ordering::Relaxed);
    states[0].ill.store(false, Ordering::Relaxed);
    clocks[0].advance(Duration::from_secs(30));
    let (served, _) = round();
    assert!(served[0] > 0);
    assert_eq!(breakers[0].state(), State::Closed);
}

#[test]
fn boxes_do_not_pile_up_in_a_stack() {
    let (outer, _) = breaker("outer");
    let inner: Breaker = breaker("inner").0;
    let layer = outer.layer().classify(ByBoxError).box_errors();
    let layered = inner.layer().box_errors();
    inner.force_open();
    let service = || {
        let bare = service_fn(|(): ()| ready(Ok::<_, Infallible>(())));
        layer.clone().layer(layered.clone().layer(bare))
    };
    for _ in 0..10 {
        let error: BoxError = block_on(service().oneshot(())).unwrap_err();
        assert_eq!(&*error.downcast::<Rejected>().unwrap().name, "inner");
    }
    assert_eq!(outer.state(), State::Closed, "rejections are no failures");
}
