mod check;
mod recovery;
mod rules;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

#[cfg(feature = "serde")]
pub(crate) mod off;

use core::time::Duration;

use rely_core::Ratio;
#[cfg(feature = "serde")]
use rely_core::config;

pub use self::recovery::{AfterTrialLimit, OpenBackoff, Ramp};
pub use self::rules::{Cancelled, SlowCalls, TripOn, Window};

/// What a breaker does when; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `failure_rate` | 50 % | over 0 %, or off |
/// | `slow_calls` | off | over zero, over 0 % |
/// | `consecutive_failures` | off | 1 to 16777216 |
/// | `failure_count` | off | 1 to the calls of the window, where that counts calls |
/// | `window` | 100 calls | see [`Window`] |
/// | `minimum_calls` | 20 | 1 to the calls of the window, where that counts calls |
/// | `evidence` | off | over 50 %, below 100 % |
/// | `trip_on` | any call | any call, bad call |
/// | `open_for` | 30 s | over zero |
/// | `open_backoff` | off | see [`OpenBackoff`] |
/// | `retry_after` | off | at least `open_for` |
/// | `probe_every` | 1 s | over zero |
/// | `trials` | 5 | 1 to 65535 |
/// | `trial_limit` | 30 s | over zero |
/// | `trial_limit_to` | open | open, ramp |
/// | `ramp` | off | see [`Ramp`] |
/// | `cancelled` | neutral | neutral, failure, failure from a share over 0 % |
/// | `shadow` | false | |
///
/// The first four are the rules. Each one that is on can open the breaker, and at least one has to
/// be: see [`TripReason`](crate::TripReason) for which did. What trips a breaker also fails its
/// trials:
///
/// | rule | closed and ramping | half-open |
/// |---|---|---|
/// | failure rate | of the window, from `minimum_calls` on | of `trials` |
/// | slow calls | of the window, from `minimum_calls` on | of `trials` |
/// | failure count | in the window, from the first call on | as many, or all of them where `trials` is less |
/// | consecutive failures | from the first call on | as many in a row, or all of them where `trials` is less |
///
/// Of several rules that are met by the same call, the reason is the first of the table.
///
/// Where a window takes weights, *calls* means the sum of their weights throughout: in the rates, in
/// the failure count, in `minimum_calls`, and as evidence. Trials and runs of failures are counted
/// call by call.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What a circuit breaker does when."))]
pub struct BreakerConfig {
    /// The share of bad calls in the window at which the breaker opens; reaching it is enough.
    /// Written as `"off"`, or null where a format has that, it is off.
    #[cfg_attr(feature = "serde", serde(with = "off"))]
    #[cfg_attr(feature = "schema", schemars(with = "off::OrOff<rely_core::Ratio>"))]
    pub failure_rate: Option<Ratio>,
    /// When the breaker opens because calls take too long.
    pub slow_calls: Option<SlowCalls>,
    /// After how many failures in a row the breaker opens, however few calls there were.
    ///
    /// A success ends the run, however slow it was. Soft failures, calls that end without evidence,
    /// and those that outlive the state that admitted them neither lengthen nor end it. Among trial
    /// calls soft failures lengthen it: closing needs evidence. Without another rule, and with no
    /// more trials than that, the first good one closes.
    pub consecutive_failures: Option<u32>,
    /// How many bad calls in the window open the breaker, however many calls there were.
    pub failure_count: Option<u32>,
    /// Which calls are looked at.
    pub window: Window,
    /// Below so many calls in the window no rate is judged, unless by `evidence`.
    pub minimum_calls: u32,
    /// How sure a rate below `minimum_calls` has to be: there it opens the breaker if the lower end
    /// of its interval of this confidence is at or above the limit. From `minimum_calls` on the plain
    /// rate decides. Without it, few calls are never judged.
    ///
    /// The interval is that of the Chernoff–Hoeffding bound: of `n` calls a share `q` above the
    /// limit `p` were bad, and `n · (q ln(q/p) + (1 − q) ln((1 − q)/(1 − p)))` is at least
    /// `ln(1 / (1 − evidence))` (Hoeffding, "Probability Inequalities for Sums of Bounded Random
    /// Variables", 1963, theorem 1). At 95 % and a limit of 50 %, five of five bad calls are enough,
    /// or eight of nine, or eleven of thirteen. If all are bad the bound is exact, and else it asks
    /// for more than it must, never for less. It takes each look for itself: over all of them the
    /// chance that a rate below the limit opens the breaker is at most `1 − evidence` times
    /// `minimum_calls`. A limit of 100 % is never surpassed, so there only the plain rate
    /// decides.
    #[cfg_attr(feature = "serde", serde(with = "off"))]
    #[cfg_attr(feature = "schema", schemars(with = "off::OrOff<rely_core::Ratio>"))]
    pub evidence: Option<Ratio>,
    /// Whose end can open the breaker.
    pub trip_on: TripOn,
    /// How long the breaker stays open before it lets trial calls through.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub open_for: Duration,
    /// How that time grows while the other side does not recover.
    pub open_backoff: Option<OpenBackoff>,
    /// How long the other side's own wish to be left alone, in the `Retry-After` or pushback of a
    /// failing answer, can hold the breaker open at most. Null, the default, ignores it. It makes
    /// the open time longer, never shorter.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub retry_after: Option<Duration>,
    /// How often an active probe is asked while the breaker is open, where there is one.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub probe_every: Duration,
    /// How many trial calls decide whether to close.
    pub trials: u32,
    /// How long they may take together, from the first one on. Where fewer calls than it takes to close
    /// come in that time, and `trial_limit_to` is as it is by default, it never closes.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub trial_limit: Duration,
    /// What becomes of a breaker whose trials took longer.
    pub trial_limit_to: AfterTrialLimit,
    /// How calls come back after trials that went well; at once by default.
    pub ramp: Option<Ramp>,
    /// What a call counts for that nobody waited for.
    pub cancelled: Cancelled,
    /// Whether the breaker decides and reports, but rejects nothing.
    ///
    /// It goes through its states just as it would otherwise: a call that it would have rejected
    /// goes through, is counted in [`would_reject`](crate::BreakerStatus::would_reject), and what
    /// it comes to is no evidence. That holds for a breaker that was forced open too.
    pub shadow: bool,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate: Some(Ratio::from_ppm_clamped(500_000)),
            slow_calls: None,
            consecutive_failures: None,
            failure_count: None,
            window: Window::default(),
            minimum_calls: 20,
            evidence: None,
            trip_on: TripOn::AnyCall,
            open_for: Duration::from_secs(30),
            open_backoff: None,
            retry_after: None,
            probe_every: Duration::from_secs(1),
            trials: 5,
            trial_limit: Duration::from_secs(30),
            trial_limit_to: AfterTrialLimit::Open,
            ramp: None,
            cancelled: Cancelled::Neutral,
            shadow: false,
        }
    }
}
