use core::time::Duration;

use rely_core::classify::ByError;
use rely_core::{Backoff, ConfigError};

use super::{Always, RetryBudget, RetryConfig, RetryPolicy, Unmarked};
use crate::request::ByClone;

/// How a [`RetryPolicy`] is made.
///
/// What can be written down is in [`RetryConfig`], with its defaults and bounds. Beside it:
///
/// | field | default |
/// |---|---|
/// | `classify` | [`ByError`] |
/// | `retry_if` | every request |
/// | `on_retry` | nothing |
/// | `clone_request` | by `Clone` |
/// | `seed` | another one for each policy |
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
    pub(super) config: RetryConfig,
    /// Of the configuration, once that is checked.
    pub(super) backoff: Option<Backoff>,
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
        let settings =
            Settings { budget, config: RetryConfig::default(), backoff: None, seed: None };
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
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: RetryConfig) -> Self {
        self.settings.config = config;
        self
    }

    /// How many attempts a call has, the first one included.
    pub const fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.config.max_attempts = attempts;
        self
    }

    /// The delays before retries.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.config.backoff = Some(*backoff.config());
        self
    }

    /// No delays: for retries that go to another endpoint. A wait that was asked for stays.
    pub const fn without_backoff(mut self) -> Self {
        self.settings.config.backoff = None;
        self
    }

    /// The longest wait that the other side may ask for: where it asks for more, there is no retry.
    /// [`DO_NOT_RETRY`](rely_core::classify::DO_NOT_RETRY) is more than any.
    pub const fn max_retry_after(mut self, wait: Duration) -> Self {
        self.settings.config.max_retry_after = wait;
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
    /// The first field of the configuration that is out of range.
    pub fn build(mut self) -> Result<RetryPolicy<C, I, N, Q>, ConfigError> {
        self.settings.backoff = self.settings.config.delays()?;
        Ok(RetryPolicy::new(self.settings, self.rules))
    }
}
