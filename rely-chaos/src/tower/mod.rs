//! The tower side of a fault point.
//!
//! # Readiness
//!
//! `poll_ready` is that of the inner service, untouched. Whether a call is hit is decided in `call`:
//!
//! * late: the inner service that was polled ready is called at once, and its *answer* is held back.
//!   Nothing has to be cloned, and what the call does is done by the time that the caller gives up
//!   on it, which is what a slow answer means to everybody who retries.
//! * failed or hung: the inner service is not called. It stays ready, as after any caller who polls
//!   and then does not call; what it has reserved for the call it keeps for the next one or for its
//!   drop.
//! * cut by an outage: the call that the inner service made is dropped.
//!
//! Nothing is hit, counted or decided anywhere else, and nothing is rejected: an injected failure
//! carries no [`Refusal`](rely_core::Refusal) unless the user's own answer does.

mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use self::layer::FaultLayer;
pub use self::service::FaultService;
