//! Counters and gauges of breakers, by way of the [`metrics`] facade: whichever recorder the
//! program has installed gets them.
//!
//! Calls pay nothing for it. A breaker counts anyway; [`Breaker::publish`] reads that and hands it over:
//! call it before a scrape, or run [`Breaker::publish_every`] in a task. For a registry it is
//! [`Breakers::publish`](crate::Breakers::publish).
//!
//! | metric | | labels besides `breaker` | |
//! |---|---|---|---|
//! | `rely_breaker_state` | gauge | `state` | 1 for the state that it is in, 0 for every other |
//! | `rely_breaker_shadow` | gauge | | 1 if it rejects nothing |
//! | `rely_breaker_ramp_share` | gauge | | how much of the traffic a ramp lets through; 1 in other states |
//! | `rely_breaker_window_calls` | gauge | | calls in the window, by weight |
//! | `rely_breaker_failure_rate` | gauge | | the share of them that was bad, 0 to 1; 0 if there are none |
//! | `rely_breaker_slow_call_rate` | gauge | | the same for slow calls; not there where none is asked for |
//! | `rely_breaker_consecutive_failures` | gauge | | how many calls in a row have failed; not there without the rule |
//! | `rely_breaker_calls_total` | counter | `outcome` | calls that were let through: `succeeded`, `failed`, `ignored`, `cancelled`, `late`, `would_reject` |
//! | `rely_breaker_rejected_total` | counter | `reason` | calls that were not: for the `state`, or as the `inner_not_ready` |
//! | `rely_breaker_opened_total` | counter | | how often it was tripped |
//! | `rely_breakers` | gauge | `state` | a registry's breakers in each state |
//! | `rely_breakers_evicted_total` | counter | | those that went because they were idle |
//! | `rely_breakers_overflowed_total` | counter | | calls that found no room and got the shared one |
//! | `rely_breakers_refused_total` | counter | | calls that found no room and got none |
//!
//! `state` is [`State::as_str`](crate::State::as_str). The label `breaker` is the breaker's name; names
//! are few, unless they are made from data. The breakers of a registry do not have a series each: their
//! counters are added up under the registry's name. Where each is wanted, publish each:
//! `hosts.snapshot().iter().for_each(|(_, breaker)| breaker.publish())`. Counters begin at zero with a
//! breaker, restored ones included.
//!
//! What happens between two times shows in the counters; each change as it comes is an event of
//! `tracing`, with the feature of that name, or of [`Breaker::subscribe`].

mod every;
#[cfg(feature = "keyed")]
mod keyed;
mod names;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

use std::sync::Arc;

use ::metrics::{counter, gauge};
use rely_core::window::Counts;

pub use self::every::PublishEvery;
#[cfg(feature = "keyed")]
pub(crate) use self::keyed::Published;
pub use self::names::describe;
use self::names::{
    CALLS, CONSECUTIVE_FAILURES, FAILURE_RATE, OPENED, RAMP_SHARE, REJECTED, SHADOW,
    SLOW_CALL_RATE, STATE, WINDOW_CALLS,
};
use crate::{Breaker, BreakerStatus, State};

const STATES: [State; 7] = [
    State::Closed,
    State::Open,
    State::HalfOpen,
    State::Ramping,
    State::ForcedOpen,
    State::ForcedClosed,
    State::Disabled,
];

impl Breaker {
    /// Hands its counters and gauges to the recorder of the [`metrics`] facade, if the program
    /// has one; see [the module](self) for their names.
    pub fn publish(&self) {
        let (name, status, config) = (self.shared().name(), self.status(), self.config());
        for state in STATES {
            let is = if state == status.state { 1.0 } else { 0.0 };
            gauge!(STATE, "breaker" => Arc::clone(name), "state" => state.as_str()).set(is);
        }
        let set = |metric: &'static str, value: f64| {
            gauge!(metric, "breaker" => Arc::clone(name)).set(value);
        };
        set(SHADOW, f64::from(u8::from(config.shadow)));
        set(RAMP_SHARE, f64::from(status.share.ppm()) / 1e6);
        let Counts { total, bad, slow } = status.counts;
        set(WINDOW_CALLS, total as f64);
        set(FAILURE_RATE, rate(bad, total));
        if config.slow_calls.is_some() {
            set(SLOW_CALL_RATE, rate(slow, total));
        }
        if config.consecutive_failures.is_some() {
            set(CONSECUTIVE_FAILURES, f64::from(status.consecutive_failures));
        }
        publish_counters(name, counters(&status));
    }
}

fn rate(part: u64, total: u64) -> f64 {
    if total == 0 { 0.0 } else { part as f64 / total as f64 }
}

/// What only grows: in the order of [`COUNTERS`].
type Counters = [u64; COUNTERS.len()];

const COUNTERS: [(&str, Option<(&str, &str)>); 9] = [
    (CALLS, Some(("outcome", "succeeded"))),
    (CALLS, Some(("outcome", "failed"))),
    (CALLS, Some(("outcome", "ignored"))),
    (CALLS, Some(("outcome", "cancelled"))),
    (CALLS, Some(("outcome", "late"))),
    (CALLS, Some(("outcome", "would_reject"))),
    (REJECTED, Some(("reason", "state"))),
    (REJECTED, Some(("reason", "inner_not_ready"))),
    (OPENED, None),
];

const fn counters(status: &BreakerStatus) -> Counters {
    [
        status.succeeded,
        status.failed,
        status.ignored,
        status.cancelled,
        status.late,
        status.would_reject,
        status.rejected.saturating_sub(status.inner_not_ready),
        status.inner_not_ready,
        status.opened,
    ]
}

fn publish_counters(name: &Arc<str>, values: Counters) {
    for ((metric, label), value) in COUNTERS.into_iter().zip(values) {
        let name = Arc::clone(name);
        let counter = match label {
            Some((label, is)) => counter!(metric, "breaker" => name, label => is),
            None => counter!(metric, "breaker" => name),
        };
        counter.absolute(value);
    }
}
