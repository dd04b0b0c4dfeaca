//! To and from a snapshot.

use core::time::Duration;

use rely_core::Instant;

use super::{Breaker, Shared};
use crate::BreakerSnapshot;
use crate::machine::State;
use crate::sync::{Ordering, lock};

impl Breaker {
    /// The breaker as it is now, to be kept over a restart; see [`BreakerSnapshot`]. Takes time and
    /// memory in proportion to the window, and holds up nothing but changes of state.
    #[must_use]
    pub fn snapshot(&self) -> BreakerSnapshot {
        let shared = self.shared();
        let core = lock(&shared.core);
        let (now, shape) = (shared.clock.now(), shared.shape());
        BreakerSnapshot {
            version: (),
            machine: core.machine.snapshot(now),
            window: shape.calls.keep(now),
            cancellations: shape.cancellations().map(|calls| calls.keep(now)),
            consecutive_failures: shared.run.length(),
            asked: shared
                .left_alone_until()
                .map_or(Duration::ZERO, |until| until.saturating_since(now)),
            tried: core.machine.state() == State::HalfOpen
                && shared.was_tried(core.machine.generation()),
        }
    }
}

impl Shared {
    /// Takes over what the generation counted that `kept` is of; only while nobody else has the breaker.
    pub(super) fn restore(&self, kept: &BreakerSnapshot, now: Instant) {
        let generation = kept.machine().generation();
        // Another configuration may have brought another state already.
        if self.word().generation() != generation {
            return;
        }
        self.counters.adopt(self.shape.restore(kept, generation, now));
        if kept.tried {
            self.is_tried(generation);
        }
        self.run.restore(generation, kept.consecutive_failures);
        if self.run.length() > 0 {
            self.mind_run();
        }
        if !kept.asked.is_zero() {
            let until = self.clock.now() + kept.asked;
            self.rare().left_alone.fetch_max(until.as_nanos(), Ordering::Relaxed);
        }
    }
}
