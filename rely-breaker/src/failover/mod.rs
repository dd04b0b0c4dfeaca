//! A service over several endpoints that turns to the next where one refuses.
//!
//! # Which endpoint
//!
//! Endpoints stand in the order of their priority, the lower number first, and within a priority in
//! the order given: the local zone first. A call takes the first; where that *refuses*, the same call
//! goes on to the next at once. A refusal is what the classifier says is
//! [`Rejected`](rely_core::Class::Rejected): an open breaker or a full limit of ours, before anything
//! was sent. So nothing is repeated, and no retry is spent. Every other answer is returned, failures
//! included: whether to try again is for the retry outside to say, and for its budget. If all refuse,
//! the refusal with the shortest [`retry_after`](rely_core::Outcome::retry_after) is returned, the
//! first of them where none says: [`ByError`](rely_core::classify::ByError) never does, a classifier
//! that knows [`Rejected`](crate::Rejected) can.
//!
//! So what guards an endpoint is its own breaker, inside: to ask an open one costs next to nothing,
//! and one whose open time is over has its trials the moment it is asked.
//!
//! # Further attempts
//!
//! With [`attempt_by`](FailoverBuilder::attempt_by) a retry goes elsewhere: attempt `n` starts after
//! the first `n` endpoints, not counting those whose last answer was a refusal, around the ring, and
//! goes on from there.
//!
//! # Signals
//!
//! An endpoint with a [`signal`](Endpoint::signal) that reads unhealthy comes after all others: it is
//! called only when they all refuse, and when every endpoint reads unhealthy, they are called in
//! order as if none did. Only evidence sets an endpoint back: unknown does not. A signal is for what
//! the endpoint's own breaker cannot see, a detector or a probe. The breaker itself is no such signal:
//! it is open until a call asks, and this call would never come.
//!
//! # Readiness
//!
//! It is ready when any endpoint is: one that is not yet ready stands back and does not block. Each
//! call goes to a clone of an endpoint's service that was polled ready; every other clone that was
//! polled for it is dropped, so that none sits on a place in a limit or in a queue. A service whose
//! readiness fails is dropped too; a new clone is asked next time. A call that was refused waits for
//! those that are left; a limit that refuses rather than waits makes that an answer. The future is `Send` where the
//! services are `Send` and `Sync`: box different ones with tower's `BoxCloneSyncService`.
//!
//! ```
//! use rely_breaker::{Breaker, Endpoint, Failover};
//! use rely_core::classify::ByError;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # futures::executor::block_on(async {
//! let zone = |name: &'static str, is_up: bool| {
//!     let breaker = Breaker::builder(name).minimum_calls(1).build()?;
//!     let layers = ServiceBuilder::new().layer(breaker.layer().classify(ByError));
//!     Ok(layers.service_fn(move |order: u32| async move {
//!         if is_up { Ok(format!("{order} in {name}")) } else { Err(std::io::Error::other("down")) }
//!     }))
//! };
//! let failover = Failover::builder("orders")
//!     .endpoint(Endpoint::new("a").zone("zone-a"), zone("a", false)?)
//!     .endpoint(Endpoint::new("b").zone("zone-b"), zone("b", true)?)
//!     .build()?;
//! let handle = failover.handle();
//!
//! // The first call fails in a and is not repeated; it opens a's breaker, and the next is b's.
//! assert!(failover.clone().oneshot(1).await.is_err());
//! assert_eq!(failover.oneshot(2).await.unwrap(), "2 in b");
//! assert_eq!(handle.status().moved_on, 1);
//! # Ok::<(), rely_core::ConfigError>(())
//! # }).unwrap();
//! ```

mod builder;
mod config;
mod endpoint;
mod future;
mod order;
mod ready;
mod service;
mod status;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

pub use self::builder::FailoverBuilder;
pub use self::config::{EndpointConfig, FailoverConfig};
pub use self::endpoint::{AttemptOf, Endpoint, FirstAttempt};
pub use self::future::FailoverFuture;
pub use self::service::Failover;
pub use self::status::{EndpointStatus, FailoverHandle, FailoverStatus};
