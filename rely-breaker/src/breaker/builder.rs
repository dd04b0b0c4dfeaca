use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use rely_core::{Clock, ConfigError, Ratio};

use super::{Breaker, Shared};
use crate::{BreakerConfig, Cancelled, OpenBackoff, SlowCalls};

/// How a [`Breaker`] is made; see [`BreakerConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct BreakerBuilder {
    pub(super) name: Arc<str>,
    pub(super) clock: Clock,
    pub(super) config: BreakerConfig,
    pub(super) seed: Option<u64>,
}

impl BreakerBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: BreakerConfig) -> Self {
        self.config = config;
        self
    }

    /// The share of bad calls at which the breaker opens.
    pub const fn failure_rate(mut self, rate: Ratio) -> Self {
        self.config.failure_rate = Some(rate);
        self
    }

    /// Has the share of bad calls open nothing; another rule has to be on.
    pub const fn without_failure_rate(mut self) -> Self {
        self.config.failure_rate = None;
        self
    }

    /// Has the breaker open when this share of the calls takes `longer_than` or longer.
    pub const fn slow_calls(mut self, longer_than: Duration, rate: Ratio) -> Self {
        self.config.slow_calls = Some(SlowCalls { longer_than, rate });
        self
    }

    /// Has the breaker open when so many calls in a row fail, however few there were.
    pub const fn consecutive_failures(mut self, failures: u32) -> Self {
        self.config.consecutive_failures = Some(failures);
        self
    }

    /// How many calls the window holds.
    pub const fn window_calls(mut self, calls: u32) -> Self {
        self.config.window_calls = calls;
        self
    }

    /// Below how many calls no rate is judged.
    pub const fn minimum_calls(mut self, calls: u32) -> Self {
        self.config.minimum_calls = calls;
        self
    }

    /// How long the breaker stays open.
    pub const fn open_for(mut self, time: Duration) -> Self {
        self.config.open_for = time;
        self
    }

    /// Has the open time grow while the other side does not recover.
    pub const fn open_backoff(mut self, backoff: OpenBackoff) -> Self {
        self.config.open_backoff = Some(backoff);
        self
    }

    /// Where the chance in growing open times starts; drawn by default, as no two breakers should
    /// wait alike.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How many trial calls decide.
    pub const fn trials(mut self, trials: u32) -> Self {
        self.config.trials = trials;
        self
    }

    /// How long the trial calls may take together.
    pub const fn trial_limit(mut self, limit: Duration) -> Self {
        self.config.trial_limit = limit;
        self
    }

    /// What a call counts for that nobody waited for.
    pub const fn cancelled(mut self, cancelled: Cancelled) -> Self {
        self.config.cancelled = cancelled;
        self
    }

    /// Has the breaker decide and report, but reject nothing; see [`BreakerConfig::shadow`].
    pub const fn shadow(mut self, shadow: bool) -> Self {
        self.config.shadow = shadow;
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The breaker, closed.
    ///
    /// # Errors
    /// The first field that is out of range; `failure_rate` if no rule is on.
    pub fn build(self) -> Result<Breaker, ConfigError> {
        let Self { name, clock, config, seed } = self;
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        Shared::new(name, clock, config, seed).map(|shared| Breaker(Arc::new(shared)))
    }
}
