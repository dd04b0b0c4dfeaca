//! The order service, in two versions, on real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rely_chaos::FaultPoint;
use rely_core::Clock;
use rely_core::rng::Rng;
use tokio::net::TcpListener;

/// A running version.
pub(crate) struct Version {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    served: Arc<AtomicU64>,
}

impl Version {
    /// How many requests have reached it.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Shop {
    name: &'static str,
    clock: Clock,
    served: Arc<AtomicU64>,
}

/// Takes an order: a few milliseconds of work that depend on the order's number alone.
async fn order(State(shop): State<Shop>, Path(id): Path<u64>) -> String {
    let work = Duration::from_micros(1_000 + Rng::seeded(id).below(4_000));
    shop.clock.sleep(work).await;
    format!("order {id} taken by {}", shop.name)
}

/// Starts a version on a loopback port of its own, with `point` where it can be broken.
pub(crate) async fn start(
    name: &'static str,
    clock: &Clock,
    point: &FaultPoint,
) -> std::io::Result<Version> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let served = Arc::new(AtomicU64::new(0));
    let shop = Shop { name, clock: clock.clone(), served: Arc::clone(&served) };
    let count = axum::middleware::from_fn_with_state(
        shop.clone(),
        |State(shop): State<Shop>,
         request: axum::extract::Request,
         next: axum::middleware::Next| async move {
            shop.served.fetch_add(1, Ordering::Relaxed);
            next.run(request).await
        },
    );
    let broken = |_| -> Result<Response, std::convert::Infallible> {
        Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response())
    };
    let app = Router::new()
        .route("/order/{id}", get(order))
        .layer(point.layer(broken))
        .layer(count)
        .with_state(shop);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Version { name, address, served })
}
