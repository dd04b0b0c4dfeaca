use core::fmt;
use core::time::Duration;

use rely_core::{Instant, Ratio};

use super::State;

/// What made a closed breaker open, or a ramping one step back.
///
/// Calls are weights where the window takes weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum TripReason {
    /// The share of bad calls reached the failure rate.
    FailureRate {
        /// Bad calls in the window.
        bad: u64,
        /// Calls in the window.
        total: u64,
        /// The configured rate.
        threshold: Ratio,
    },
    /// The share of slow calls reached the slow call rate.
    SlowCallRate {
        /// Slow calls in the window, good and bad.
        slow: u64,
        /// Calls in the window.
        total: u64,
        /// Calls that were still under way, and slow already: they count in both numbers besides.
        /// Zero where they are not asked for.
        in_flight: u64,
        /// The configured rate.
        threshold: Ratio,
        /// How long a slow call takes at least.
        #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
        longer_than: Duration,
    },
    /// So many calls in the window were bad.
    FailureCount {
        /// Bad calls in the window.
        bad: u64,
        /// The configured number.
        limit: u32,
    },
    /// So many calls in a row failed.
    ConsecutiveFailures {
        /// How many: as many as configured, or more where calls ended at the same moment.
        count: u32,
    },
}

impl fmt::Display for TripReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailureRate { bad, total, threshold } => {
                write!(f, "{bad} of the last {total} calls were bad, the limit is {threshold}")
            }
            Self::SlowCallRate { slow, total, in_flight, threshold, longer_than } => {
                write!(f, "{slow} of the last {total} calls took {longer_than:?} or longer")?;
                if *in_flight > 0 {
                    write!(f, ", and so do {in_flight} under way")?;
                }
                write!(f, ", the limit is {threshold}")
            }
            Self::FailureCount { bad, limit } => {
                write!(f, "{bad} of the last calls were bad, the limit is {limit}")
            }
            Self::ConsecutiveFailures { count: 1 } => f.write_str("a call failed"),
            Self::ConsecutiveFailures { count } => write!(f, "{count} calls in a row failed"),
        }
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[non_exhaustive]
pub enum ChangeReason {
    /// A trip rule was met.
    Tripped(TripReason),
    /// The open time is over.
    OpenTimeOver,
    /// An active probe found the other side healthy before the open time was over.
    Probed,
    /// Enough trial calls went well, fast enough where that is asked for.
    TrialsPassed {
        /// Good trial calls, slow ones included.
        good: u32,
        /// Slow trial calls, good and bad.
        slow: u32,
        /// Trial calls that ended.
        ended: u32,
    },
    /// Too many trial calls went badly or were slow.
    TrialsFailed {
        /// Bad trial calls.
        bad: u32,
        /// Slow trial calls, good and bad.
        slow: u32,
        /// Trial calls that ended.
        ended: u32,
    },
    /// The trial calls did not end in time.
    TrialsTimedOut,
    /// A stage of the ramp is over without a trip, and another one begins: the one change that
    /// begins no new generation. Of stages that ended unseen it is the last one.
    RampStage {
        /// The share of calls that is let through now.
        share: Ratio,
    },
    /// The last stage of the ramp is over without a trip.
    RampOver,
    /// The configuration was exchanged for one without a ramp.
    Reconfigured,
    /// Somebody asked for it: forced, disabled, or opened until a given moment.
    ByHand,
    /// Somebody wanted it closed, with nothing held against the other side.
    Reset,
}

impl fmt::Display for ChangeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tripped(reason) => reason.fmt(f),
            Self::OpenTimeOver => f.write_str("the open time is over"),
            Self::Probed => f.write_str("a probe found it healthy"),
            Self::TrialsPassed { good, slow, ended } => {
                write!(f, "{good} of {ended} trial calls went well")?;
                took_too_long(*slow, f)
            }
            Self::TrialsFailed { bad, slow, ended } => {
                write!(f, "{bad} of {ended} trial calls went badly")?;
                took_too_long(*slow, f)
            }
            Self::TrialsTimedOut => f.write_str("the trial calls did not end in time"),
            Self::RampStage { share } => write!(f, "{share} of the calls go through"),
            Self::RampOver => f.write_str("the ramp is over"),
            Self::Reconfigured => f.write_str("the configuration has no ramp any more"),
            Self::ByHand => f.write_str("by hand"),
            Self::Reset => f.write_str("reset by hand"),
        }
    }
}

fn took_too_long(slow: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if slow > 0 { write!(f, ", {slow} took too long") } else { Ok(()) }
}

/// A change of state, or of the share that a ramping breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Change {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// When.
    pub at: Instant,
    /// The generation that begins with it; from one stage of a ramp to the next, the one that goes on.
    pub generation: u64,
    /// Why.
    pub reason: ChangeReason,
}
