use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use rely_core::backoff::BackoffConfig;
use rely_core::rng::Rng;
use rely_core::{Clock, ConfigError, Events};

use super::actuator::{Replace, erase};
use super::machine::Machine;
use super::{Actuator, ReconcileConfig, Reconciler, Shared};
use crate::{DriftCheck, Releases};

/// How a [`Reconciler`] is made; see [`ReconcileConfig`] for defaults and bounds.
#[must_use]
pub struct ReconcilerBuilder {
    name: Arc<str>,
    config: ReconcileConfig,
    seed: Option<u64>,
    clock: Option<Clock>,
    drift: Option<DriftCheck>,
    releases: Option<Releases>,
    replace: Option<Replace>,
}

impl ReconcilerBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        let config = ReconcileConfig::default();
        Self { name, config, seed: None, clock: None, drift: None, releases: None, replace: None }
    }

    /// What was declared and what runs. Required.
    pub fn drift(mut self, drift: DriftCheck) -> Self {
        self.drift = Some(drift);
        self
    }

    /// What replaces an instance. Required.
    pub fn actuator(mut self, actuator: impl Actuator + 'static) -> Self {
        self.replace = Some(erase(actuator));
        self
    }

    /// The ledger that says which releases are bad; without one none is.
    pub fn releases(mut self, releases: &Releases) -> Self {
        self.releases = Some(releases.clone());
        self
    }

    /// All settings at once, in place of those made before.
    pub const fn config(mut self, config: ReconcileConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets [`ReconcileConfig::interval`].
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.config.interval = interval;
        self
    }

    /// Sets [`ReconcileConfig::surge`].
    pub const fn surge(mut self, instances: u32) -> Self {
        self.config.surge = instances;
        self
    }

    /// Sets [`ReconcileConfig::attempts`].
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.config.attempts = attempts;
        self
    }

    /// Sets [`ReconcileConfig::timeout`].
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = timeout;
        self
    }

    /// Sets [`ReconcileConfig::confirm`].
    pub const fn confirm(mut self, time: Duration) -> Self {
        self.config.confirm = time;
        self
    }

    /// Sets [`ReconcileConfig::backoff`].
    pub const fn backoff(mut self, backoff: BackoffConfig) -> Self {
        self.config.backoff = backoff;
        self
    }

    /// The seed of the jitter; made of the name by default.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The clock; the drift check's by default, and never one of another origin.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The reconciler; nothing happens until its driver is polled.
    ///
    /// # Errors
    /// The first setting that is out of range, or a drift check or an actuator that is missing.
    pub fn build(self) -> Result<Reconciler, ConfigError> {
        let Self { name, config, seed, clock, drift, releases, replace } = self;
        let seed = seed.unwrap_or_else(|| Rng::seeded(0).fork(&*name).seed());
        let machine = Mutex::new(Machine::new(config, seed)?);
        let missing = |field, allowed| ConfigError::new(field, "missing", allowed);
        let drift = drift.ok_or_else(|| missing("drift", "a drift check, it is required"))?;
        let replace = replace.ok_or_else(|| missing("actuator", "an actuator, it is required"))?;
        let clock = clock.unwrap_or_else(|| drift.clock().clone());
        let (events, seat) = (Events::new(), Mutex::default());
        let shared = Shared { name, clock, drift, releases, replace, machine, events, seat };
        Ok(Reconciler(Arc::new(shared)))
    }
}

impl fmt::Debug for ReconcilerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconcilerBuilder")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
