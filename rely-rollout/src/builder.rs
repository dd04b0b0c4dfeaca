use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use rely_core::{Clock, ConfigError, Signal};

use crate::candidacy::Candidacy;
use crate::machine::Machine;
use crate::plan::DEFAULT_BAKE;
use crate::rollout::Parts;
use crate::{Plan, Release, Releases, Rollout, Split, Step};

/// How a [`Rollout`] is made; see [`Plan`] for defaults and bounds.
#[must_use]
pub struct RolloutBuilder {
    name: Arc<str>,
    clock: Clock,
    plan: Plan,
    signal: Option<Box<dyn Signal>>,
    split: Option<Split>,
    releases: Option<Releases>,
    candidate: Option<Release>,
}

impl RolloutBuilder {
    pub(crate) fn new(name: Arc<str>) -> Self {
        let (clock, plan) = (Clock::system(), Plan::default());
        Self { name, clock, plan, signal: None, split: None, releases: None, candidate: None }
    }

    /// Takes over a whole plan, read from a file for example.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// The steps.
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.plan.steps = steps.into_iter().collect();
        self
    }

    /// How much of one step may pass without proof that the candidate is healthy.
    pub const fn give_up(mut self, time: Duration) -> Self {
        self.plan.give_up = time;
        self
    }

    /// How often the signal is asked.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.plan.interval = interval;
        self
    }

    /// For how long the candidate is watched after the last step before it is promoted.
    pub const fn bake(mut self, time: Duration) -> Self {
        self.plan.bake = Some(time);
        self
    }

    /// The ledger that knows what to go back to, and in which the candidate's standing is kept.
    /// Goes with [`RolloutBuilder::candidate`].
    pub fn releases(mut self, releases: &Releases) -> Self {
        self.releases = Some(releases.clone());
        self
    }

    /// The release that is rolled out. Goes with [`RolloutBuilder::releases`].
    pub fn candidate(mut self, release: Release) -> Self {
        self.candidate = Some(release);
        self
    }

    /// What tells a good candidate from a bad one. There is no default.
    pub fn signal(mut self, signal: impl Signal + 'static) -> Self {
        self.signal = Some(Box::new(signal));
        self
    }

    /// The split whose share the rollout decides; a new one of the rollout's name by default.
    pub fn split(mut self, split: Split) -> Self {
        self.split = Some(split);
        self
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The rollout, not begun: the candidate's share is zero until a driver is polled.
    ///
    /// # Errors
    /// The first field of the plan that is out of range, a signal that is missing, or a split that
    /// another rollout decides about. With releases: a candidate that is bad, quarantined or cannot
    /// read today's data, or a ledger without another good release to go back to.
    pub fn build(self) -> Result<Rollout, ConfigError> {
        let Self { name, clock, mut plan, signal, split, releases, candidate } = self;
        let interval = plan.interval;
        if releases.is_some() {
            plan.bake = plan.bake.or(Some(DEFAULT_BAKE));
        }
        let machine = Machine::new(plan)?;
        let signal = signal
            .ok_or_else(|| ConfigError::new("signal", "missing", "a signal, it is required"))?;
        let control = split
            .unwrap_or_else(|| Split::new(Arc::clone(&name)))
            .control(Arc::clone(&name))
            .map_err(|error| {
                let value = format!("controlled by {}", error.by);
                ConfigError::new("split", value, "one that no other rollout decides about")
            })?;
        let candidacy = match (releases, candidate) {
            (None, None) => None,
            (Some(releases), Some(candidate)) => Some(Candidacy::new(releases, candidate, &name)?),
            (Some(_), None) => {
                let allowed = "a release, as the rollout has a ledger";
                return Err(ConfigError::new("candidate", "missing", allowed));
            }
            (None, Some(_)) => {
                let allowed = "a ledger, as the rollout has a candidate";
                return Err(ConfigError::new("releases", "missing", allowed));
            }
        };
        Ok(Rollout::new(Parts { name, clock, signal, interval, control, machine, candidacy }))
    }
}

impl fmt::Debug for RolloutBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RolloutBuilder")
            .field("name", &self.name)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
