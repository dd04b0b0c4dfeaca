//! Breakers between real servers and real clients, over loopback.

#![allow(clippy::unwrap_used)]

mod axum_server;
mod balanced;
mod bare;
#[cfg(feature = "tonic")]
mod grpc;
mod hyper_client;
#[cfg(feature = "reqwest")]
mod reqwest_client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use axum::Router;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rely_breaker::{Breaker, BreakerBuilder};
use rely_core::{Clock, ManualClock};
use tokio::net::{TcpListener, TcpSocket};

/// A breaker that two failures open, for 30 s, and one trial closes.
fn breaker(name: &str) -> (Breaker, ManualClock) {
    let (clock, manual) = Clock::manual();
    (two_failures(Breaker::builder(name)).clock(clock).build().unwrap(), manual)
}

fn two_failures(builder: BreakerBuilder) -> BreakerBuilder {
    builder.minimum_calls(2).trials(1)
}

/// What a server answers with, and how often it was asked.
#[derive(Clone, Default)]
struct Mood(Arc<(AtomicU16, AtomicU32)>);

impl Mood {
    fn of(status: StatusCode) -> Self {
        let mood = Self::default();
        mood.set(status);
        mood
    }

    fn set(&self, status: StatusCode) {
        self.0.0.store(status.as_u16(), Ordering::Relaxed);
    }

    fn answer(&self) -> StatusCode {
        self.0.1.fetch_add(1, Ordering::Relaxed);
        StatusCode::from_u16(self.0.0.load(Ordering::Relaxed)).unwrap()
    }

    fn asked(&self) -> u32 {
        self.0.1.load(Ordering::Relaxed)
    }

    fn router(&self) -> Router {
        let mood = self.clone();
        let answer = move || core::future::ready((mood.answer(), "answer"));
        Router::new().route("/", axum::routing::any(answer))
    }
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

/// An address that nobody listens on or can come to while the socket lives.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A client with a new connection for each request.
fn client() -> Client<HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http()
}

fn get(address: SocketAddr, path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{address}{path}")).body(Empty::new()).unwrap()
}
