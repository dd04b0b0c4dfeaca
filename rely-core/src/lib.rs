#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backoff;
pub mod config;
mod error;
mod instant;
mod outcome;
pub mod rng;
mod verdict;

pub use backoff::Backoff;
pub use config::Ratio;
pub use error::{ConfigError, Refusal};
pub use instant::Instant;
pub use outcome::{Class, Outcome, RejectedBy, Weight};
pub use verdict::{Evidence, Level, Verdict};
