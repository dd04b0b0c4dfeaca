//! hyper's own client, which is a tower service.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use rely_breaker::answer::BoxError;
use rely_breaker::{BreakerError, Rejected, State};
use rely_core::classify::{ByBoxError, HttpStatus};
use rely_core::{Refusal, RejectedBy};
use tower::{ServiceBuilder, ServiceExt};

use super::{Mood, breaker, client, get, nobody, serve};

#[tokio::test]
async fn an_ill_server_is_left_alone_until_it_is_well_again() {
    let (breaker, manual) = breaker("orders");
    let mood = Mood::of(StatusCode::SERVICE_UNAVAILABLE);
    let address = serve(mood.router()).await;
    let layer = breaker.layer().classify(HttpStatus::new());
    let client = ServiceBuilder::new().layer(layer).service(client());
    let ask = async || client.clone().oneshot(get(address, "/")).await;

    assert_eq!(ask().await.unwrap().status(), 503);
    assert_eq!(ask().await.unwrap().status(), 503);
    for _ in 0..10 {
        let error = ask().await.unwrap_err();
        assert_eq!(error.rejected().unwrap().retry_after, Some(Duration::from_secs(30)));
    }
    assert_eq!(mood.asked(), 2);
    mood.set(StatusCode::OK);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask().await.unwrap().status(), 200);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn a_server_that_is_gone_opens_it_and_both_errors_can_be_told_apart() {
    let (breaker, _) = breaker("orders");
    let (_socket, address) = nobody();
    let layer = breaker.layer().classify(HttpStatus::new()).box_errors();
    let client = ServiceBuilder::new().layer(layer).service(client());
    let ask = async || -> BoxError { client.clone().oneshot(get(address, "/")).await.unwrap_err() };
    for _ in 0..2 {
        assert!(ask().await.downcast::<legacy::Error>().unwrap().is_connect());
    }
    let error = ask().await;
    assert_eq!(Refusal::find(&*error), Some(Refusal::new(RejectedBy::Breaker)));
    assert_eq!(&*error.downcast::<Rejected>().unwrap().name, "orders");
}

#[tokio::test]
async fn a_request_that_nobody_can_clone_goes_through() {
    type Once = UnsyncBoxBody<Bytes, Infallible>;
    let (breaker, _) = breaker("orders");
    let address = serve(Mood::of(StatusCode::OK).router()).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Once>();
    let layer = breaker.layer().classify(HttpStatus::new().errors_by(ByBoxError));
    let client = ServiceBuilder::new().layer(layer).map_err(BoxError::from).service(client);
    let post = || {
        let body = Full::new(Bytes::from_static(b"order")).boxed_unsync();
        Request::post(format!("http://{address}/")).body(body).unwrap()
    };
    assert_eq!(client.clone().oneshot(post()).await.unwrap().status(), 200);
    breaker.force_open();
    let error: BreakerError<BoxError> = client.oneshot(post()).await.unwrap_err();
    assert!(error.rejected().is_some());
}
