//! How the order service calls the queue: bare, or behind a protective stack.

use std::time::Duration;

use http::Method;
use rely_breaker::{AttemptTimeout, Breaker, Endpoint, Failover, RetryBudget, RetryPolicy};
use rely_core::classify::{ByError, HttpStatus};
use rely_core::{Clock, Ratio};
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

use crate::BoxError;
use crate::build::Build;
use crate::http::{HttpClient, HttpResponse, request};

/// One message for the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enqueue {
    order: u64,
    attempt: u32,
}

impl Enqueue {
    pub(crate) const fn new(order: u64) -> Self {
        Self { order, attempt: 0 }
    }
}

/// What puts messages into the queue.
pub(crate) type Backend = BoxCloneSyncService<Enqueue, HttpResponse, BoxError>;

/// Where an endpoint of the queue listens.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// The bare client: the first endpoint, for as long as it takes.
pub(crate) fn bare(http: &HttpClient, queue: &Address) -> Backend {
    let port = queue.port;
    let send = move |message: Enqueue| post(port, message);
    BoxCloneSyncService::new(http.clone().map_request(send).map_err(BoxError::from))
}

/// Attempts with a time limit, a breaker for each endpoint, the second endpoint when the first does
/// not answer, and a budget for all of it.
pub(crate) fn protected(
    http: &HttpClient,
    clock: &Clock,
    build: &Build,
    queues: &[Address],
    breakers: &[Breaker],
) -> Result<Backend, BoxError> {
    let mut failover = Failover::builder("queue").attempt_by(|message: &Enqueue| message.attempt);
    for (priority, (queue, breaker)) in (0..).zip(queues.iter().zip(breakers)) {
        let port = queue.port;
        let timeout = AttemptTimeout::new(build.queue_timeout())?.clock(clock.clone());
        let endpoint = ServiceBuilder::new()
            .layer(breaker.layer().classify(HttpStatus::new()))
            .layer(timeout)
            .map_request(move |message: Enqueue| post(port, message))
            .service(http.clone());
        failover =
            failover.endpoint(Endpoint::new(queue.name.as_str()).priority(priority), endpoint);
    }
    let budget = RetryBudget::builder()
        .ratio(Ratio::percent(20.0)?)
        .min_per_second(10)
        .clock(clock.clone())
        .build()?;
    let policy = RetryPolicy::builder(budget)
        .max_attempts(3)
        .without_backoff()
        .classify(HttpStatus::new().errors_by(ByError))
        .on_retry(|message: &mut Enqueue, attempt| message.attempt = attempt)
        .build()?;
    let stack = ServiceBuilder::new()
        .map_err(BoxError::from)
        .layer(RetryLayer::new(policy))
        .service(failover.build()?);
    Ok(BoxCloneSyncService::new(stack))
}

fn post(port: u16, message: Enqueue) -> http::Request<http_body_util::Empty<bytes::Bytes>> {
    request(Method::POST, port, &format!("/enqueue/{}", message.order))
}

/// The breaker in front of one endpoint of the queue: slow answers are as bad as none.
pub(crate) fn breaker(
    zone: &str,
    queue: &str,
    clock: &Clock,
    on: bool,
) -> Result<Breaker, BoxError> {
    let breaker = Breaker::builder(format!("{zone} to {queue}")).clock(clock.clone());
    Ok(if on {
        breaker
            .slow_calls_in_flight(Duration::from_millis(100), Ratio::percent(50.0)?)
            .consecutive_failures(5)
            .window_calls(40)
            .minimum_calls(10)
            .open_for(Duration::from_millis(400))
            .trials(2)
            .build()?
    } else {
        never_trips(breaker)?
    })
}

/// A breaker that watches, and does nothing about it.
pub(crate) fn never_trips(breaker: rely_breaker::BreakerBuilder) -> Result<Breaker, BoxError> {
    let breaker = breaker.build()?;
    breaker.force_closed();
    Ok(breaker)
}
