#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backoff;
pub mod clock;
pub mod config;
mod error;
pub mod event;
mod instant;
pub mod keyed;
pub mod latency;
mod outcome;
pub mod poller;
pub mod recorder;
pub mod rng;
pub mod signal;
mod sync;
#[cfg(feature = "report")]
#[cfg_attr(docsrs, doc(cfg(feature = "report")))]
pub mod report;
mod verdict;
pub mod window;

pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, Sleep};
pub use config::Ratio;
pub use error::{ConfigError, Refusal};
pub use event::{Events, Subscriber};
pub use instant::Instant;
pub use keyed::Keyed;
pub use outcome::{Class, Outcome, RejectedBy, Weight};
pub use signal::Signal;
pub use recorder::{Recorder, Recording};
pub use verdict::{Evidence, Level, Verdict};
