//! tonic's server and client, with a method and a codec that nobody generated.

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use rely_breaker::{Rejected, State};
use rely_core::classify::Grpc;
use rely_core::{Refusal, RejectedBy};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tower::{Layer, Service, ServiceBuilder, service_fn};

use super::{breaker, nobody};

/// A message is a text.
#[derive(Clone, Copy)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = src.copy_to_bytes(src.remaining()).to_vec();
        String::from_utf8(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

/// The code that the server answers with, and how often it was asked.
#[derive(Clone, Default)]
struct Mood(Arc<(AtomicI32, AtomicU32)>);

impl Mood {
    fn set(&self, code: Code) {
        self.0.0.store(code.into(), Ordering::Relaxed);
    }

    fn asked(&self) -> u32 {
        self.0.1.load(Ordering::Relaxed)
    }

    fn answer(&self, request: Request<String>) -> Result<Response<String>, Status> {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        match Code::from_i32(self.0.0.load(Ordering::Relaxed)) {
            Code::Ok => Ok(Response::new(request.into_inner().to_uppercase())),
            code => Err(Status::new(code, "as told")),
        }
    }
}

type Answer = Result<http::Response<Body>, Infallible>;

/// A server behind `layer`, and a channel to it.
async fn serve<L, S>(mood: &Mood, layer: L) -> Channel
where
    L: FnOnce(
        tower::util::BoxCloneService<http::Request<Body>, http::Response<Body>, Infallible>,
    ) -> S,
    S: Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<rely_breaker::answer::BoxError> + Send + 'static,
{
    let mood = mood.clone();
    let method = service_fn(move |request: http::Request<Body>| {
        let mood = mood.clone();
        let unary = service_fn(move |request| ready(mood.answer(request)));
        async move { Answer::Ok(tonic::server::Grpc::new(Text).unary(unary, request).await) }
    });
    let service = layer(tower::util::BoxCloneService::new(method));
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    tokio::spawn(Server::builder().serve_with_incoming(service, incoming));
    Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

async fn ask<S>(service: S) -> Result<String, Status>
where
    S: GrpcService<Body>,
    S::ResponseBody: Send + 'static,
    <S::ResponseBody as hyper::body::Body>::Error: Into<rely_breaker::answer::BoxError>,
{
    let mut client = tonic::client::Grpc::new(service);
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/test.Texts/Upper");
    Ok(client.unary(Request::new("text".to_owned()), path, Text).await?.into_inner())
}

fn pushback(status: &Status) -> &str {
    status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap()
}

#[tokio::test]
async fn a_client_of_an_ill_server_sees_unavailable_and_when_to_come_back() {
    let (breaker, manual) = breaker("texts é\r\n");
    let mood = Mood::default();
    let layer = breaker.layer().classify(Grpc::new()).answer_grpc();
    let channel = serve(&mood, |service| layer.layer(service)).await;
    assert_eq!(ask(channel.clone()).await.unwrap(), "TEXT");
    // The caller's mistakes are none of the server's.
    mood.set(Code::InvalidArgument);
    for _ in 0..10 {
        assert_eq!(ask(channel.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    }
    breaker.reset();
    mood.set(Code::Internal);
    for _ in 0..2 {
        assert_eq!(ask(channel.clone()).await.unwrap_err().code(), Code::Internal);
    }
    let asked = mood.asked();
    manual.advance(Duration::from_micros(1));
    let status = ask(channel.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "circuit breaker texts é\r\n is open, retry in 29.999999s");
    assert_eq!(pushback(&status), "30000");
    assert_eq!(mood.asked(), asked);

    mood.set(Code::Ok);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask(channel).await.unwrap(), "TEXT");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn a_client_sees_who_rejected_its_call() {
    let (breaker, manual) = breaker("texts");
    let mood = Mood::default();
    let channel = serve(&mood, |service| service).await;
    let layer = breaker.layer().classify(Grpc::new()).status_errors();
    let client = ServiceBuilder::new().layer(layer).service(channel);
    mood.set(Code::Unavailable);
    for _ in 0..2 {
        let status = ask(client.clone()).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "as told"));
        assert_eq!(Refusal::find(&status), None);
    }
    let status = ask(client.clone()).await.unwrap_err();
    assert_eq!((status.code(), pushback(&status)), (Code::Unavailable, "30000"));
    assert_eq!(Refusal::find(&status), Some(Refusal::new(RejectedBy::Breaker)));
    let rejected = status.source().unwrap().downcast_ref::<Rejected>().unwrap();
    assert_eq!(&*rejected.name, "texts");
    assert_eq!(mood.asked(), 2);

    mood.set(Code::Ok);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask(client).await.unwrap(), "TEXT");
}

#[tokio::test]
async fn a_client_keeps_its_error_where_a_rejection_is_an_answer() {
    let (breaker, _) = breaker("texts");
    let (_socket, address) = nobody();
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let layer = breaker.layer().classify(Grpc::new()).answer_grpc();
    let client = ServiceBuilder::new().layer(layer).service(channel);
    for _ in 0..2 {
        let status = ask(client.clone()).await.unwrap_err();
        assert!(!status.metadata().contains_key("grpc-retry-pushback-ms"), "{status}");
    }
    assert_eq!(breaker.state(), State::Open);
    let status = ask(client).await.unwrap_err();
    assert_eq!((status.code(), pushback(&status)), (Code::Unavailable, "30000"));
}

#[tokio::test]
async fn a_method_passes_on_what_another_refused() {
    let (breaker, _) = breaker("store");
    breaker.force_open();
    let mood = Mood::default();
    let channel = serve(&mood, |_| {
        let breaker = breaker.clone();
        service_fn(move |request: http::Request<Body>| {
            let breaker = breaker.clone();
            let unary = service_fn(move |_: Request<String>| {
                let breaker = breaker.clone();
                async move {
                    let stored = breaker.call(async { Err::<String, _>(Status::internal("down")) });
                    Ok::<_, Status>(Response::new(stored.await?))
                }
            });
            async move { Answer::Ok(tonic::server::Grpc::new(Text).unary(unary, request).await) }
        })
    })
    .await;
    let status = ask(channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.message(), "circuit breaker store is forced open");
}
