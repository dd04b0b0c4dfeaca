use core::time::Duration;

use rely_core::classify::ByError;
use rely_core::{Backoff, ConfigError, config};

use super::{Always, RetryBudget, RetryPolicy, Unmarked};
use crate::request::ByClone;

/// How a [`RetryPolicy`] is made.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `max_attempts` | 3, the first included | at least 1 |
/// | `backoff` | 50 ms, doubling, at most 1 s, full jitter | |
/// | `max_retry_after` | 5 s | any |
/// | `classify` | [`ByError`] | |
/// | `retry_if` | every request | |
/// | `on_retry` | nothing | |
/// | `clone_request` | by `Clone` | |
/// | `seed` | another one for each policy | |
#[derive(Clone, Debug)]
#[must_use]
pub struct RetryPolicyBuilder<C = ByError, I = Always, N = Unmarked, Q = ByClone> {
    settings: Settings,
    rules: Rules<C, I, N, Q>,
}

/// What does not depend on the types of requests and answers.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) budget: RetryBudget,
    pub(super) max_attempts: u32,
    pub(super) backoff: Option<Backoff>,
    pub(super) max_retry_after: Duration,
    pub(super) seed: Option<u64>,
}

/// What does.
#[derive(Clone, Debug)]
pub(super) struct Rules<C, I, N, Q> {
    pub(super) classify: C,
    pub(super) retry_if: I,
    pub(super) on_retry: N,
    pub(super) clone_request: Q,
}

impl RetryPolicy {
    /// A policy that takes its retries, and its clock, from `budget`.
    pub fn builder(budget: RetryBudget) -> RetryPolicyBuilder {
        let settings = Settings {
            budget,
            max_attempts: 3,
            backoff: Backoff::exponential(Duration::from_millis(50), Duration::from_secs(1)).ok(),
            max_retry_after: Duration::from_secs(5),
            seed: None,
        };
        let rules = Rules {
            classify: ByError,
            retry_if: Always,
            on_retry: Unmarked,
            clone_request: ByClone,
        };
        RetryPolicyBuilder { settings, rules }
    }
}

impl<C, I, N, Q> RetryPolicyBuilder<C, I, N, Q> {
    /// How many attempts a call has, the first one included.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// The delays before retries.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = Some(backoff);
        self
    }

    /// No delays: for retries that go to another endpoint. A wait that was asked for stays.
    pub const fn without_backoff(mut self) -> Self {
        self.settings.backoff = None;
        self
    }

    /// The longest wait that the other side may ask for: where it asks for more, there is no retry.
    /// [`DO_NOT_RETRY`](rely_core::classify::DO_NOT_RETRY) is more than any.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.settings.max_retry_after = wait;
        self
    }

    /// The seed of the jitter, to repeat a run.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// What a failure is.
    pub fn classify<D>(self, classify: D) -> RetryPolicyBuilder<D, I, N, Q> {
        let Rules { retry_if, on_retry, clone_request, .. } = self.rules;
        let rules = Rules { classify, retry_if, on_retry, clone_request };
        RetryPolicyBuilder { settings: self.settings, rules }
    }

    /// Which requests may be sent more than once: those that are idempotent.
    pub fn retry_if<Req, J: Fn(&Req) -> bool>(self, retry_if: J) -> RetryPolicyBuilder<C, J, N, Q> {
        let Rules { classify, on_retry, clone_request, .. } = self.rules;
        let rules = Rules { classify, retry_if, on_retry, clone_request };
        RetryPolicyBuilder { settings: self.settings, rules }
    }

    /// Writes the number of the attempt into the request, 1 for the first retry: into a field of its
    /// own, or into the extensions of an HTTP request.
    pub fn on_retry<Req, M: Fn(&mut Req, u32)>(
        self,
        on_retry: M,
    ) -> RetryPolicyBuilder<C, I, M, Q> {
        let Rules { classify, retry_if, clone_request, .. } = self.rules;
        let rules = Rules { classify, retry_if, on_retry, clone_request };
        RetryPolicyBuilder { settings: self.settings, rules }
    }

    /// Copies requests that are not `Clone`; where it has no copy, there is no retry.
    pub fn clone_request<Req, P: Fn(&Req) -> Option<Req>>(
        self,
        clone_request: P,
    ) -> RetryPolicyBuilder<C, I, N, P> {
        let Rules { classify, retry_if, on_retry, .. } = self.rules;
        let rules = Rules { classify, retry_if, on_retry, clone_request };
        RetryPolicyBuilder { settings: self.settings, rules }
    }

    /// The policy, to be given to tower's `RetryLayer`.
    ///
    /// # Errors
    /// If no attempt is allowed at all.
    pub fn build(self) -> Result<RetryPolicy<C, I, N, Q>, ConfigError> {
        config::in_range("max_attempts", self.settings.max_attempts, 1..)?;
        Ok(RetryPolicy::new(self.settings, self.rules))
    }
}
