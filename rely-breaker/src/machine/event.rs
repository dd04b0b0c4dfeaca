use rely_core::{Instant, Level};

use super::TripReason;

/// What can happen to a breaker.
///
/// With the feature `serde` events can be stored, instants as nanoseconds of their clock: fed in
/// again in the same order, with the same instants, they lead to the same changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum Event {
    /// [`Machine::judge`](super::Machine::judge) found a reason in the counts of `generation`. A
    /// closed breaker opens; a ramping one goes back by a stage, and opens at the first.
    Tripped {
        /// The generation whose calls were counted.
        generation: u64,
        /// What it found.
        reason: TripReason,
        /// Until when the failing answers asked to be left alone, if they did; see
        /// [`retry_after`](crate::BreakerConfig::retry_after).
        asked: Option<Instant>,
    },
    /// A trial call that `generation` admitted has ended with evidence; too late, it is none.
    TrialEnded {
        /// The generation that admitted it.
        generation: u64,
        /// Whether it went badly.
        bad: bool,
        /// Whether it took as long as a slow call, or longer.
        slow: bool,
        /// Until when its answer asked to be left alone, if it failed and did. The latest wish among
        /// the trials counts.
        asked: Option<Instant>,
    },
    /// Time has passed.
    Timer,
    /// Not one trial call of a half-open breaker has begun before now: the time for the trials begins
    /// anew, without a change, for there was nobody who could have been too slow. Where it is over and
    /// leads to a [ramp](crate::AfterTrialLimit::Ramp), the ramp begins; every other state goes as the
    /// time goes.
    Untried,
    /// Time has passed, and an active probe says this of the other side. It matters to an open
    /// breaker alone:
    ///
    /// - healthy, it lets trials through at once, unless it was opened by hand;
    /// - unhealthy when the open time is over, it stays open and is asked again after
    ///   [`probe_every`](crate::BreakerConfig::probe_every), without a change;
    /// - degraded or unknown, it goes as the time goes.
    Probed(Level),
    /// The user's own function for open times has spoken: a breaker that was opened by a rule or by
    /// its trials, in this generation, stays open until then, whatever the configuration says;
    /// without a change. Nothing reaches back to before it opened.
    OpenTime {
        /// The generation that began when it opened.
        generation: u64,
        /// Until when it is to be open.
        until: Instant,
    },
    /// Somebody wants the breaker closed, with nothing held against it.
    Reset,
    /// Somebody wants every call rejected, for as long as nobody says otherwise.
    ForceOpen,
    /// Somebody wants every call let through and counted, whatever the counts say.
    ForceClosed,
    /// Somebody wants the breaker to stand aside.
    Disable,
    /// Somebody wants the breaker open until this moment, and then half-open as after a trip.
    OpenUntil(Instant),
}
