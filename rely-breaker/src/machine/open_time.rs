use core::time::Duration;

use rely_core::Backoff;
use rely_core::rng::Rng;

/// How long the next open state is, and what it was grown from.
#[derive(Clone, Debug)]
pub(super) struct OpenTime {
    first: Duration,
    growth: Option<Backoff>,
    /// How many steps it has grown, but never more than it takes to reach the longest.
    steps: u32,
    last: Duration,
    rng: Rng,
}

impl OpenTime {
    pub(super) const fn new(first: Duration, growth: Option<Backoff>, seed: u64) -> Self {
        Self { first, growth, steps: 0, last: first, rng: Rng::seeded(seed) }
    }

    pub(super) const fn seed(&mut self, seed: u64) {
        self.rng = Rng::seeded(seed);
    }

    pub(super) fn next(&mut self) -> Duration {
        let Some(growth) = self.growth else { return self.first };
        self.last = match self.steps {
            0 => self.first,
            steps => growth.delay(steps, self.last, &mut self.rng).max(self.first),
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
