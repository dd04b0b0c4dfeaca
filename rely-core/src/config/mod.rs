//! What every configuration of the family is made of: shares, human durations, checks.
//!
//! A component has one configuration type. It is a plain struct with public fields and a `Default`;
//! with the feature `serde` it can be read from any format, with `schema` it describes itself as a
//! JSON Schema. Reading checks form only; `build()` checks meaning, once, and after that nothing
//! can be out of range. All crates follow this pattern:
//!
#![cfg_attr(feature = "schema", doc = "```")]
#![cfg_attr(not(feature = "schema"), doc = "```ignore")]
//! use core::time::Duration;
//! use rely_core::config::{self, DurationSchema};
//! use rely_core::{ConfigError, Ratio};
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//!
//! /// How often to probe, and how many probes have to pass.
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, default)]
//! pub struct ProbeConfig {
//!     /// Time from one probe to the next.
//!     #[serde(with = "config::duration")]
//!     #[schemars(with = "DurationSchema")]
//!     pub every: Duration,
//!     /// When to give up; never by default.
//!     #[serde(with = "config::duration_option")]
//!     #[schemars(with = "Option<DurationSchema>")]
//!     pub give_up_after: Option<Duration>,
//!     /// Probes in a row that are judged together, 1 to 100.
//!     pub probes: u32,
//!     /// The share of them that has to pass.
//!     pub passing: Ratio,
//! }
//!
//! impl Default for ProbeConfig {
//!     fn default() -> Self {
//!         let passing = Ratio::from_ppm_clamped(800_000);
//!         Self { every: Duration::from_secs(5), give_up_after: None, probes: 5, passing }
//!     }
//! }
//!
//! pub struct Probe(ProbeConfig);
//!
//! impl ProbeConfig {
//!     pub fn build(self) -> Result<Probe, ConfigError> {
//!         config::nonzero("every", self.every)?;
//!         config::in_range("probes", self.probes, 1..=100)?;
//!         Ok(Probe(self))
//!     }
//! }
//!
//! let text = r#"{ "every": "1m 30s", "passing": "66.6 %" }"#;
//! let read: ProbeConfig =
//!     config::from_deserializer(&mut serde_json::Deserializer::from_str(text))?;
//! assert_eq!(read.every, Duration::from_secs(90));
//! assert_eq!(read.probes, 5);
//! read.build()?;
//!
//! let text = r#"{ "evry": "1m" }"#;
//! let error = config::from_deserializer::<ProbeConfig, _>(
//!     &mut serde_json::Deserializer::from_str(text),
//! )
//! .unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "evry is an unknown field, allowed: every, give_up_after, probes, passing",
//! );
//!
//! let error = ProbeConfig { probes: 0, ..ProbeConfig::default() }.build().err().unwrap();
//! assert_eq!(error.to_string(), "probes is 0, allowed: 1 to 100");
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! A structure that holds another one passes errors on with
//! [`ConfigError::within`](crate::ConfigError::within), so that the path stays whole.

mod check;
#[cfg(feature = "serde")]
mod human;
mod ratio;
#[cfg(feature = "serde")]
mod read;
#[cfg(all(test, feature = "serde"))]
mod tests;

pub use check::{in_range, nonzero};
#[cfg(feature = "schema")]
pub use human::DurationSchema;
#[cfg(feature = "serde")]
pub use human::{duration, duration_option};
pub use ratio::Ratio;
#[cfg(feature = "serde")]
pub use read::from_deserializer;
