//! How good is a detector on labelled history?
//!
//! [`Judged`] is a series with what a detector said about each sample and the rows in which something
//! was wrong. Two scorers read it:
//!
//! * [`nab`] is the score of the Numenta Anomaly Benchmark: early finds earn more, each false row costs.
//! * [`events`] counts what somebody on call would feel: incidents found in time, and false episodes
//!   per series and day.
//!
//! Both look for the threshold that serves best, which flatters: it was chosen with the labels at hand.
//! So both also choose it on one part of the series and report what it does on the others
//! ([`nab::Scorer::left_out`], [`events::swapped`]), and score at a threshold that is given.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::Instant;
//! use rely_detect::evaluate::{Judged, events};
//! use rely_detect::{Detector, Sample, Seasonal};
//!
//! let minute = Duration::from_secs(60);
//! let mut detector = Seasonal::builder("orders").without_season(minute).build()?;
//! let mut judged = Judged::new("orders");
//! let mut at = Instant::ORIGIN;
//! for n in 0..2_000 {
//!     at += minute;
//!     let wrong = (1_500..1_520).contains(&n);
//!     let value = f64::from(n * 7919 % 13) + if wrong { 300.0 } else { 0.0 };
//!     judged.push(at, detector.observe(Sample::new(at, value)).severity);
//! }
//! judged.label(1_500..1_520);
//!
//! let curve = events::Curve::new([&judged], &events::Rules::default());
//! let best = curve.best();
//! assert_eq!((best.found, best.events, best.false_episodes), (1, 1, 0));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

pub mod events;
mod judged;
pub mod nab;

pub use judged::Judged;
