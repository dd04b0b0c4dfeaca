//! Real HTTP over loopback, as everything here speaks it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

pub(crate) type HttpClient = Client<HttpConnector, Empty<Bytes>>;
pub(crate) type HttpResponse = Response<Incoming>;

pub(crate) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(1)));
    Client::builder(TokioExecutor::new()).build(connector)
}

/// A request without a body to a port of this machine.
pub(crate) fn request(method: Method, port: u16, path: &str) -> Request<Empty<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .body(Empty::new())
        .expect("a port and a path of ours make a request")
}

/// Whether an answer is good to its last byte.
pub(crate) async fn is_good<E>(answer: Result<HttpResponse, E>) -> bool {
    match answer {
        Ok(response) if response.status().is_success() => {
            response.into_body().collect().await.is_ok()
        }
        _ => false,
    }
}
