#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod answer;
mod breaker;
mod call;
mod config;
mod error;
#[cfg(feature = "failover")]
#[cfg_attr(docsrs, doc(cfg(feature = "failover")))]
pub mod failover;
#[cfg(feature = "keyed")]
#[cfg_attr(docsrs, doc(cfg(feature = "keyed")))]
pub mod keyed;
pub mod machine;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(doc)]
#[doc = include_str!("../MIGRATING.md")]
pub mod migrating {}
mod permit;
#[cfg(any(feature = "failover", feature = "retry"))]
mod request;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub mod retry;
mod snapshot;
mod sync;
#[cfg(feature = "throttle")]
#[cfg_attr(docsrs, doc(cfg(feature = "throttle")))]
pub mod throttle;
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

pub use breaker::{Breaker, BreakerBuilder, BreakerStatus, Drive, NamedChange};
pub use call::Call;
pub use config::{
    AfterTrialLimit, BreakerConfig, Cancelled, OpenBackoff, Ramp, SlowCalls, TripOn, Window,
};
pub use error::{BreakerError, Rejected, RejectedReason};
#[cfg(feature = "failover")]
pub use failover::{Endpoint, Failover};
#[cfg(feature = "keyed")]
pub use keyed::Breakers;
pub use machine::{Change, ChangeReason, State, TripReason};
pub use permit::{OwnedPermit, Permit};
#[cfg(any(feature = "failover", feature = "retry"))]
pub use request::{ByClone, CloneRequest};
#[cfg(feature = "retry")]
pub use retry::{RetryBudget, RetryPolicy};
pub use snapshot::BreakerSnapshot;
#[cfg(feature = "throttle")]
pub use throttle::{Priority, Throttle};
#[cfg(feature = "timeout")]
pub use timeout::AttemptTimeout;
pub use tower::{BreakerLayer, BreakerService};
