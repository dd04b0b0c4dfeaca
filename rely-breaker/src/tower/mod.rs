//! The tower side of the breaker.
//!
//! # Readiness
//!
//! An open breaker says it is ready without asking the inner service, and rejects in `call`: so a
//! rejection is an answer to one call and never an error that discards the service, and a breaker
//! over a service that is never ready still fails fast. Whether a call goes through is decided in
//! `call`, whatever the state was when the service was polled. Where it was open then and is not any
//! more, the inner service has not said that it is ready; the call is rejected with
//! [`RejectedReason::InnerNotReady`](crate::RejectedReason::InnerNotReady), which says to try again
//! at once. When the open time is over, readiness is the inner service's again, and a caller that
//! already waits for it does so whatever the breaker comes to.
//!
//! Where the breaker opens between the two, the inner service stays ready for the next call to this
//! value of the service; a place that it took in a limit is free again once that is made or the value
//! dropped.
//!
//! # Streams
//!
//! A call is judged by the head of its answer; how a body ends does not count here.

mod future;
mod layer;
mod reject;
mod service;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

pub use self::future::BreakerFuture;
pub use self::layer::BreakerLayer;
pub use self::reject::{AsError, OnReject, With};
pub use self::service::BreakerService;
