use ::metrics::{describe_counter, describe_gauge};

pub(super) const STATE: &str = "rely_breaker_state";
pub(super) const SHADOW: &str = "rely_breaker_shadow";
pub(super) const RAMP_SHARE: &str = "rely_breaker_ramp_share";
pub(super) const WINDOW_CALLS: &str = "rely_breaker_window_calls";
pub(super) const FAILURE_RATE: &str = "rely_breaker_failure_rate";
pub(super) const SLOW_CALL_RATE: &str = "rely_breaker_slow_call_rate";
pub(super) const CONSECUTIVE_FAILURES: &str = "rely_breaker_consecutive_failures";
pub(super) const CALLS: &str = "rely_breaker_calls_total";
pub(super) const REJECTED: &str = "rely_breaker_rejected_total";
pub(super) const OPENED: &str = "rely_breaker_opened_total";
#[cfg(feature = "keyed")]
pub(super) const BREAKERS: &str = "rely_breakers";
#[cfg(feature = "keyed")]
pub(super) const EVICTED: &str = "rely_breakers_evicted_total";
#[cfg(feature = "keyed")]
pub(super) const OVERFLOWED: &str = "rely_breakers_overflowed_total";
#[cfg(feature = "keyed")]
pub(super) const REFUSED: &str = "rely_breakers_refused_total";

/// Tells the recorder what the metrics mean, for its help texts. [`PublishEvery`](super::PublishEvery)
/// does so when it begins.
pub fn describe() {
    describe_gauge!(STATE, "1 for the state that the breaker is in, 0 for every other");
    describe_gauge!(SHADOW, "1 if the breaker decides and reports and rejects nothing");
    describe_gauge!(RAMP_SHARE, "how much of the traffic a ramp lets through, 1 in other states");
    describe_gauge!(WINDOW_CALLS, "calls in the window, by weight");
    describe_gauge!(FAILURE_RATE, "share of the calls in the window that were bad");
    describe_gauge!(SLOW_CALL_RATE, "share of the calls in the window that were slow");
    describe_gauge!(CONSECUTIVE_FAILURES, "how many calls in a row have failed");
    describe_counter!(CALLS, "calls that were let through, by what became of them");
    describe_counter!(REJECTED, "calls that were rejected");
    describe_counter!(OPENED, "how often the breaker was tripped");
    #[cfg(feature = "keyed")]
    {
        describe_gauge!(BREAKERS, "breakers of a registry in each state");
        describe_counter!(EVICTED, "breakers of a registry that went because they were idle");
        describe_counter!(OVERFLOWED, "calls that found no room and got the shared breaker");
        describe_counter!(REFUSED, "calls that found no room and got no breaker");
    }
}
