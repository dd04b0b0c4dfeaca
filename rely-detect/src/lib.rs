#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod detector;
mod drive;
mod sample;
pub mod seasonal;
pub mod share;
pub mod slo;
pub mod watch;

pub use detector::{Band, Detector, Reading, Why};
pub use drive::Drive;
pub use sample::Sample;
pub use seasonal::{Seasonal, Side};
pub use share::{FailureShare, LatencyOver};
pub use slo::{BurnWindow, Sli, Slo};
pub use watch::Watched;
