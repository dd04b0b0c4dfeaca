//! A server that protects what its handlers need.

use std::time::Duration;

use axum::Router;
use axum::extract;
use axum::response::Response;
use axum::routing;
use http::StatusCode;
use http_body_util::BodyExt;
use rely_breaker::{Breaker, Rejected, State};
use rely_core::classify::HttpStatus;

use super::{Mood, breaker, client, get, serve};

#[tokio::test]
async fn an_ill_handler_is_left_alone_until_it_is_well_again() {
    let (breaker, manual) = breaker("50% é\r\n");
    let mood = Mood::of(StatusCode::INTERNAL_SERVER_ERROR);
    let layer = breaker.layer().classify(HttpStatus::new()).answer_http();
    let address = serve(mood.router().layer(layer)).await;
    let ask = async || client().request(get(address, "/")).await.unwrap();

    assert_eq!(ask().await.status(), 500);
    assert_eq!(ask().await.status(), 500);
    manual.advance(Duration::from_millis(1));
    let answer = ask().await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "30");
    assert_eq!(answer.headers()["content-length"], "0");
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(mood.asked(), 2, "each request came on a connection of its own");

    mood.set(StatusCode::OK);
    assert_eq!(ask().await.status(), 503);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask().await.status(), 200);
    assert_eq!(ask().await.status(), 200);
    assert_eq!(mood.asked(), 4);
}

#[tokio::test]
async fn one_layer_on_two_routes_is_one_breaker_and_others_go_on() {
    let (breaker, _) = breaker("store");
    let mood = Mood::of(StatusCode::BAD_GATEWAY);
    let layer = breaker.layer().classify(HttpStatus::new()).answer_http();
    let stored = || mood.router().layer(layer.clone());
    let app = Router::new()
        .nest("/read", stored())
        .nest("/write", stored())
        .route("/live", routing::get(async || "yes"));
    let address = serve(app).await;
    let ask = async |path| client().request(get(address, path)).await.unwrap().status();
    assert_eq!(ask("/read").await, 502);
    assert_eq!(ask("/write").await, 502);
    assert_eq!(ask("/read").await, 503);
    assert_eq!(ask("/write").await, 503);
    assert_eq!(ask("/live").await, 200);
}

#[tokio::test]
async fn what_stands_outside_sees_who_rejected() {
    let (breaker, _) = breaker("store");
    breaker.force_open();
    let explain = |response: Response| match response.extensions().get::<Rejected>() {
        Some(rejected) => {
            let text = format!("{} is busy", rejected.name);
            response.map(|_| text.into())
        }
        None => response,
    };
    let app = Mood::of(StatusCode::OK)
        .router()
        .layer(breaker.layer().answer_http())
        .layer(tower::util::MapResponseLayer::new(explain));
    let answer = client().request(get(serve(app).await, "/")).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(!answer.headers().contains_key("retry-after"), "nobody knows when");
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "store is busy");
}

#[tokio::test]
async fn a_breaker_outside_takes_a_rejection_for_no_failure() {
    let (store, _) = breaker("store");
    let (server, _) = breaker("server");
    let mood = Mood::of(StatusCode::INTERNAL_SERVER_ERROR);
    let layer = |breaker: &Breaker| breaker.layer().classify(HttpStatus::new()).answer_http();
    let address = serve(mood.router().layer(layer(&store)).layer(layer(&server))).await;
    store.force_open();
    for _ in 0..10 {
        assert_eq!(client().request(get(address, "/")).await.unwrap().status(), 503);
    }
    assert_eq!((server.state(), mood.asked()), (State::Closed, 0));
    store.reset();
    for _ in 0..2 {
        assert_eq!(client().request(get(address, "/")).await.unwrap().status(), 500);
    }
    assert_eq!(server.state(), State::Open, "failures are");
}

#[tokio::test]
async fn a_handler_asks_for_itself() {
    async fn order(breaker: extract::State<Breaker>) -> Result<&'static str, Response> {
        let permit = breaker.acquire()?;
        permit.failure();
        Ok("failed, but told so")
    }
    let (breaker, _) = breaker("store");
    let app = Router::new().route("/", routing::get(order)).with_state(breaker);
    let address = serve(app).await;
    let ask = async || client().request(get(address, "/")).await.unwrap();
    assert_eq!(ask().await.status(), 200);
    assert_eq!(ask().await.status(), 200);
    let answer = ask().await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "30");
}
