//! The tower side of the breaker.
//!
//! # Readiness
//!
//! An open breaker says it is ready without asking the inner service, and rejects in `call`: so a
//! rejection is an answer to one call and never an error that discards the service, and a breaker
//! over a service that is never ready still fails fast. Whether a call goes through is decided in
//! `call`, whatever the state was when the service was polled; no word from before sticks.
//!
//! | polled ready while | the breaker at the call | the call |
//! |---|---|---|
//! | closed, or with a trial free | lets it through | is made |
//! | closed, or with a trial free | rejects it | is rejected; the inner service's place is given back |
//! | open | rejects it | is rejected |
//! | open | lets it through | is made by a clone of the inner service, once that is ready |
//! | open | lets it through, [without clones](BreakerLayer::without_clone) | is rejected: [inner not ready](crate::RejectedReason::InnerNotReady), again at once |
//!
//! **The default makes a clone ready**, in the future of the call, since nothing is lost by it: most
//! services are `Clone`, all that servers and clients clone for each request are, and the alternative
//! rejects a call that nothing speaks against, most of all the first trial in a
//! [`Buffer`](https://docs.rs/tower/latest/tower/buffer/), a `Balance` or a `ReadyCache`, which poll
//! early. A service that is not `Clone` is refused where the layer meets it, and takes
//! [`without_clone`](BreakerLayer::without_clone). With that, `poll_ready` looks whether the open time
//! is over; otherwise only `call` reads the clock.
//!
//! While the clone gets ready, the call has its permit, and its trial if it is one. Dropped then, it was
//! cancelled. If the breaker changes meanwhile, it is asked anew: a call that it no longer lets through
//! is rejected at once, however long the service would have taken. The time that a call takes begins
//! when the clone is called.
//!
//! **An error of `poll_ready` is passed on and counts for nothing**, the clone's as well as the
//! service's, and the trial goes back: it says that this value of the service is of no use any more, not
//! that a call failed, and there was no call. Layers that connect, such as tower's `Reconnect`, hand out
//! what went wrong in `call`.
//!
//! A caller that waits for the inner service is woken when the breaker changes, and rejected if it has
//! opened. Where a breaker opens between the two, the place that the inner service took in a limit, or in
//! the queue for one, is given back by putting a clone in its place; without clones it is free again once
//! a call is made or the value dropped.
//!
//! # Holding callers
//!
//! With [`hold_callers`](BreakerLayer::hold_callers) `poll_ready` is pending while the breaker would
//! reject, and woken when it changes, when a trial comes back and when the time is over that it rejects
//! for. Nobody who waits has a trial or, if there are clones, a place in a limit inside, and nobody who
//! was told that the service is ready has a trial. So of those who
//! are woken at once, as many go through as there are trials; the next to poll wait on, and who was told
//! already is rejected in `call`. A ramp has nobody wait: which calls are in its share is said in `call`.
//! In shadow nobody waits.
//!
//! # Streams
//!
//! A call is judged by the head of its answer; how a body ends does not count here.

mod future;
mod held;
mod late;
mod layer;
mod readying;
mod reject;
mod service;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
mod ticket;
mod waiting;

pub use self::future::BreakerFuture;
pub use self::late::{Late, LateFor, Never, ReadyClone, WithoutClone};
pub use self::layer::BreakerLayer;
pub use self::reject::{AsError, OnReject, With};
pub use self::service::BreakerService;
#[cfg(feature = "keyed")]
pub(crate) use self::ticket::Ticket;
