#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod alert;
pub mod bank;
pub mod calibrated;
pub mod cause;
pub mod correlate;
mod counter;
mod detector;
mod drive;
pub mod ensemble;
#[cfg(feature = "evaluate")]
#[cfg_attr(docsrs, doc(cfg(feature = "evaluate")))]
pub mod evaluate;
pub mod families;
pub mod fleet;
mod forecast;
mod labels;
#[cfg(feature = "logs")]
#[cfg_attr(docsrs, doc(cfg(feature = "logs")))]
pub mod logs;
mod novelty;
#[cfg(feature = "rules")]
#[cfg_attr(docsrs, doc(cfg(feature = "rules")))]
pub mod rules;
mod sample;
pub mod scales;
pub mod seasonal;
pub mod share;
pub mod slo;
mod tail;
pub mod trend;
pub mod watch;
pub mod watchdog;
mod words;

pub use bank::Bank;
pub use calibrated::Calibrated;
pub use cause::{EpisodeTracker, Incident};
pub use correlate::Correlator;
pub use counter::{Counter, CounterRate};
pub use detector::{Band, Causes, Channel, Detector, Reading, Why};
pub use drive::Drive;
pub use ensemble::{Ensemble, Forecast, Light, Novelty};
pub use labels::Labels;
pub use sample::Sample;
pub use scales::{Coarse, Scales, ScalesSnapshot};
pub use seasonal::{Seasonal, Side};
pub use share::{FailureShare, LatencyOver};
pub use slo::{BurnWindow, Sli, Slo};
pub use trend::Leak;
pub use watch::Watched;
