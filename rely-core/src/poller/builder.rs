use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use super::machine::{Machine, Rules};
use super::{Poller, PollerDriver, Shared};
use crate::sync::Mutex;
use crate::{Clock, ConfigError, Instant, Verdict};

const SHORTEST: Duration = Duration::from_millis(1);

/// Settings of a [`Poller`]; made by [`Poller::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PollerBuilder {
    name: String,
    clock: Clock,
    interval: Duration,
    timeout: Option<Duration>,
    max_age: Option<Duration>,
    backoff: Option<(Duration, Duration)>,
    jitter_percent: u8,
    seed: Option<u64>,
}

impl PollerBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            clock: Clock::default(),
            interval: Duration::from_secs(10),
            timeout: None,
            max_age: None,
            backoff: None,
            jitter_percent: 10,
            seed: None,
        }
    }

    /// Where time comes from. Default: the system's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// From the start of one attempt to the start of the next, at least 1 ms. Default: 10 s.
    ///
    /// The first attempt starts when the driver is first polled.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long an attempt may take, at most the interval; then it is dropped and counts as an
    /// error. An answer exactly then is in time. Default: half the interval.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How old the newest evidence of a verdict may become before the signal reads unknown: at
    /// least interval and timeout together, or a healthy source could go stale between two
    /// answers. Default: three intervals.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How long to wait after an error: `first`, twice as long after each further one, at most
    /// `max`. Default: the interval, up to eight intervals.
    pub fn backoff(mut self, first: Duration, max: Duration) -> Self {
        self.backoff = Some((first, max));
        self
    }

    /// By how much chance may shorten each wait, in percent of it, so that many pollers do not ask
    /// in step: 0 to 100. Default: 10.
    pub fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent;
        self
    }

    /// The seed of that chance; a seed of its own for each process sets a fleet apart. Default: made
    /// from the name, the same in each run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The signal, and the future that asks `source`.
    ///
    /// The source is called with the instant at which the attempt starts, which is what its
    /// verdict should name as `as_of`. A later `as_of` than the answer's arrival is set back to it.
    ///
    /// # Errors
    ///
    /// A setting is outside of the range that its method names.
    pub fn build<F, Fut, E>(self, source: F) -> Result<(Poller, PollerDriver<F, Fut>), ConfigError>
    where
        F: FnMut(Instant) -> Fut,
        Fut: Future<Output = Result<Verdict, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let rules = self.rules()?;
        let machine = Mutex::new(Machine::new(rules));
        let shared = Arc::new(Shared { name: self.name, machine });
        let driver = PollerDriver::new(Arc::clone(&shared), self.clock, source);
        Ok((Poller { shared }, driver))
    }

    fn rules(&self) -> Result<Rules, ConfigError> {
        let refuse = |field, value: Duration, allowed: String| {
            Err(ConfigError::new(field, format_args!("{value:?}"), allowed))
        };
        let interval = self.interval;
        if interval < SHORTEST {
            return refuse("interval", interval, format!("at least {SHORTEST:?}"));
        }
        let timeout = self.timeout.unwrap_or(interval / 2);
        if timeout.is_zero() || timeout > interval {
            return refuse("timeout", timeout, format!("above 0 s, at most {interval:?}"));
        }
        let max_age = self.max_age.unwrap_or(interval.saturating_mul(3));
        let least = interval.saturating_add(timeout);
        if max_age < least {
            return refuse("max_age", max_age, format!("at least {least:?}"));
        }
        let (first, max) = self.backoff.unwrap_or((interval, interval.saturating_mul(8)));
        if first < SHORTEST {
            return refuse("backoff.first", first, format!("at least {SHORTEST:?}"));
        }
        if max < first {
            return refuse("backoff.max", max, format!("at least {first:?}"));
        }
        if self.jitter_percent > 100 {
            return Err(ConfigError::new("jitter_percent", self.jitter_percent, "0 to 100"));
        }
        Ok(Rules {
            interval,
            timeout,
            max_age,
            backoff_first: first,
            backoff_max: max,
            jitter_percent: self.jitter_percent,
            seed: self.seed.unwrap_or_else(|| fnv1a(self.name.as_bytes())),
        })
    }
}

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
