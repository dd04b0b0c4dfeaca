use core::fmt;
use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::Arc;

use rely_core::Class;
use rely_core::classify::{ByError, Classify, DO_NOT_RETRY};
use rely_core::rng::Rng;
use tower::retry::Policy;

use super::builder::{Rules, Settings};
use super::{Always, OnRetry, RetryBudget, RetryDelay, RetryIf, Unmarked};
use crate::request::{ByClone, CloneRequest};
use crate::sync::{AtomicU64, Ordering};

/// When to send a request again: a [`tower::retry::Policy`] within a [`RetryBudget`].
///
/// See the [module's documentation](super) for what is retried. A clone, of which tower makes one for
/// each call, is a reference count and a few numbers.
pub struct RetryPolicy<C = ByError, I = Always, N = Unmarked, Q = ByClone> {
    shared: Arc<Shared<C, I, N, Q>>,
    /// Attempts before the one under way.
    attempt: u32,
    /// The delay before it.
    previous: Duration,
    rng: Option<Rng>,
}

struct Shared<C, I, N, Q> {
    settings: Settings,
    rules: Rules<C, I, N, Q>,
    seed: Rng,
    /// How many calls have drawn from the seed: each has delays of its own.
    drawn: AtomicU64,
}

impl<C, I, N, Q> RetryPolicy<C, I, N, Q> {
    pub(super) fn new(settings: Settings, rules: Rules<C, I, N, Q>) -> Self {
        // Clients that were started together must not retry together.
        let seed = settings.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let (seed, drawn) = (Rng::seeded(seed), AtomicU64::new(0));
        let shared = Arc::new(Shared { settings, rules, seed, drawn });
        Self { shared, attempt: 0, previous: Duration::ZERO, rng: None }
    }

    /// The budget.
    #[must_use]
    pub fn budget(&self) -> &RetryBudget {
        &self.shared.settings.budget
    }

    fn is_last(&self) -> bool {
        self.attempt + 1 >= self.shared.settings.config.max_attempts
    }

    fn next_delay(&mut self) -> Duration {
        let shared = &self.shared;
        let Some(backoff) = shared.settings.backoff else { return Duration::ZERO };
        let rng = self.rng.get_or_insert_with(|| {
            shared.seed.fork(shared.drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes())
        });
        self.previous = backoff.delay(self.attempt, self.previous, rng);
        self.previous
    }
}

impl<C, I, N, Q, Req, T, E> Policy<Req, T, E> for RetryPolicy<C, I, N, Q>
where
    C: Classify<T, E>,
    I: RetryIf<Req>,
    N: OnRetry<Req>,
    Q: CloneRequest<Req>,
{
    type Future = RetryDelay;

    fn retry(&mut self, request: &mut Req, result: &mut Result<T, E>) -> Option<RetryDelay> {
        if self.is_last() {
            return None;
        }
        let Settings { budget, config, .. } = &self.shared.settings;
        let outcome = self.shared.rules.classify.classify(result.as_ref()).head();
        let was_sent = match outcome.class {
            Class::Failure | Class::SoftFailure => true,
            Class::Rejected(_) if outcome.retry_after.is_some() => false,
            _ => return None,
        };
        let wait = outcome.retry_after.unwrap_or_default();
        if wait > config.max_retry_after || wait == DO_NOT_RETRY || (was_sent && !budget.withdraw())
        {
            return None;
        }
        let delay = wait.saturating_add(self.next_delay());
        self.attempt += 1;
        self.shared.rules.on_retry.on_retry(request, self.attempt);
        let clock = self.budget().clock();
        Some(RetryDelay::new((!delay.is_zero()).then(|| clock.sleep(delay))))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        if self.attempt == 0 {
            self.budget().deposit();
        }
        let rules = &self.shared.rules;
        let may = !self.is_last() && rules.retry_if.may_retry(request);
        may.then(|| rules.clone_request.clone_request(request)).flatten()
    }
}

impl<C, I, N, Q> Clone for RetryPolicy<C, I, N, Q> {
    fn clone(&self) -> Self {
        let (shared, rng) = (Arc::clone(&self.shared), self.rng.clone());
        Self { shared, attempt: self.attempt, previous: self.previous, rng }
    }
}

impl<C, I, N, Q> fmt::Debug for RetryPolicy<C, I, N, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("settings", &self.shared.settings)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
