//! No tokio, no clock of a runtime: an executor that polls.

use std::convert::Infallible;
use std::future::{Future, Ready, pending, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::executor::block_on;
use rely_breaker::{AttemptTimeout, Breaker, Rejected, State};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use super::two_failures;

/// Neither `Clone` nor `Copy`.
struct Order(u32);

/// Neither `Clone` nor `Sync`.
struct Till(std::cell::Cell<u32>);

impl Service<Order> for Till {
    type Response = u32;
    type Error = Infallible;
    type Future = Ready<Result<u32, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Order(price): Order) -> Self::Future {
        self.0.set(self.0.get() + price);
        ready(Ok(self.0.get()))
    }
}

fn ask<S: Service<Order>>(service: &mut S, price: u32) -> Result<S::Response, S::Error> {
    block_on(async { service.ready().await?.call(Order(price)).await })
}

#[test]
fn nothing_needs_to_be_clone() {
    let breaker = Breaker::builder("till").build().unwrap();
    let mut till = breaker.layer().without_clone().layer(Till(0.into()));
    assert_eq!(ask(&mut till, 3), Ok(3));
    breaker.force_open();
    assert!(ask(&mut till, 4).unwrap_err().rejected().is_some());
    breaker.reset();
    assert_eq!(ask(&mut till, 4), Ok(7));
}

#[test]
fn a_time_limit_on_the_systems_clock_opens_it() {
    let breaker = two_failures(Breaker::builder("till")).build().unwrap();
    let mut till = ServiceBuilder::new()
        .layer(breaker.layer().box_errors())
        .layer(AttemptTimeout::new(Duration::from_millis(1)).unwrap())
        .service(service_fn(|_: Order| pending::<Result<(), Infallible>>()));
    for _ in 0..2 {
        assert!(!ask(&mut till, 1).unwrap_err().is::<Rejected>());
    }
    assert_eq!(breaker.state(), State::Open);
    assert!(ask(&mut till, 1).unwrap_err().is::<Rejected>());
}

#[test]
fn a_call_without_a_layer_needs_no_runtime_either() {
    let breaker = two_failures(Breaker::builder("till")).build().unwrap();
    let bad = || -> Box<dyn Future<Output = _> + Unpin> { Box::new(ready(Err::<(), _>("empty"))) };
    for _ in 0..2 {
        assert_eq!(block_on(breaker.call(bad())).unwrap_err().into_inner(), Some("empty"));
    }
    assert!(block_on(breaker.call(bad())).unwrap_err().rejected().is_some());
}
