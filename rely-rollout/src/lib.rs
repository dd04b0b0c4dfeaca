#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod driver;
mod error;
pub mod machine;
mod plan;
mod rollout;
pub mod route;
mod sync;

pub use driver::Driver;
pub use error::{AlreadyDriven, Controlled};
pub use machine::{Decision, Reason, Standing};
pub use plan::{Plan, Step};
pub use rollout::{Rollout, RolloutBuilder, RolloutStatus};
pub use route::{Arm, Key, Split};
