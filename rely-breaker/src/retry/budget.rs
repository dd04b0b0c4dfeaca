use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use rely_core::{Clock, ConfigError, Ratio};

use super::RetryBudgetConfig;
use super::tokens::{SLOTS, TOKEN, Tokens};
use crate::sync::{AtomicU64, Ordering};

/// How many retries there may be: a share of the first calls, and a few more each second.
///
/// A cheap-clone handle, every clone of which is the same budget. Share one among all policies that
/// call the same service: so retries add at most that share to its load, however much fails.
///
/// Each first call deposits `ratio` of a token, each retry withdraws one, and both are forgotten after
/// `ttl`, to a tenth of it. A reserve of `min_per_second · ttl` tokens is there on top, so that a
/// client with few calls can retry at all; it may be used up at once. After Finagle's `RetryBudget`.
/// Exact under threads, without a lock: there is never one retry too many.
///
/// Defaults and bounds are those of [`RetryBudgetConfig`].
///
/// ```
/// use rely_breaker::RetryBudget;
/// use rely_core::Ratio;
///
/// let budget = RetryBudget::builder().ratio(Ratio::percent(50.0)?).min_per_second(0).build()?;
/// budget.deposit();
/// assert!(!budget.withdraw(), "half a token");
/// budget.deposit();
/// assert!(budget.withdraw());
/// assert_eq!(budget.status().exhausted, 1);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RetryBudget(Arc<Shared>);

struct Shared {
    tokens: Tokens,
    deposit: i64,
    clock: Clock,
    deposited: AtomicU64,
    withdrawn: AtomicU64,
    exhausted: AtomicU64,
}

/// How a [`RetryBudget`] is made; see [`RetryBudgetConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct RetryBudgetBuilder {
    config: RetryBudgetConfig,
    clock: Clock,
}

impl RetryBudgetBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub const fn config(mut self, config: RetryBudgetConfig) -> Self {
        self.config = config;
        self
    }

    /// The share of first calls that may be retried.
    pub const fn ratio(mut self, ratio: Ratio) -> Self {
        self.config.ratio = ratio;
        self
    }

    /// How many retries each second there may be on top, on average over `ttl`.
    pub const fn min_per_second(mut self, retries: u32) -> Self {
        self.config.min_per_second = retries;
        self
    }

    /// How long a deposit counts.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.config.ttl = ttl;
        self
    }

    /// The clock, of the budget and of the delays before retries; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The budget, with its reserve full.
    ///
    /// # Errors
    /// If `ttl` is out of range.
    pub fn build(self) -> Result<RetryBudget, ConfigError> {
        let Self { config, clock } = self;
        config.check()?;
        let RetryBudgetConfig { ratio, min_per_second, ttl } = config;
        // At most 60 s of 2³² tokens of 10⁶ parts: 2.6 · 10¹⁷.
        let reserve = i64::from(min_per_second) * i64::try_from(ttl.as_micros()).unwrap_or(0);
        let tick = u64::try_from(ttl.as_nanos()).unwrap_or(u64::MAX) / SLOTS;
        let tokens = Tokens::new(tick, reserve, clock.coarse_now());
        let count = || AtomicU64::new(0);
        Ok(RetryBudget(Arc::new(Shared {
            tokens,
            deposit: i64::from(ratio.ppm()),
            clock,
            deposited: count(),
            withdrawn: count(),
            exhausted: count(),
        })))
    }
}

impl RetryBudget {
    /// A budget with the defaults.
    pub fn builder() -> RetryBudgetBuilder {
        RetryBudgetBuilder { config: RetryBudgetConfig::default(), clock: Clock::system() }
    }

    /// Takes note of a first call. [`RetryPolicy`](super::RetryPolicy) does it; a loop or a hedge of
    /// one's own has to.
    #[inline]
    pub fn deposit(&self) {
        let shared = &*self.0;
        shared.deposited.fetch_add(1, Ordering::Relaxed);
        if shared.deposit > 0 {
            shared.tokens.deposit(shared.deposit, || shared.clock.coarse_now());
        }
    }

    /// Takes a token for one more attempt, if there is one.
    #[must_use = "without a token there is no other attempt"]
    pub fn withdraw(&self) -> bool {
        let shared = &*self.0;
        let taken = shared.tokens.withdraw(|| shared.clock.coarse_now());
        let counter = if taken { &shared.withdrawn } else { &shared.exhausted };
        counter.fetch_add(1, Ordering::Relaxed);
        taken
    }

    /// What there was and what there is.
    #[must_use]
    pub fn status(&self) -> BudgetStatus {
        let shared = &*self.0;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let parts = shared.tokens.balance(|| shared.clock.coarse_now());
        BudgetStatus {
            deposited: count(&shared.deposited),
            withdrawn: count(&shared.withdrawn),
            exhausted: count(&shared.exhausted),
            balance: u64::try_from(parts / TOKEN).unwrap_or(0),
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RetryBudget").field(&self.status()).finish()
    }
}

/// A budget at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// First calls since the budget was made.
    pub deposited: u64,
    /// Retries that it allowed.
    pub withdrawn: u64,
    /// Retries that it did not allow.
    pub exhausted: u64,
    /// How many it would allow now.
    pub balance: u64,
}
