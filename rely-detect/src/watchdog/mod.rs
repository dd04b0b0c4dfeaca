//! A monitor of the monitors: who watches that there is something to see?
//!
//! [`Watchdog`] is a plain machine. It is told of every sample that comes, learns what is usual for
//! each source, and says which are dark. What it says of a source is a [`Verdict`](rely_core::Verdict), so that it can be
//! [observed](crate::alert::Alerts::observe) by an alert like anything else.
//!
//! | a source is | when |
//! |---|---|
//! | quiet | no sample came for `quiet_after` times the gap that 99 of 100 are no longer than, and none of its kind comes |
//! | vanished | the same, while others of its kind still come: a host, a zone, a label |
//! | flat | its value stays the same for so long that its history makes that improbable: the share of repeats, to the power of the run, is less than `alpha` |
//! | stuck | samples come, but their own time has stood still for `quiet_after` times the usual gap |
//! | late | the sample's own time lies behind its arrival by more than `quiet_after` times the usual gap beyond the usual lag |
//!
//! A source needs 17 samples before it can be dark, 33 before it can be late, and 16 changes of its value
//! before it can be flat.
//! What comes while something is wrong does not count as usual.
//!
//! To the outside the watchdog shows that it lives itself: a [`WatchdogEffect::Heartbeat`] is due every
//! `heartbeat`, to be sent to a dead man's switch; where the other side answers, a missing answer is
//! seen too. Whether the loop of the detectors goes round is the [`Pulse`]'s to say.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::Sample;
//! use rely_detect::Labels;
//! use rely_detect::watchdog::{Dark, Watchdog, WatchdogEffect};
//!
//! let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
//! let mut dog = Watchdog::builder("shop").build()?;
//! let orders = Labels::of([("service", "orders")]);
//! for second in 0..60 {
//!     dog.saw(at(second), "latency", &orders, Sample::new(at(second), (second * 7 % 10) as f64));
//! }
//! dog.tick(at(62));
//! assert_eq!(dog.verdict("latency", &orders).level, Level::Healthy);
//! let effects = dog.tick(at(63));
//! let quiet = |effect: &WatchdogEffect| {
//!     matches!(effect, WatchdogEffect::Changed { now_dark: Some(Dark::Quiet), .. })
//! };
//! assert!(effects.iter().any(quiet));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod config;
mod dog;
mod heart;
mod learn;
mod pulse;
#[cfg(test)]
mod tests;

pub use config::WatchdogConfig;
pub use dog::{Dark, Watchdog, WatchdogBuilder, WatchdogEffect, WatchdogSnapshot};
pub use pulse::Pulse;
