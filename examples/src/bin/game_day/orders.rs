//! The order service: what one replica of it does with a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rely_core::Clock;
use rely_core::rng::Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::backend::{Backend, Enqueue};
use crate::build::Build;
use crate::http::is_good;

/// What a replica says about itself when it is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) build: Build,
}

/// What a replica has done so far.
#[derive(Default)]
pub(crate) struct Done {
    served: AtomicU64,
    refused: AtomicU64,
}

impl Done {
    /// Orders that have reached it.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Orders that found no connection in the pool.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Shop {
    clock: Clock,
    backend: Backend,
    pool: Option<Arc<Semaphore>>,
    done: Arc<Done>,
    build: Arc<Build>,
}

/// The service that `build` makes, in front of `backend`.
pub(crate) fn app(build: &Build, clock: &Clock, backend: Backend, done: Arc<Done>) -> Router {
    let pool = build.pool().map(|size| Arc::new(Semaphore::new(size)));
    let build = Arc::new(build.clone());
    let shop = Shop { clock: clock.clone(), backend, pool, done, build };
    Router::new().route("/order/{id}", post(order)).route("/about", get(about)).with_state(shop)
}

/// Takes an order: a little work that depends on the order's number alone, then the queue.
async fn order(State(shop): State<Shop>, Path(id): Path<u64>) -> Response {
    shop.done.served.fetch_add(1, Ordering::Relaxed);
    let _connection = match shop.pool.as_deref().map(Semaphore::try_acquire) {
        Some(Err(_)) => {
            shop.done.refused.fetch_add(1, Ordering::Relaxed);
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Some(Ok(connection)) => Some(connection),
        None => None,
    };
    shop.clock.sleep(Duration::from_micros(1_000 + Rng::seeded(id).below(2_000))).await;
    if is_good(shop.backend.oneshot(Enqueue::new(id)).await).await {
        let label = HeaderValue::from_str(&shop.build.label);
        let label = label.unwrap_or(HeaderValue::from_static("unnamed"));
        ([("x-release", label)], StatusCode::CREATED).into_response()
    } else {
        StatusCode::SERVICE_UNAVAILABLE.into_response()
    }
}

async fn about(State(shop): State<Shop>) -> Json<About> {
    Json(About { build: Build::clone(&shop.build) })
}
