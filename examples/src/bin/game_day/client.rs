//! The client's stack: meter, router, and on each arm a breaker and a meter.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rely_breaker::{Breaker, BreakerError, Change};
use rely_core::classify::{ByError, HttpStatus};
use rely_core::meter::Target;
use rely_core::{Clock, ConfigError, Instant, Meter, Point, Ratio, Subscriber};
use rely_rollout::{Key, Split};
use tower::{Service, ServiceBuilder};

use crate::service::Version;

/// One order to place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order(pub(crate) u64);

type Body = Empty<Bytes>;
type HttpClient = Client<HttpConnector, Body>;

/// An arm of the router: a version of the service and what watches it.
pub(crate) struct Arm {
    pub(crate) point: Point,
    pub(crate) breaker: Breaker,
    pub(crate) changes: Subscriber<Change>,
    begun: Arc<AtomicU64>,
    address: String,
}

impl Arm {
    pub(crate) fn new(
        meter: &Meter,
        version: &Version,
        clock: &Clock,
    ) -> Result<Self, ConfigError> {
        let point = meter.point(Target::new("orders").version(version.name));
        let breaker = Breaker::builder(format!("orders-{}", version.name))
            .failure_rate(Ratio::percent(50.0)?)
            .window_calls(20)
            .minimum_calls(10)
            .open_for(Duration::from_secs(2))
            .clock(clock.clone())
            .build()?;
        let capacity = NonZeroUsize::new(256).expect("it is not zero");
        let changes = breaker.subscribe(capacity);
        let (begun, address) = (Arc::default(), format!("http://{}", version.address));
        Ok(Self { point, breaker, changes, begun, address })
    }

    /// Whether no call is under way.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        let begun = self.begun.load(Ordering::Acquire);
        self.point.snapshot(now).lifetime.total() >= begun
    }

    /// Breaker outside, meter inside: the meter sees every attempt, the breaker's refusals are not
    /// attempts.
    fn service(&self, client: &HttpClient) -> impl Calls + use<> {
        let (address, begun) = (self.address.clone(), Arc::clone(&self.begun));
        ServiceBuilder::new()
            .layer(self.breaker.layer().classify(HttpStatus::new()))
            .layer(self.point.layer().classify(HttpStatus::new()))
            .map_request(move |Order(id)| {
                begun.fetch_add(1, Ordering::Release);
                let uri = format!("{address}/order/{id}");
                let request = Request::get(uri).body(Body::new());
                request.expect("an address and a number make a request")
            })
            .service(client.clone())
    }
}

/// A service that places orders.
pub(crate) trait Calls:
    Service<
        Order,
        Response = Response<Incoming>,
        Error = BreakerError<hyper_util::client::legacy::Error>,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Calls for S where
    S: Service<
            Order,
            Response = Response<Incoming>,
            Error = BreakerError<hyper_util::client::legacy::Error>,
            Future: Send,
        > + Clone
        + Send
        + 'static
{
}

/// The whole stack: what the load calls.
pub(crate) fn stack(
    user: &Point,
    split: &Split,
    stable: &Arm,
    candidate: &Arm,
) -> impl Calls + use<> {
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let routed = split
        .service(stable.service(&client), candidate.service(&client))
        .sticky_by(|order: &Order| Key::from(order.0));
    ServiceBuilder::new()
        .layer(user.layer().classify(HttpStatus::new().errors_by(ByError)))
        .service(routed)
}
