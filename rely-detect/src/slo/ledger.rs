//! Events that somebody tells good from bad, whatever they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::source::Progress;

/// Good and bad events as their owner counts them: orders that came through, invoices that a checker
/// found correct. Cloning is cheap, and the clones share one count; recording takes no lock.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Clock, Level, Signal};
/// use rely_detect::slo::{Ledger, Slo};
///
/// let (clock, manual) = Clock::manual();
/// let invoices = Ledger::new();
/// let slo = Slo::builder("invoices").clock(clock.clone()).ledger(&invoices).build()?;
/// let level = || slo.verdict(clock.now()).level;
/// // A batch is wrong in 2 of 100, which is twenty times a budget of 0.1 %.
/// for _ in 0..30 {
///     invoices.record(98, 100);
///     manual.advance(Duration::from_secs(10));
///     level();
/// }
/// assert_eq!(level(), Level::Unhealthy);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Totals>);

#[derive(Debug, Default)]
struct Totals {
    good: AtomicU64,
    bad: AtomicU64,
}

impl Ledger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `total` events, so many of them `good`; more good than in total is taken for all good.
    pub fn record(&self, good: u64, total: u64) {
        let good = good.min(total);
        self.0.good.fetch_add(good, Ordering::Relaxed);
        self.0.bad.fetch_add(total - good, Ordering::Relaxed);
    }

    /// An event that a checker looked at.
    pub fn check(&self, good: bool) {
        self.record(good.into(), 1);
    }

    /// The good events so far.
    #[must_use]
    pub fn good(&self) -> u64 {
        self.0.good.load(Ordering::Relaxed)
    }

    /// The bad events so far.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.0.bad.load(Ordering::Relaxed)
    }

    pub(super) fn progress(&self) -> Progress {
        Progress { bad: self.bad(), good: self.good(), seen: None }
    }
}
