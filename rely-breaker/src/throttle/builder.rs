use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use rely_core::{Clock, ConfigError, Ratio};

use super::{Throttle, ThrottleConfig};
use crate::Cancelled;

/// How a [`Throttle`] is made; see [`ThrottleConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct ThrottleBuilder {
    name: Arc<str>,
    clock: Clock,
    config: ThrottleConfig,
    seed: Option<u64>,
}

impl ThrottleBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self { name, clock: Clock::system(), config: ThrottleConfig::default(), seed: None }
    }

    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: ThrottleConfig) -> Self {
        self.config = config;
        self
    }

    /// How many requests are sent for each that is accepted.
    pub const fn multiplier(mut self, multiplier: f64) -> Self {
        self.config.multiplier = multiplier;
        self
    }

    /// How far back it looks.
    pub const fn window(mut self, window: Duration) -> Self {
        self.config.window = window;
        self
    }

    /// In how many steps the window moves on.
    pub const fn buckets(mut self, buckets: u32) -> Self {
        self.config.buckets = buckets;
        self
    }

    /// In how many places threads count at the same moment without meeting.
    pub const fn shards(mut self, shards: u32) -> Self {
        self.config.shards = shards;
        self
    }

    /// The most that is rejected.
    pub const fn max_rejection(mut self, share: Ratio) -> Self {
        self.config.max_rejection = share;
        self
    }

    /// Below how many requests in the window nothing is rejected.
    pub const fn minimum_requests(mut self, requests: u32) -> Self {
        self.config.minimum_requests = requests;
        self
    }

    /// What a call counts for that nobody waited for.
    pub const fn cancelled(mut self, cancelled: Cancelled) -> Self {
        self.config.cancelled = cancelled;
        self
    }

    /// Where chance starts: with the same seed, the same calls are rejected. Drawn by default, as no
    /// two clients should reject alike.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The throttle, which rejects nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<Throttle, ConfigError> {
        let Self { name, clock, config, seed } = self;
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        Throttle::new(name, clock, config, seed)
    }
}
