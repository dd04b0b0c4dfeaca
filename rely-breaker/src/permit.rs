use core::fmt;
use std::sync::Arc;

use rely_core::Outcome;

use crate::breaker::Shared;

/// Permission to make one call; say what became of it.
///
/// It carries the generation that admitted the call. Dropped without a word, it counts for nothing:
/// a trial call's place goes to another call. Dropped while its thread panics, it is a failure.
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct Permit {
    shared: Arc<Shared>,
    generation: u64,
    trial: bool,
    open: bool,
}

impl Permit {
    #[inline]
    pub(crate) const fn new(shared: Arc<Shared>, generation: u64, trial: bool) -> Self {
        Self { shared, generation, trial, open: true }
    }

    /// Says what the call came to. Ignored, cancelled and rejected calls count for nothing.
    #[inline]
    pub fn record(mut self, outcome: Outcome) {
        self.settle(outcome);
    }

    /// The call went well.
    #[inline]
    pub fn success(self) {
        self.record(Outcome::SUCCESS);
    }

    /// The call failed.
    pub fn failure(self) {
        self.record(Outcome::FAILURE);
    }

    /// Whether it is one of the few calls that a half-open breaker lets through.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        self.trial
    }

    /// The generation that admitted the call.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    #[inline]
    fn settle(&mut self, outcome: Outcome) {
        if core::mem::take(&mut self.open) {
            if outcome.class.is_counted() {
                self.shared.ended(self.generation, self.trial, outcome.class.is_bad());
            } else if self.trial {
                self.shared.trial_returned(self.generation);
            }
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.open {
            let panics = std::thread::panicking();
            self.settle(if panics { Outcome::FAILURE } else { Outcome::CANCELLED });
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("generation", &self.generation)
            .field("trial", &self.trial)
            .finish_non_exhaustive()
    }
}
