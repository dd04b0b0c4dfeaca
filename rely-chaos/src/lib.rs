#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod armed;
mod arming;
mod builder;
pub mod draw;
mod error;
pub mod fault;
mod future;
mod hold;
mod injected;
mod kill;
mod point;
pub mod tower;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use armed::{Armed, End, EndReason, PointEvent, Report};
pub use builder::FaultPointBuilder;
pub use error::ArmError;
pub use fault::{Effect, Fault};
pub use future::FaultFuture;
pub use injected::Injected;
pub use kill::KillSwitch;
pub use point::FaultPoint;
pub use tower::{FaultLayer, FaultService};
