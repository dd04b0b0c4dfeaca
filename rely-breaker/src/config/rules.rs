use core::time::Duration;

#[cfg(feature = "serde")]
use rely_core::config;
use rely_core::{Ratio, window::TimeWindowConfig};

/// Which calls the rules look at: the last ones, or those of the last span of time.
///
/// Written as `{"calls": 100}`, `{"weighted_calls": 100}` or `{"time": {"span": "10s"}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "Which calls the rules look at."))]
#[non_exhaustive]
pub enum Window {
    /// The last so many calls, 1 to 16777216, each of which counts once whatever its weight; 100 by
    /// default.
    Calls(u32),
    /// The last so many calls, 1 to 16777216, each of which counts by its weight.
    WeightedCalls(u32),
    /// The calls of the last span of time, each of which counts by its weight.
    Time(TimeWindowConfig),
}

impl Default for Window {
    fn default() -> Self {
        Self::Calls(100)
    }
}

/// When slow calls open a breaker.
///
/// A call takes as long as its permit lives: from `acquire` to the answer's head behind a tower layer.
/// Good and bad calls count alike; calls that end without evidence do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When slow calls open a breaker."))]
pub struct SlowCalls {
    /// A call that takes so long or longer is slow; over zero.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub longer_than: Duration,
    /// The share of slow calls in the window at which the breaker opens; reaching it is enough. Over
    /// 0 %.
    pub rate: Ratio,
    /// Whether calls that have been under way for so long are slow already: each counts as one more
    /// slow call of the window until it ends. No by default, so that a call counts when it has ended.
    /// Where it is on, `longer_than` is 8 µs to 45.75 days.
    #[cfg_attr(feature = "serde", serde(default))]
    pub in_flight: bool,
}

/// Whose end can open a breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "Whose end can open a breaker."))]
#[non_exhaustive]
pub enum TripOn {
    /// That of any call. A good and fast one can as well: by making up `minimum_calls`, or because
    /// older good ones have left a window of time. The evidence decides, not the last call.
    #[default]
    AnyCall,
    /// That of a bad or slow call alone.
    BadCall,
}

/// What a call counts for whose permit or future was dropped before it ended, or that was said to be
/// cancelled.
///
/// A drop in a panic is a failure in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "What a call counts for that nobody waited for.")
)]
#[non_exhaustive]
pub enum Cancelled {
    /// For nothing: a trial call's place goes to another call. The default, for callers hang up for
    /// reasons of their own, and the loser of a hedged pair is dropped too.
    #[default]
    Neutral,
    /// As a failure, among trial calls too. For a breaker inside a time limit, which drops the calls
    /// that run into it: what never answers could not trip it otherwise.
    Failure,
    /// As a failure once this share of the calls that ended was cancelled, and at least
    /// `minimum_calls` of them ended; for nothing before. So callers that hang up now and then are no
    /// evidence, and a service that answers nobody is. Among trial calls it counts for nothing:
    /// `trial_limit` bounds those.
    FailureFrom(Ratio),
}
