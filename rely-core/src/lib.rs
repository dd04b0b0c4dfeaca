#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod instant;
mod outcome;
#[cfg(feature = "report")]
#[cfg_attr(docsrs, doc(cfg(feature = "report")))]
pub mod report;
mod verdict;

pub use error::{ConfigError, Refusal};
pub use instant::Instant;
pub use outcome::{Class, Outcome, RejectedBy, Weight};
pub use verdict::{Evidence, Level, Verdict};
