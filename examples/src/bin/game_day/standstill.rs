//! Whether the machine itself stands still, which no hypothesis is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rely_core::Clock;

/// How often it is looked, and how much later than that is no standstill yet.
const LOOK: Duration = Duration::from_millis(10);
const USUAL: Duration = Duration::from_millis(30);

/// The time that has been lost, as a timer sees it that should come every ten milliseconds.
#[derive(Clone, Default)]
pub(crate) struct Standstill(Arc<AtomicU64>);

impl Standstill {
    /// How much in all so far.
    pub(crate) fn lost(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    /// Watches for ever.
    pub(crate) async fn watch(self, clock: Clock) {
        loop {
            let begun = clock.now();
            clock.sleep(LOOK).await;
            let late = (clock.now() - begun).saturating_sub(LOOK);
            if late > USUAL {
                let nanos = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
                self.0.fetch_add(nanos, Ordering::Relaxed);
            }
        }
    }
}
