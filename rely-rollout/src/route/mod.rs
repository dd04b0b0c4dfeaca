//! Two services behind one: a weighted router that sends a share of the calls to a candidate.
//!
//! # Which calls
//!
//! | a call | goes to the candidate |
//! |---|---|
//! | with a [`Key`] | if the key's place on a line from 0 to 1 lies below the share |
//! | without | if the next point of a sequence that fills that line evenly does |
//!
//! A key's place depends on the key and the split's name alone: every process, now and in every
//! later release, sends it the same way, a growing share only ever adds keys to the candidate, and
//! two rollouts pick different keys for their first percent. See [`Key`] for the formula.
//!
//! The sequence is that of the golden ratio (H. Weyl: "Über die Gleichverteilung von Zahlen mod.
//! Eins", 1916; the ratio with the least discrepancy is in Knuth, "The Art of Computer
//! Programming" 3, 6.4). After `n` calls the candidate has had its share of them to within a few
//! calls (the difference grows with log `n`), and so it has of every second or every tenth call: it
//! never falls in step with a pattern of the callers. Where it begins is set by [`Split::seeded`].
//!
//! # Readiness
//!
//! | the share is | ready when | the arm that is not ready |
//! |---|---|---|
//! | 0 % | the stable arm is | the candidate is not asked |
//! | between | the stable arm is | a call that the candidate cannot take goes to stable, and is counted |
//! | 100 % | the candidate is | the stable arm is not asked |
//!
//! So a candidate that is never ready costs the callers nothing. Nor does one whose `poll_ready`
//! fails while it has a part of the calls: that service value never asks it again, and stable takes
//! its calls. At 100 % its error is the router's error, as stable's is below.
//!
//! No arm is called that did not say it is ready since its last call. If the share changes between
//! `poll_ready` and `call` from 100 % to less, the stable arm has not been asked; that one call still
//! goes to the candidate, which admitted it, and is counted. A caller that did not wait for readiness
//! at all breaks the contract of [`Service`](tower_service::Service); its call is passed on to the
//! arm that was picked.
//!
//! An arm that reserves something when it says it is ready (a permit, a slot) keeps it until its next
//! call, for one router value one reservation each; clones begin without.

mod by;
mod future;
mod key;
mod service;
mod split;
#[cfg(test)]
mod tests;

pub use self::by::{ByKey, NoKey, PickKey};
pub use self::future::SplitFuture;
pub use self::key::Key;
pub use self::service::SplitService;
pub(crate) use self::split::Control;
pub use self::split::{Arm, Split, SplitCounts};
