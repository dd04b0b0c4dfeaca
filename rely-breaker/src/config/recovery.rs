use core::time::Duration;

use rely_core::Ratio;
use rely_core::backoff::Jitter;
#[cfg(feature = "serde")]
use rely_core::config;

/// How the open time grows from one opening to the next.
///
/// The first is `open_for`. Each time that the breaker opens again, by a rule or by its trials, the
/// time is `factor` as long, up to `max`, and then spread by chance; it is never shorter than
/// `open_for`. Having closed does not take it back at once, so that a service that flaps is left
/// alone for longer and longer: for each stretch that it was closed for as long as the last open time,
/// it is one step shorter. [`Breaker::reset`](crate::Breaker::reset) takes it back to the first. What is
/// opened by hand stays open as long as it was told, and is no step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How the open time of a breaker grows."))]
pub struct OpenBackoff {
    /// By how much each open time is longer than the one before, 1 to 1000; 2 by default.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub factor: f64,
    /// The longest, at least `open_for`; 5 min by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub max: Duration,
    /// How chance shortens the times after the first, so that breakers that opened together do not
    /// try again together; none, full or equal, which is the default.
    pub jitter: Jitter,
}

impl Default for OpenBackoff {
    fn default() -> Self {
        Self { factor: 2.0, max: Duration::from_secs(300), jitter: Jitter::Equal }
    }
}

/// What becomes of a breaker whose trials did not end in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "What becomes of a breaker whose trials did not end in time.")
)]
#[non_exhaustive]
pub enum AfterTrialLimit {
    /// It is open again, since closing needs evidence.
    #[default]
    Open,
    /// It begins its `ramp`, which has to be on. For so little traffic that the trials never come
    /// together: then it closes after a bounded time, on no evidence but that nothing spoke against
    /// it in the meantime.
    Ramp,
}

/// How calls come back after an outage: a growing share of them is let through, and counted.
///
/// Each stage lasts `stage_for`, whether or not a call comes, for the trials were the evidence; after
/// the last one the breaker closes. All stages take no longer than `stage_for` each, at any traffic.
/// A rule that is met steps back by one stage, and opens the breaker at the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How calls come back after an outage."))]
pub struct Ramp {
    /// The share of calls that each stage lets through: 1 to 32 of them, each above the one before,
    /// over 0 % and below 100 %. 1, 5, 25 and 50 % by default.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 32)))]
    pub stages: Vec<Ratio>,
    /// How long a stage lasts, over zero; 10 s by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub stage_for: Duration,
}

impl Default for Ramp {
    fn default() -> Self {
        let stages = [1, 5, 25, 50].map(|percent| Ratio::from_ppm_clamped(percent * 10_000));
        Self { stages: stages.into(), stage_for: Duration::from_secs(10) }
    }
}
