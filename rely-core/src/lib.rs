#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backoff;
pub mod config;
mod error;
pub mod event;
pub mod health;
mod instant;
mod outcome;
pub mod recorder;
pub mod rng;
mod sync;
mod verdict;

pub use backoff::Backoff;
pub use config::Ratio;
pub use error::{ConfigError, Refusal};
pub use event::{Events, Subscriber};
pub use health::{DegradationLevel, Health, HealthReport};
pub use instant::Instant;
pub use outcome::{Class, Outcome, RejectedBy, Weight};
pub use recorder::{Recorder, Recording};
pub use verdict::{Evidence, Level, Verdict};
