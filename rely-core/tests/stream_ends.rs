//! How streams end between real peers: a server and a client over loopback, each with its own
//! classifier, each seeing the same end from its own side.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body as ServerBody;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rely_core::body::{Finish, StreamEnd, TrackedBody};
use rely_core::classify::{Classify, ClassifyEnd, Grpc, HttpStatus};
use rely_core::{Judgement, Outcome};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Seen = (&'static str, Outcome);

/// What a meter would be: it waits for the end of the stream if the head does not decide.
struct Recorder<C> {
    classifier: C,
    head: Outcome,
    seen: UnboundedSender<Seen>,
}

impl<C: ClassifyEnd<E>, E> Finish<E> for Recorder<C> {
    fn finish(self, end: StreamEnd<'_, E>) {
        let outcome = self.classifier.classify_end(self.head, end);
        self.seen.send((end.as_str(), outcome)).expect("the test listens");
    }
}

fn watch<B, C>(
    response: Response<B>,
    classifier: C,
    seen: UnboundedSender<Seen>,
) -> Response<TrackedBody<B, Recorder<C>>>
where
    B: Body,
    C: Classify<Response<B>, Infallible> + ClassifyEnd<B::Error>,
{
    match classifier.classify(Ok(&response)) {
        Judgement::Now(outcome) => {
            seen.send(("now", outcome)).expect("the test listens");
            response.map(TrackedBody::untracked)
        }
        Judgement::AtEnd(head) => {
            response.map(|body| TrackedBody::new(body, Recorder { classifier, head, seen }))
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Finale {
    End,
    Error,
    Endless,
    Trailers(&'static str),
}

/// Some frames of five bytes, then its finale.
struct Frames {
    left: usize,
    promise: Option<u64>,
    finale: Finale,
    flushed: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left > 0 {
            self.left -= 1;
            self.promise = self.promise.map(|promise| promise.saturating_sub(5));
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"hello")))));
        }
        // A server that waits for its body sends what it has; an error would throw that away.
        if !std::mem::replace(&mut self.flushed, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let finale = std::mem::replace(&mut self.finale, Finale::End);
        Poll::Ready(match finale {
            Finale::End => None,
            Finale::Error => Some(Err(io::Error::other("broken"))),
            Finale::Endless => {
                self.finale = Finale::Endless;
                Some(Ok(Frame::data(Bytes::from_static(&[0; 16 * 1024]))))
            }
            Finale::Trailers(status) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static(status));
                Some(Ok(Frame::trailers(trailers)))
            }
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.promise.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// The two sides, and what each has seen.
struct Peers {
    address: String,
    client: Client<HttpConnector, Empty<Bytes>>,
    server: UnboundedReceiver<Seen>,
    at_client: UnboundedSender<Seen>,
    from_client: UnboundedReceiver<Seen>,
}

impl Peers {
    /// Serves what `answer` makes, watched by a classifier like `classifier`.
    async fn start<B, C>(
        classifier: C,
        answer: impl Fn() -> Response<B> + Clone + Send + Sync + 'static,
    ) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
        C: Classify<Response<B>, Infallible> + ClassifyEnd<B::Error>,
        C: Clone + Send + Sync + 'static,
    {
        let (at_server, server) = unbounded_channel();
        let handler = move || {
            let watched = watch(answer(), classifier.clone(), at_server.clone());
            async move { watched.map(ServerBody::new) }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/", get(handler));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (at_client, from_client) = unbounded_channel();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, client, server, at_client, from_client }
    }

    async fn call<C>(
        &self,
        method: Method,
        classifier: C,
    ) -> Response<TrackedBody<Incoming, Recorder<C>>>
    where
        C: Classify<Response<Incoming>, Infallible> + ClassifyEnd<hyper::Error>,
    {
        let request = Request::builder().method(method).uri(&self.address);
        let request = request.header("te", "trailers").body(Empty::new()).unwrap();
        let response = self.client.request(request).await.unwrap();
        watch(response, classifier, self.at_client.clone())
    }

    async fn server_saw(&mut self) -> Seen {
        self.server.recv().await.unwrap()
    }

    async fn client_saw(&mut self) -> Seen {
        self.from_client.recv().await.unwrap()
    }
}

fn frames(left: usize, promise: Option<u64>, finale: Finale) -> Response<Frames> {
    Response::new(Frames { left, promise, finale, flushed: false })
}

#[tokio::test]
async fn a_whole_body_is_a_success_on_both_sides() {
    for promise in [None, Some(15)] {
        let answer = move || frames(3, promise, Finale::End);
        let mut peers = Peers::start(HttpStatus::new(), answer).await;
        let response = peers.call(Method::GET, HttpStatus::new()).await;
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&bytes[..], b"hellohellohello");
        assert_eq!(peers.client_saw().await, ("complete", Outcome::SUCCESS));
        // A server that knows the length does not ask for the end.
        let end = if promise.is_some() { "delivered" } else { "complete" };
        assert_eq!(peers.server_saw().await, (end, Outcome::SUCCESS));
    }
}

#[tokio::test]
async fn a_body_in_one_piece_is_complete_on_the_server() {
    let answer = || Response::new(Full::<Bytes>::from("hello"));
    let mut peers = Peers::start(HttpStatus::new(), answer).await;
    let response = peers.call(Method::GET, HttpStatus::new()).await;
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(peers.client_saw().await, ("complete", Outcome::SUCCESS));
    assert_eq!(peers.server_saw().await, ("complete", Outcome::SUCCESS));
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_a_failure_on_both_sides() {
    let answer = || frames(1, Some(10), Finale::End);
    let mut peers = Peers::start(HttpStatus::new(), answer).await;
    let response = peers.call(Method::GET, HttpStatus::new()).await;
    assert_eq!(response.headers()["content-length"], "10");
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(peers.client_saw().await, ("error", Outcome::FAILURE));
    assert_eq!(peers.server_saw().await, ("truncated", Outcome::FAILURE));
}

#[tokio::test]
async fn an_error_halfway_is_a_failure_on_both_sides() {
    for promise in [None, Some(15)] {
        let answer = move || frames(2, promise, Finale::Error);
        let mut peers = Peers::start(HttpStatus::new(), answer).await;
        let response = peers.call(Method::GET, HttpStatus::new()).await;
        assert!(response.into_body().collect().await.is_err());
        assert_eq!(peers.client_saw().await, ("error", Outcome::FAILURE));
        assert_eq!(peers.server_saw().await, ("error", Outcome::FAILURE));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_halfway_cancels_on_both_sides() {
    let answer = || frames(1, None, Finale::Endless);
    let mut peers = Peers::start(HttpStatus::new(), answer).await;
    let mut body = peers.call(Method::GET, HttpStatus::new()).await.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    assert_eq!(peers.client_saw().await, ("dropped", Outcome::CANCELLED));
    assert_eq!(peers.server_saw().await, ("dropped", Outcome::CANCELLED));
}

#[tokio::test]
async fn a_client_that_wants_the_head_alone_has_its_success() {
    let answer = || frames(1, None, Finale::Endless);
    let mut peers = Peers::start(HttpStatus::new(), answer).await;
    drop(peers.call(Method::GET, HttpStatus::new()).await);
    assert_eq!(peers.client_saw().await, ("unread", Outcome::SUCCESS));
    assert_eq!(peers.server_saw().await, ("dropped", Outcome::CANCELLED));
}

#[tokio::test]
async fn a_head_request_leaves_the_body_unread() {
    let answer = || frames(2, Some(10), Finale::End);
    let mut peers = Peers::start(HttpStatus::new(), answer).await;
    let response = peers.call(Method::HEAD, HttpStatus::new()).await;
    assert_eq!(response.headers()["content-length"], "10");
    assert_eq!(peers.client_saw().await, ("complete", Outcome::SUCCESS));
    assert_eq!(peers.server_saw().await, ("unread", Outcome::SUCCESS));
    drop(response);
}

#[tokio::test]
async fn a_refused_call_is_judged_by_its_head() {
    let answer = || {
        let mut response = frames(1, None, Finale::End);
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert("retry-after", HeaderValue::from_static("3"));
        response
    };
    let mut peers = Peers::start(HttpStatus::new(), answer).await;
    let response = peers.call(Method::GET, HttpStatus::new()).await;
    let expected = Outcome::FAILURE.with_retry_after(std::time::Duration::from_secs(3));
    assert_eq!(peers.client_saw().await, ("now", expected));
    assert_eq!(peers.server_saw().await, ("now", expected));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    assert!(peers.from_client.try_recv().is_err(), "the body adds nothing");
}

#[tokio::test]
async fn a_grpc_status_in_the_trailers_decides_on_both_sides() {
    for (status, outcome) in
        [("0", Outcome::SUCCESS), ("8", Outcome::SOFT_FAILURE), ("14", Outcome::FAILURE)]
    {
        let answer = move || {
            let mut response = frames(2, None, Finale::Trailers(status));
            response.headers_mut().insert("trailer", HeaderValue::from_static("grpc-status"));
            response
        };
        let mut peers = Peers::start(Grpc::new(), answer).await;
        let response = peers.call(Method::GET, Grpc::new()).await;
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["grpc-status"], status);
        assert_eq!(peers.client_saw().await, ("complete", outcome));
        assert_eq!(peers.server_saw().await, ("complete", outcome));
    }
}

#[tokio::test]
async fn a_grpc_stream_without_a_status_is_a_failure() {
    let answer = || frames(2, None, Finale::End);
    let mut peers = Peers::start(Grpc::new(), answer).await;
    let response = peers.call(Method::GET, Grpc::new()).await;
    assert!(response.into_body().collect().await.unwrap().trailers().is_none());
    assert_eq!(peers.client_saw().await, ("complete", Outcome::FAILURE));
    assert_eq!(peers.server_saw().await, ("complete", Outcome::FAILURE));
}
