//! A time limit for each attempt.
//!
//! It belongs inside the breaker, so that a timeout counts there, and around nothing but the attempt:
//! a limit on the whole call, retries included, is another one, further out. The time starts at
//! `call`; waiting for the service to be ready is not part of it. Once it is over, the inner future is
//! dropped before the error is returned. An answer that is there by the time the limit is looked at
//! wins.
//!
//! A timeout is a failure of the other side, never a refusal of ours: an [`Elapsed`] carries no
//! [`Refusal`](rely_core::Refusal), and so every classifier has it count in a breaker's window.
//!
//! ```
//! use core::time::Duration;
//! use rely_breaker::AttemptTimeout;
//! use tower::{BoxError, ServiceBuilder, ServiceExt};
//!
//! # futures::executor::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(AttemptTimeout::new(Duration::from_millis(5))?.on_timeout(|e| Err(e.into())))
//!     .service_fn(|(): ()| core::future::pending::<Result<(), BoxError>>());
//! let error = service.oneshot(()).await.unwrap_err();
//! assert_eq!(error.to_string(), "no answer within 5ms");
//! # Ok::<(), rely_core::ConfigError>(())
//! # }).unwrap();
//! ```

mod config;
mod error;
mod future;
mod layer;
mod service;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

pub use self::config::TimeoutConfig;
pub use self::error::{AsError, Elapsed, OnTimeout, TimeoutError, With};
pub use self::future::TimeoutFuture;
pub use self::layer::AttemptTimeout;
pub use self::service::TimeoutService;
