use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use super::machine::Machine;
use super::{Poller, PollerConfig, PollerDriver, Shared};
use crate::backoff::BackoffConfig;
use crate::sync::Mutex;
use crate::{Clock, ConfigError, Instant, Ratio, Verdict};

/// Settings of a [`Poller`], one by one; made by [`Poller::builder`]. [`PollerConfig`] says what
/// they mean, what they may be, and what they are by default.
#[derive(Clone, Debug)]
#[must_use]
pub struct PollerBuilder {
    name: String,
    clock: Clock,
    config: PollerConfig,
}

impl PollerBuilder {
    pub(super) fn new(name: String) -> Self {
        Self { name, clock: Clock::default(), config: PollerConfig::default() }
    }

    /// Where time comes from; the system's clock by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// All settings at once, in place of those made before.
    pub const fn config(mut self, config: PollerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets [`PollerConfig::interval`].
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.config.interval = interval;
        self
    }

    /// Sets [`PollerConfig::timeout`].
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = Some(timeout);
        self
    }

    /// Sets [`PollerConfig::max_age`].
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.config.max_age = Some(age);
        self
    }

    /// Sets [`PollerConfig::backoff`].
    pub const fn backoff(mut self, backoff: BackoffConfig) -> Self {
        self.config.backoff = Some(backoff);
        self
    }

    /// Sets [`PollerConfig::jitter`].
    pub const fn jitter(mut self, share: Ratio) -> Self {
        self.config.jitter = share;
        self
    }

    /// Sets [`PollerConfig::seed`].
    pub const fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// The signal, and the future that asks `source`.
    ///
    /// The source is called with the instant at which the attempt starts, which is what its
    /// verdict should name as `as_of`. A later `as_of` than the answer's arrival is set back to it.
    ///
    /// # Errors
    ///
    /// A setting is outside of the range that [`PollerConfig`] names.
    pub fn build<F, Fut, E>(self, source: F) -> Result<(Poller, PollerDriver<F, Fut>), ConfigError>
    where
        F: FnMut(Instant) -> Fut,
        Fut: Future<Output = Result<Verdict, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let machine = Mutex::new(Machine::new(self.config.rules(&self.name)?));
        let shared = Arc::new(Shared { name: self.name, machine });
        let driver = PollerDriver::new(Arc::clone(&shared), self.clock, source);
        Ok((Poller { shared }, driver))
    }
}
