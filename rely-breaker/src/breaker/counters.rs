//! What happened to calls since the breaker was made, as far as the window does not tell.

use rely_core::window::Counts;

use crate::sync::{AtomicU32, AtomicU64, Ordering};

#[derive(Default)]
pub(super) struct Counters {
    pub(super) rejected: AtomicU64,
    pub(super) ignored: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) opened: AtomicU32,
    /// Trial calls that ended with evidence: they are in no window.
    pub(super) trials: AtomicU32,
    pub(super) bad_trials: AtomicU32,
    /// What windows took over from others: it is in both.
    adopted: AtomicU64,
    bad_adopted: AtomicU64,
}

impl Counters {
    pub(super) fn adopt(&self, counts: Counts) {
        self.adopted.fetch_add(counts.total, Ordering::Relaxed);
        self.bad_adopted.fetch_add(counts.bad, Ordering::Relaxed);
    }

    /// How many calls went well and badly, if this is what windows ever took in.
    pub(super) fn good_and_bad(&self, recorded: impl Iterator<Item = Counts>) -> (u64, u64) {
        let mut all = Counts::default();
        for counts in recorded {
            all.total += counts.total;
            all.bad += counts.bad;
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let few = |counter: &AtomicU32| u64::from(counter.load(Ordering::Relaxed));
        let total = (all.total + few(&self.trials)).saturating_sub(count(&self.adopted));
        let bad = all.bad + few(&self.bad_trials);
        let bad = bad.saturating_sub(count(&self.bad_adopted));
        (total.saturating_sub(bad), bad)
    }
}
