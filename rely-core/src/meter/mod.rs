//! One meter for everything: outcomes and latencies per target, in windows.
//!
//! A [`Meter`] holds a [`Point`] for each [`Target`]. Calls come in through the tower layer
//! ([`Point::layer`]) or by hand ([`Point::record`]); breakers, detectors, objectives and reports
//! read the same numbers. Put one outermost, where it sees what the user sees, and one innermost,
//! where it sees every attempt.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::meter::Meter;
//! use rely_core::{Clock, Outcome};
//!
//! let (clock, manual) = Clock::manual();
//! let meter = Meter::builder("orders").window(Duration::from_secs(60)).clock(clock.clone()).build()?;
//! let point = meter.point("queue");
//! point.record(Outcome::SUCCESS, Duration::from_millis(3));
//! point.record(Outcome::FAILURE, Duration::from_millis(900));
//! assert_eq!(point.tally(clock.now()).failure_share(), Some(0.5));
//! manual.advance(Duration::from_secs(61));
//! assert_eq!(point.tally(clock.now()).total(), 0);
//! assert_eq!(meter.snapshot().points[0].lifetime.total(), 2);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod config;
mod layer;
mod point;
mod registry;
mod tally;
mod target;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

pub use self::config::{LatencyConfig, MeterConfig};
#[cfg(feature = "http")]
pub use self::layer::{BodyMeterFuture, EndOfBody, MeterBody, MeterBodyLayer};
pub use self::layer::{MeterFuture, MeterLayer, MeterService};
pub use self::point::{Point, PointSnapshot};
pub use self::registry::{Meter, MeterBuilder, MeterSnapshot};
pub use self::tally::Tally;
pub use self::target::Target;
