use core::time::Duration;

use rely_core::rng::Rng;

use crate::BreakerConfig;

/// How long the next open state is. The rule stays in the configuration and is read when it opens,
/// for a breaker is to be small.
#[derive(Clone, Debug)]
pub(super) struct OpenTime {
    /// How many steps it has grown, but never more than it takes to reach the longest.
    steps: u32,
    last: Duration,
    rng: Rng,
}

impl OpenTime {
    pub(super) const fn new(first: Duration, seed: u64) -> Self {
        Self { steps: 0, last: first, rng: Rng::seeded(seed) }
    }

    pub(super) const fn seed(&mut self, seed: u64) {
        self.rng = Rng::seeded(seed);
    }

    pub(super) fn next(&mut self, config: &BreakerConfig) -> Duration {
        let first = config.open_for;
        let Ok(Some(growth)) = config.open_growth() else { return first };
        self.last = match self.steps {
            0 => first,
            steps => growth.delay(steps, self.last, &mut self.rng).max(first),
        };
        // A month of outage must not take another month to be forgotten.
        if growth.ceiling(self.steps) < growth.config().max {
            self.steps = self.steps.saturating_add(1);
        }
        self.last
    }

    /// The breaker was closed for `time`: a step less for each time as long as it was open last.
    pub(super) fn was_closed(&mut self, time: Duration) {
        let fewer = time.as_nanos() / self.last.as_nanos().max(1);
        self.steps = self.steps.saturating_sub(u32::try_from(fewer).unwrap_or(u32::MAX));
    }

    pub(super) const fn reset(&mut self) {
        self.steps = 0;
    }
}
