#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod call;
mod config;
mod error;
#[cfg(feature = "failover")]
#[cfg_attr(docsrs, doc(cfg(feature = "failover")))]
pub mod failover;
pub mod machine;
mod permit;
#[cfg(feature = "serde")]
mod rate;
#[cfg(any(feature = "failover", feature = "retry"))]
mod request;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub mod retry;
mod sync;
#[cfg(feature = "timeout")]
#[cfg_attr(docsrs, doc(cfg(feature = "timeout")))]
pub mod timeout;
pub mod tower;
mod word;

#[cfg(test)]
#[cfg(rely_loom)]
mod loom_tests;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

pub use breaker::{Breaker, BreakerBuilder, BreakerStatus};
pub use call::Call;
pub use config::{BreakerConfig, Cancelled, OpenBackoff, SlowCalls};
pub use error::{BreakerError, Rejected, RejectedReason};
#[cfg(feature = "failover")]
pub use failover::{Endpoint, Failover};
pub use machine::{Change, ChangeReason, State, TripReason};
pub use permit::Permit;
#[cfg(any(feature = "failover", feature = "retry"))]
pub use request::{ByClone, CloneRequest};
#[cfg(feature = "retry")]
pub use retry::{RetryBudget, RetryPolicy};
#[cfg(feature = "timeout")]
pub use timeout::AttemptTimeout;
pub use tower::{BreakerLayer, BreakerService};
