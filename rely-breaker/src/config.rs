use core::time::Duration;

use rely_core::backoff::{Backoff, BackoffConfig, Growth, Jitter};
use rely_core::{ConfigError, Ratio, config, window::CountWindow};

/// What a breaker does when; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `failure_rate` | 50 % | over 0 %, or off |
/// | `slow_calls` | off | over zero, over 0 % |
/// | `consecutive_failures` | off | 1 to 16777216 |
/// | `window_calls` | 100 | 1 to 16777216 |
/// | `minimum_calls` | 20 | 1 to `window_calls` |
/// | `open_for` | 30 s | over zero |
/// | `open_backoff` | off | see [`OpenBackoff`] |
/// | `trials` | 5 | 1 to 65535 |
/// | `trial_limit` | 30 s | over zero |
/// | `cancelled` | neutral | neutral, failure |
/// | `shadow` | false | |
///
/// The first three are the rules. Each one that is on can open the breaker, and at least one has to
/// be: see [`TripReason`](crate::TripReason) for which did. What trips a breaker also fails its
/// trials:
///
/// | rule | closed | half-open |
/// |---|---|---|
/// | failure rate | of the window, from `minimum_calls` on | of `trials` |
/// | slow calls | of the window, from `minimum_calls` on | of `trials` |
/// | consecutive failures | from the first call on | as many in a row, or all of them where `trials` is less |
///
/// Of several rules that are met by the same call, the reason is the first of the table.
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
    #[cfg_attr(feature = "serde", serde(with = "crate::rate"))]
    #[cfg_attr(feature = "schema", schemars(with = "crate::rate::RateSchema"))]
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
    /// How many calls the window holds.
    pub window_calls: u32,
    /// Below so many calls in the window no rate is judged.
    pub minimum_calls: u32,
    /// How long the breaker stays open before it lets trial calls through.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub open_for: Duration,
    /// How that time grows while the other side does not recover.
    pub open_backoff: Option<OpenBackoff>,
    /// How many trial calls decide whether to close.
    pub trials: u32,
    /// How long they may take together; after that the breaker is open again, for closing needs
    /// evidence. Where fewer calls than it takes to close come in that time, it never does.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub trial_limit: Duration,
    /// What a call counts for that nobody waited for.
    pub cancelled: Cancelled,
    /// Whether the breaker decides and reports, but rejects nothing.
    ///
    /// It goes through its states just as it would otherwise: a call that it would have rejected
    /// goes through, is counted in [`would_reject`](crate::BreakerStatus::would_reject), and what
    /// it comes to is no evidence. That holds for a breaker that was forced open too.
    pub shadow: bool,
}

/// How the open time grows from one opening to the next.
///
/// The first is `open_for`. Each time that the breaker opens again, by a rule or by its trials, the
/// time is `factor` as long, up to `max`, and then spread by chance; it is never shorter than
/// `open_for`. Having closed does not take it back at once, so that a service that flaps is left
/// alone for longer and longer: for each stretch without a trip as long as the last open time, it is
/// one step shorter. [`Breaker::reset`](crate::Breaker::reset) takes it back to the first. What is
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

/// What a call counts for whose permit or future was dropped before it ended, or that was said to be
/// cancelled.
///
/// A drop in a panic is a failure either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Cancelled {
    /// For nothing: a trial call's place goes to another call. The default, for callers hang up for
    /// reasons of their own, and the loser of a hedged pair is dropped too.
    #[default]
    Neutral,
    /// As a failure, among trial calls too. For a breaker inside a time limit, which drops the calls
    /// that run into it: what never answers could not trip it otherwise.
    Failure,
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
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate: Some(Ratio::from_ppm_clamped(500_000)),
            slow_calls: None,
            consecutive_failures: None,
            window_calls: 100,
            minimum_calls: 20,
            open_for: Duration::from_secs(30),
            open_backoff: None,
            trials: 5,
            trial_limit: Duration::from_secs(30),
            cancelled: Cancelled::Neutral,
            shadow: false,
        }
    }
}

impl BreakerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range; `failure_rate` if no rule is on.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_rules()?;
        config::in_range("window_calls", self.window_calls, 1..=CountWindow::MAX_CALLS)?;
        config::in_range("minimum_calls", self.minimum_calls, 1..=self.window_calls)?;
        config::nonzero("open_for", self.open_for)?;
        self.open_growth()?;
        config::in_range("trials", self.trials, 1..=u32::from(u16::MAX))?;
        config::nonzero("trial_limit", self.trial_limit)?;
        Ok(())
    }

    pub(crate) fn open_growth(&self) -> Result<Option<Backoff>, ConfigError> {
        let Some(OpenBackoff { factor, max, jitter }) = self.open_backoff else { return Ok(None) };
        if jitter == Jitter::Decorrelated {
            // It grows from the time before alone, and so could not be taken back step by step.
            let (field, allowed) = ("open_backoff.jitter", "none, full or equal");
            return Err(ConfigError::new(field, "decorrelated", allowed));
        }
        let (growth, initial) = (Growth::Exponential, self.open_for);
        let growth = BackoffConfig { growth, initial, factor: Some(factor), max, jitter }.build();
        growth.map(Some).map_err(|error| error.within("open_backoff"))
    }

    fn check_rules(&self) -> Result<(), ConfigError> {
        match (self.failure_rate, self.slow_calls, self.consecutive_failures) {
            (None, None, None) => {
                let allowed = "on, unless slow_calls or consecutive_failures is";
                return Err(ConfigError::new("failure_rate", "off", allowed));
            }
            (Some(rate), ..) => over_zero("failure_rate", rate)?,
            (None, ..) => {}
        }
        if let Some(SlowCalls { longer_than, rate }) = self.slow_calls {
            config::nonzero("slow_calls.longer_than", longer_than)?;
            over_zero("slow_calls.rate", rate)?;
        }
        if let Some(failures) = self.consecutive_failures {
            config::in_range("consecutive_failures", failures, 1..=CountWindow::MAX_CALLS)?;
        }
        Ok(())
    }
}

fn over_zero(field: &str, rate: Ratio) -> Result<(), ConfigError> {
    if rate == Ratio::ZERO { Err(ConfigError::new(field, rate, "over 0 %")) } else { Ok(()) }
}
