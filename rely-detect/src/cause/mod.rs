//! What is to blame: suspects for an incident, the likeliest first, each with its reason.
//!
//! [`EpisodeTracker`] makes [`Episode`]s of the readings of each series. [`Incident`] takes the episodes
//! of an incident, what else is watched, what was changed, and what is known of who depends on whom, and
//! ranks suspects: changes, labels and series.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::Instant;
//! use rely_detect::cause::{ChangeEvent, ChangeKind, Episode, Incident};
//!
//! let at = |second| Instant::ORIGIN + Duration::from_secs(second);
//! let orders = [("service", "orders"), ("version", "v7")];
//! let incident = Incident::builder()
//!     .episode(Episode::new("orders latency", at(1030), 4.1).with_labels(orders))
//!     .episode(Episode::new("orders errors", at(1034), 5.2).with_labels(orders))
//!     .episode(Episode::new("gateway errors", at(1041), 3.3).with_labels([("service", "gateway")]))
//!     .series("stock latency", [("service", "stock")])
//!     .series("stock errors", [("service", "stock")])
//!     .event(ChangeEvent::new(at(1000), ChangeKind::Deploy, "orders v7").with_labels(orders))
//!     .event(ChangeEvent::new(at(900), ChangeKind::Config, "stock limits").with_labels([("service", "stock")]));
//! let suspects = incident.rank();
//! assert_eq!(
//!     suspects[0].to_string(),
//!     "deploy orders v7: 30 s before orders latency, it touched 2 of 3 deviating series",
//! );
//! ```
//!
//! # How it ranks
//!
//! * **The start** is the first strong episode that about as much follows soon as any other, so that a
//!   flicker of chance some minutes before is not taken for it.
//! * **Series** by how near the start they began and how severe they were. Half of that counts only with
//!   influence: the share of the others that depend on it or follow it with a lag, or, where no such hint
//!   is given, how clearly the first was ahead of the rest. One whose own dependency deviates loses two
//!   fifths. What deviates all the time weighs less by the number of its earlier episodes.
//! * **Labels** by the share of what deviates that carries them less the share of what does not: an
//!   instance explains its own trouble better than its zone does. At least two series have to carry it.
//! * **Changes** by how long before the onset they were, half as suspicious each 15 minutes, and by how
//!   well what they touched fits what deviates, above all where it began. A change after the onset is
//!   none.
//!
//! Scores are ranks in numbers, made to order suspects of one incident; they are no probabilities.

mod episode;
mod event;
mod evidence;
mod incident;
mod rank;
mod suspect;
#[cfg(test)]
mod tests;

pub use episode::{Change, Episode, EpisodeTracker, EpisodeTrackerBuilder, TrackerConfig};
pub use event::{ChangeEvent, ChangeKind};
pub use incident::Incident;
pub use suspect::{Suspect, What};

pub use crate::Labels;
