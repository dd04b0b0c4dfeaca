//! The queue that the order service depends on, as a managed one would be: an endpoint in each of two
//! zones, behind HTTP, with a rhythm of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use rely_chaos::FaultPoint;
use rely_core::{Clock, Instant};
use tokio::net::TcpListener;

use crate::world::Laws;

/// How often the queue writes its log away; it is slower meanwhile, and a detector has to know.
pub(crate) const FLUSH_EVERY: Duration = Duration::from_secs(2);

/// One endpoint of the queue.
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Where it can be made to fail.
    pub(crate) point: FaultPoint,
    received: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Shop {
    clock: Clock,
    began: Instant,
    received: Arc<AtomicU64>,
}

impl Queue {
    /// Starts an endpoint for the services of `client`, on a loopback port of its own.
    pub(crate) async fn start(
        name: &str,
        client: &str,
        laws: &Laws<'_>,
    ) -> Result<Self, crate::BoxError> {
        let &Laws { clock, kill_switch, breakable, .. } = laws;
        let point = FaultPoint::builder("queue.enqueue")
            .label("endpoint", name)
            .label("client", client)
            .kill_switch(kill_switch)
            .clock(clock.clone())
            .build()?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(AtomicU64::new(0));
        let shop =
            Shop { clock: clock.clone(), began: clock.now(), received: Arc::clone(&received) };
        let mut app =
            Router::new().route("/enqueue/{order}", post(enqueue)).route("/probe", get(probe));
        if breakable {
            app = app.layer(point.layer(|_| -> Result<Response, Infallible> {
                Ok(StatusCode::SERVICE_UNAVAILABLE.into_response())
            }));
        }
        tokio::spawn(async move { axum::serve(listener, app.with_state(shop)).await });
        Ok(Self { name: name.to_owned(), port, point, received })
    }

    /// How many messages it was sent.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

impl Shop {
    /// From 3 to 7 ms, rising and falling with the flush.
    async fn work(&self) {
        let period = FLUSH_EVERY.as_secs_f64();
        let phase = (self.clock.now() - self.began).as_secs_f64() % period / period;
        let busy = 0.5 - 0.5 * (core::f64::consts::TAU * phase).cos();
        self.clock.sleep(Duration::from_secs_f64(0.003 + 0.004 * busy)).await;
    }
}

async fn enqueue(State(shop): State<Shop>) -> StatusCode {
    shop.received.fetch_add(1, Ordering::Relaxed);
    shop.work().await;
    StatusCode::ACCEPTED
}

async fn probe(State(shop): State<Shop>) -> StatusCode {
    shop.work().await;
    StatusCode::OK
}
