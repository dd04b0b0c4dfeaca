#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod candidacy;
mod digest;
pub mod drift;
mod driver;
mod error;
pub mod ledger;
pub mod machine;
mod plan;
pub mod reconcile;
mod release;
mod rollout;
pub mod route;
mod sync;

pub use builder::RolloutBuilder;
pub use digest::{Digest, ParseDigestError, ShortDigest};
pub use drift::{DriftCheck, DriftCheckBuilder, Observed};
pub use driver::Driver;
pub use error::{AlreadyDriven, Controlled};
pub use ledger::{LedgerError, Releases, Standing};
pub use machine::{Decision, Progress, Reason};
pub use plan::{Plan, Step};
pub use reconcile::{Actuator, ReconcileConfig, Reconciler, ReconcilerBuilder};
pub use release::{Entries, Manifest, Release, ReleaseBuilder};
pub use rollout::{Rollout, RolloutStatus};
pub use route::{Arm, Key, Split};
