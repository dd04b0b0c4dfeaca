#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backoff;
#[cfg(feature = "http")]
pub mod body;
pub mod classify;
pub mod clock;
pub mod config;
mod error;
pub mod event;
pub mod health;
mod instant;
pub mod keyed;
pub mod latency;
pub mod meter;
mod outcome;
pub mod poller;
pub mod recorder;
#[cfg(feature = "report")]
#[cfg_attr(docsrs, doc(cfg(feature = "report")))]
pub mod report;
pub mod rng;
pub mod signal;
mod sync;
mod verdict;
pub mod window;

pub use backoff::Backoff;
pub use classify::{Classify, Judgement};
pub use clock::{Clock, ManualClock, Sleep};
pub use config::Ratio;
pub use error::{ConfigError, Refusal};
pub use event::{Events, Subscriber};
pub use health::{DegradationLevel, Health, HealthReport};
pub use instant::Instant;
pub use keyed::Keyed;
pub use meter::{Meter, Point};
pub use outcome::{Class, Outcome, RejectedBy, Weight};
pub use recorder::{Recorder, Recording};
pub use signal::Signal;
pub use verdict::{Evidence, Level, Verdict};
