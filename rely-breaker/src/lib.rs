#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod call;
mod config;
mod error;
pub mod machine;
mod permit;
mod sync;
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
pub use config::BreakerConfig;
pub use error::{BreakerError, Rejected, RejectedReason};
pub use machine::{Change, ChangeReason, State, TripReason};
pub use permit::Permit;
pub use tower::{BreakerLayer, BreakerService};
