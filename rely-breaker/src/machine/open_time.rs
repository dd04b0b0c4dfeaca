use core::time::Duration;

use rely_core::backoff::Backoff;
use rely_core::rng::Rng;

use crate::BreakerConfig;

/// How long the next open state is. The rule stays in the configuration and is read when it opens,
/// for a breaker is to be small.
#[derive(Clone, Debug)]
pub(super) struct OpenTime {
    /// How many steps it has grown.
    pub(super) steps: u32,
    pub(super) last: Duration,
    rng: Rng,
}

impl OpenTime {
    /// The most steps where no growth says how many there are: the user's own function may double
    /// a nanosecond so often, and get to seconds.
    pub(super) const MAX_STEPS: u32 = 32;

    pub(super) const fn new(steps: u32, last: Duration) -> Self {
        Self { steps, last, rng: Rng::seeded(0) }
    }

    pub(super) const fn seed(&mut self, seed: u64) {
        self.rng = Rng::seeded(seed);
    }

    pub(super) fn next(&mut self, config: &BreakerConfig) -> Duration {
        let first = config.open_for;
        self.last = match config.open_growth() {
            Ok(Some(growth)) if self.steps > 0 => {
                growth.delay(self.steps, self.last, &mut self.rng).max(first)
            }
            _ => first,
        };
        self.steps = self.steps.saturating_add(1);
        self.fit(config);
        self.last
    }

    /// No more steps than it takes to reach the longest: a month of outage must not take another
    /// month to be forgotten.
    pub(super) fn fit(&mut self, config: &BreakerConfig) {
        let most = config.open_growth().ok().flatten().and_then(|growth| steps_of(&growth));
        self.steps = self.steps.min(most.unwrap_or(Self::MAX_STEPS));
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

/// How many steps it takes from the first to the longest; none are enough for a factor of one.
fn steps_of(growth: &Backoff) -> Option<u32> {
    let reaches = |steps| growth.ceiling(steps) >= growth.config().max;
    let (mut low, mut high) = (0, u32::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) { high = middle } else { low = middle + 1 }
    }
    reaches(low).then_some(low)
}
