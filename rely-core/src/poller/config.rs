use core::time::Duration;

use super::machine::Rules;
use crate::backoff::{Backoff, BackoffConfig, Jitter};
use crate::rng::Rng;
use crate::{ConfigError, Ratio, config};

const SHORTEST: Duration = Duration::from_millis(1);

/// The configuration of a [`Poller`](super::Poller).
///
/// ```
/// use core::time::Duration;
/// use rely_core::Verdict;
/// use rely_core::poller::{Poller, PollerConfig};
///
/// let config = PollerConfig { interval: Duration::from_secs(5), ..PollerConfig::default() };
/// let (poller, driver) = Poller::builder("replica lag")
///     .config(config)
///     .build(|now| async move { Ok::<_, String>(Verdict::unknown(now, "not asked")) })?;
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(description = "How often a slow source is asked, and how long its answers hold.")
)]
pub struct PollerConfig {
    /// From the start of one attempt to the start of the next, at least 1 ms; 10 s by default. The
    /// first attempt starts when the driver is first polled.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub interval: Duration,
    /// How long an attempt may take, at most the interval; then it is dropped and counts as an
    /// error. An answer exactly then is in time. Half the interval by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub timeout: Option<Duration>,
    /// How old the newest evidence of a verdict may become before the signal reads unknown: at
    /// least interval and timeout together, or a healthy source could go stale between two
    /// answers. Three intervals by default.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub max_age: Option<Duration>,
    /// How long to wait after an error until the next attempt, but never less than 1 ms. By
    /// default as long as the interval, doubling up to eight intervals, with equal jitter.
    pub backoff: Option<BackoffConfig>,
    /// The share of the interval by which chance may shorten it, so that many pollers do not ask
    /// in step; 10 % by default.
    pub jitter: Ratio,
    /// The seed of chance, on top of the name; the same for all processes by default. One of its
    /// own for each process sets a fleet apart.
    pub seed: u64,
}

impl Default for PollerConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: None,
            max_age: None,
            backoff: None,
            jitter: Ratio::from_ppm_clamped(100_000),
            seed: 0,
        }
    }
}

impl PollerConfig {
    pub(super) fn rules(&self, name: &str) -> Result<Rules, ConfigError> {
        let interval = config::in_range("interval", self.interval, SHORTEST..)?;
        let timeout = config::nonzero("timeout", self.timeout.unwrap_or(interval / 2))?;
        config::in_range("timeout", timeout, ..=interval)?;
        let max_age = self.max_age.unwrap_or(interval.saturating_mul(3));
        config::in_range("max_age", max_age, interval.saturating_add(timeout)..)?;
        let backoff = match self.backoff {
            Some(backoff) => backoff.build(),
            None => Backoff::exponential(interval, interval.saturating_mul(8))
                .and_then(|backoff| backoff.with_jitter(Jitter::Equal)),
        };
        Ok(Rules {
            interval,
            timeout,
            max_age,
            backoff: backoff.map_err(|error| error.within("backoff"))?,
            jitter: self.jitter,
            shortest: SHORTEST,
            rng: Rng::seeded(self.seed).fork(name),
        })
    }
}
