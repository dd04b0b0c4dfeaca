use std::sync::{Arc, PoisonError, RwLock};

use super::{Signal, carry_since};
use crate::{Instant, Verdict};

/// A signal that says what it was told, for operators and tests.
///
/// Clones share the verdict. The default says unknown until somebody sets it.
///
/// ```
/// use core::time::Duration;
/// use rely_core::signal::{ManualSignal, Signal};
/// use rely_core::{Instant, Level, Verdict};
///
/// let now = Instant::from_nanos(5);
/// let signal = ManualSignal::default();
/// assert_eq!(signal.verdict(now).level, Level::Unknown);
///
/// let hold = Verdict::new(Level::Unhealthy, now).because("maintenance");
/// signal.set(hold.valid_for(Duration::from_secs(3600)));
/// assert_eq!(signal.verdict(now).reason, "maintenance");
/// ```
#[derive(Clone, Debug)]
pub struct ManualSignal {
    verdict: Arc<RwLock<Verdict>>,
}

impl ManualSignal {
    /// A signal that says `verdict`.
    #[must_use]
    pub fn new(verdict: Verdict) -> Self {
        Self { verdict: Arc::new(RwLock::new(verdict)) }
    }

    /// Replaces the verdict.
    ///
    /// If the level stays the same and the former verdict still holds when the new one begins, the
    /// earlier of both `since` is kept: saying the same again does not begin anew.
    pub fn set(&self, mut verdict: Verdict) {
        let mut held = self.verdict.write().unwrap_or_else(PoisonError::into_inner);
        carry_since(&held, &mut verdict);
        *held = verdict;
    }
}

impl Default for ManualSignal {
    fn default() -> Self {
        Self::new(Verdict::unknown(Instant::ORIGIN, "never set"))
    }
}

impl Signal for ManualSignal {
    fn verdict(&self, now: Instant) -> Verdict {
        self.verdict.read().unwrap_or_else(PoisonError::into_inner).clone().at(now)
    }
}
