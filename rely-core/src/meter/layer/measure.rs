//! One call while it runs.

use crate::meter::Point;
use crate::{Instant, Outcome};

/// Counts a call when it ends, however it ends.
#[derive(Debug)]
pub(super) struct Measure {
    point: Point,
    start: Instant,
    /// Inside the inner service's code; still so when dropped only if that code panicked.
    running: bool,
    open: bool,
}

impl Measure {
    /// A call that begins, with the inner service's code about to run.
    #[inline]
    pub(super) fn start(point: &Point) -> Self {
        Self { point: point.clone(), start: point.clock().now(), running: true, open: true }
    }

    /// Runs the inner service's code.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.running = true;
        let result = code();
        self.running = false;
        result
    }

    #[inline]
    pub(super) fn finish(&mut self, outcome: Outcome) {
        if self.open {
            self.open = false;
            let now = self.point.clock().now();
            let latency = now.as_nanos().saturating_sub(self.start.as_nanos());
            self.point.record_nanos(now, outcome, latency);
        }
    }

    /// Takes the call over into something that outlives this future.
    #[cfg(feature = "http")]
    pub(super) fn hand_over(&mut self) -> (Point, crate::Instant) {
        self.open = false;
        (self.point.clone(), self.start)
    }
}

impl Drop for Measure {
    fn drop(&mut self) {
        self.finish(if self.running { Outcome::FAILURE } else { Outcome::CANCELLED });
    }
}
