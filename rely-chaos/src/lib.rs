#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod armed;
mod arming;
mod builder;
pub mod draw;
mod error;
pub mod experiment;
pub mod fault;
mod flight;
mod future;
mod hold;
mod injected;
mod instance;
mod kill;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub mod lifeline;
mod point;
pub mod tower;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod outage_tests;
#[cfg(test)]
mod tests;

pub use armed::{Armed, End, EndReason, PointEvent, Report};
pub use async_trait::async_trait;
pub use builder::FaultPointBuilder;
pub use error::ArmError;
pub use experiment::{Conclusion, Experiment, ExperimentReport, FaultAction, FnAction, KillAction};
pub use fault::{Effect, Fault};
pub use future::FaultFuture;
pub use injected::Injected;
pub use instance::{BoxError, Instance, Killed};
pub use kill::KillSwitch;
#[cfg(feature = "tokio")]
pub use lifeline::Lifeline;
pub use point::FaultPoint;
pub use tower::{FaultLayer, FaultService};
