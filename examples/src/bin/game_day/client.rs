//! The client's stack: meter, router, and on each arm a breaker and a meter.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rely_breaker::{Breaker, BreakerError, Change};
use rely_core::classify::{ByError, HttpStatus};
use rely_core::meter::Target;
use rely_core::{Clock, ConfigError, Meter, Point, Ratio, Subscriber};
use rely_rollout::{Key, Split};
use tower::{Service, ServiceBuilder};

use crate::service::Version;

/// One order to place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order(pub(crate) u64);

type Body = Empty<Bytes>;

/// An arm of the router: a version of the service and what watches it.
pub(crate) struct Arm {
    pub(crate) point: Point,
    pub(crate) breaker: Breaker,
    pub(crate) changes: Subscriber<Change>,
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
            .window_calls(40)
            .minimum_calls(20)
            .open_for(Duration::from_secs(2))
            .clock(clock.clone())
            .build()?;
        let capacity = NonZeroUsize::new(256).expect("it is not zero");
        let changes = breaker.subscribe(capacity);
        Ok(Self { point, breaker, changes, address: format!("http://{}", version.address) })
    }

    /// Breaker outside, meter inside: the meter sees every attempt, the breaker's refusals are not
    /// attempts.
    fn service(
        &self,
        client: &Client<HttpConnector, Body>,
    ) -> impl Service<
        Order,
        Response = Response<hyper::body::Incoming>,
        Error = BreakerError<hyper_util::client::legacy::Error>,
        Future: Send,
    > + Clone
    + Send
    + 'static {
        let address = self.address.clone();
        ServiceBuilder::new()
            .layer(self.breaker.layer().classify(HttpStatus::new()))
            .layer(self.point.layer().classify(HttpStatus::new()))
            .map_request(move |Order(id)| {
                let uri = format!("{address}/order/{id}");
                let request = Request::get(uri).body(Body::new());
                request.expect("an address and a number make a request")
            })
            .service(client.clone())
    }
}

/// The whole stack: what the load calls.
pub(crate) fn stack(
    user: &Point,
    split: &Split,
    stable: &Arm,
    candidate: &Arm,
) -> impl Service<
    Order,
    Response = Response<hyper::body::Incoming>,
    Error: std::error::Error,
    Future: Send,
> + Clone
+ Send
+ 'static {
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let routed = split
        .service(stable.service(&client), candidate.service(&client))
        .sticky_by(|order: &Order| Key::from(order.0));
    ServiceBuilder::new()
        .layer(user.layer().classify(HttpStatus::new().errors_by(ByError)))
        .service(routed)
}
