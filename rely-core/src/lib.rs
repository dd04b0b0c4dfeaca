#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
mod error;
mod instant;
pub mod keyed;
mod outcome;
pub mod poller;
pub mod signal;
mod sync;
mod verdict;
pub mod window;

pub use clock::{Clock, ManualClock, Sleep};
pub use error::{ConfigError, Refusal};
pub use instant::Instant;
pub use keyed::Keyed;
pub use outcome::{Class, Outcome, RejectedBy, Weight};
pub use signal::Signal;
pub use verdict::{Evidence, Level, Verdict};
