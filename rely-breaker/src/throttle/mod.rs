//! Client-side adaptive throttling: a share of the calls is rejected, instead of all or none.
//!
//! A breaker is open or closed. Where the other side is overloaded and not down, that swings between
//! nothing and too much. A [`Throttle`] rejects, by chance, just the share of the calls by which the
//! other side is over its head, and it does so before they cost anything.
//!
//! ```
//! use rely_breaker::{Priority, Throttle};
//!
//! let throttle = Throttle::builder("queue").minimum_requests(10).seed(7).build()?;
//! for _ in 0..100 {
//!     match throttle.acquire(Priority::Sheddable) {
//!         Ok(permit) => permit.failure(),
//!         Err(rejected) => println!("{rejected}"),
//!     }
//! }
//! let status = throttle.status();
//! assert!(status.of(Priority::Sheddable).rejection > status.of(Priority::Critical).rejection);
//! throttle.acquire(Priority::Critical).expect("its own statistics are fine").success();
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # The rule
//!
//! From "Site Reliability Engineering" (Beyer, Jones, Petoff, Murphy; O'Reilly 2016), chapter 21,
//! "Handling Overload", over the last two minutes, and for each [`Priority`] apart:
//!
//! ```text
//! rejection = max(0, (requests - multiplier * accepts) / (requests + 1))
//! ```
//!
//! `requests` holds what was rejected here too. So the other side gets `multiplier` times what it
//! accepts, whatever is asked for: with 2, it rejects as much as it serves, and nothing is rejected
//! here before it refuses more than half. [`rejection`] is the rule as a plain function.
//!
//! | a call that | is a request | is an accept |
//! |---|---|---|
//! | succeeds | yes | yes |
//! | fails, or fails softly ("too many requests") | yes | no |
//! | is ignored, or refused by a layer inside | yes | as the calls with evidence are |
//! | is cancelled | yes | the same; no, with [`Cancelled::Failure`](crate::Cancelled::Failure) |
//! | panics | yes | no |
//! | is rejected here | yes | no |
//! | is under way | no | no |
//!
//! *Calls count when they end*, both ways at the same moment, and rejections at once. Counted when it
//! is asked, a call under way would be a request without an accept: a burst at the start would have
//! half of it rejected by a throttle over a service that has not failed once.
//!
//! *Calls without evidence* are taken to be accepted as often as the others; where there are no
//! others, always. Leaving them out would lock the loop: the rejections stand for calls of both kinds,
//! so as soon as most calls that get through say nothing (hedges that lost, refusals of a breaker
//! inside), what the rest says could never again outweigh them. Taking them for refused would
//! throttle for what the other side did not do.
//!
//! *Each call counts once*, whatever its weight, for a call that was rejected has none.
//!
//! # How long it takes
//!
//! A share is worked out anew when a call is asked or ends and the share is older than a tenth of a
//! bucket: by default, every half second. Where it is zero, asking looks at no clock, so after a pause
//! the first call is decided by the share from before it.
//!
//! Once the other side has recovered, what it accepts replaces the rest in the window, and the share
//! falls. With the default multiplier that is done within one window where it still served an eighth of
//! what was asked, and within two after an outage: then one call in ten gets through at first, and the
//! rule lets that double, about, each half of a window. A shorter window or a smaller `max_rejection`
//! makes it faster, a multiplier near 1 slower. Without traffic it is forgotten in one window.

mod builder;
mod call;
mod config;
mod future;
mod handle;
mod lane;
mod layer;
mod permit;
mod priority;
mod rule;
#[cfg(test)]
mod rule_tests;
mod service;
mod status;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tower_tests;

pub use self::builder::ThrottleBuilder;
pub use self::call::ThrottleCall;
pub use self::config::ThrottleConfig;
pub use self::future::ThrottleFuture;
pub use self::handle::Throttle;
pub use self::layer::ThrottleLayer;
pub use self::permit::{OwnedThrottlePermit, ThrottlePermit};
pub use self::priority::{Priority, PriorityOf};
pub use self::rule::{ThrottleCounts, is_rejected, rejection};
pub use self::service::ThrottleService;
pub use self::status::{PriorityStatus, ThrottleStatus};
