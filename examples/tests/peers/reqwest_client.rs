//! reqwest's client, which is a tower service of its own request and response.

use std::time::Duration;

use http::StatusCode;
use rely_breaker::State;
use rely_core::classify::{Classify, HttpStatus, Judgement};
use reqwest::{Client, Error, Method, Request, Response, Url};
use tower::{ServiceBuilder, ServiceExt};

use super::{Mood, breaker, serve};

/// Judges by the status, as for any other client.
fn by_status(result: Result<&Response, &Error>) -> Judgement {
    let http = HttpStatus::new();
    match result {
        Ok(response) => http.judge(&(response.status(), response.headers())),
        Err(error) => http.classify(Err::<&http::Response<()>, _>(error)),
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn an_ill_server_is_left_alone_until_it_is_well_again() {
    let (breaker, manual) = breaker("orders");
    let mood = Mood::of(StatusCode::BAD_GATEWAY);
    let url: Url = format!("http://{}/", serve(mood.router()).await).parse().unwrap();
    let client = ServiceBuilder::new().layer(breaker.layer().classify(by_status)).service(client());
    let ask = async || client.clone().oneshot(Request::new(Method::GET, url.clone())).await;

    assert_eq!(ask().await.unwrap().status(), 502);
    assert_eq!(ask().await.unwrap().status(), 502);
    let error = ask().await.unwrap_err();
    assert_eq!(error.rejected().unwrap().retry_after, Some(Duration::from_secs(30)));
    assert_eq!(mood.asked(), 2);
    mood.set(StatusCode::OK);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask().await.unwrap().text().await.unwrap(), "answer");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn a_rejection_can_be_a_response_of_reqwest() {
    let (breaker, _) = breaker("orders");
    let answer = |rejected| Ok(http::Response::<String>::from(rejected).into());
    let layer = breaker.layer().classify(by_status).on_reject(answer);
    let client = ServiceBuilder::new().layer(layer).service(client());
    breaker.open_for(Duration::from_secs(7));
    let nowhere = Request::new(Method::GET, "http://127.0.0.1:9/".parse().unwrap());
    let response: Response = client.oneshot(nowhere).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "7");
}
