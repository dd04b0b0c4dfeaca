use std::sync::Arc;

use rely_core::classify::ByError;
use rely_core::{Clock, ConfigError};

use super::config::check;
use super::service::Shared;
use super::status::Stats;
use super::{Endpoint, EndpointConfig, Failover, FailoverConfig, FirstAttempt};
use crate::request::ByClone;

/// How a [`Failover`] is made.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `endpoint` | | 1 to 64, each with a name of its own |
/// | `classify` | [`ByError`] | |
/// | `attempt_by` | every request is a first attempt | |
/// | `clone_request` | by `Clone` | |
/// | `clock`, for signals | the system's | |
#[derive(Clone, Debug)]
#[must_use]
pub struct FailoverBuilder<S, A = FirstAttempt, C = ByError, Q = ByClone> {
    name: Arc<str>,
    endpoints: Vec<(Endpoint, S)>,
    clock: Clock,
    rules: Rules<A, C, Q>,
}

#[derive(Clone, Debug)]
pub(super) struct Rules<A, C, Q> {
    pub(super) attempt_by: A,
    pub(super) classify: C,
    pub(super) clone_request: Q,
}

impl<S> Failover<S> {
    /// A failover called `name`.
    pub fn builder(name: impl Into<Arc<str>>) -> FailoverBuilder<S> {
        let rules = Rules { attempt_by: FirstAttempt, classify: ByError, clone_request: ByClone };
        FailoverBuilder { name: name.into(), endpoints: Vec::new(), clock: Clock::system(), rules }
    }
}

impl<S, A, C, Q> FailoverBuilder<S, A, C, Q> {
    /// Adds an endpoint and the service that calls it, after those of the same priority.
    pub fn endpoint(mut self, endpoint: Endpoint, service: S) -> Self {
        self.endpoints.push((endpoint, service));
        self
    }

    /// Adds the endpoints of a configuration, read from a file for example, each with the service that
    /// `service` makes for it.
    ///
    /// ```
    /// use rely_breaker::Failover;
    /// use rely_breaker::failover::{EndpointConfig, FailoverConfig};
    ///
    /// let endpoint = |name: &str| EndpointConfig { name: name.into(), ..EndpointConfig::default() };
    /// let config = FailoverConfig { endpoints: vec![endpoint("a"), endpoint("b")] };
    /// let failover = Failover::builder("orders")
    ///     .config(config, |endpoint| {
    ///         let name = endpoint.name.clone();
    ///         tower::service_fn(move |order: u32| {
    ///             core::future::ready(Ok::<_, std::io::Error>(format!("{order} in {name}")))
    ///         })
    ///     })
    ///     .build()?;
    /// assert_eq!(failover.handle().status().endpoints.len(), 2);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    pub fn config(
        mut self,
        config: FailoverConfig,
        mut service: impl FnMut(&EndpointConfig) -> S,
    ) -> Self {
        for endpoint in config.endpoints {
            let service = service(&endpoint);
            self = self.endpoint(endpoint.into(), service);
        }
        self
    }

    /// The clock by which signals are asked; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Tells how many attempts a request has had, so that a further one goes to another endpoint.
    pub fn attempt_by<Req, B: Fn(&Req) -> u32>(self, attempt_by: B) -> FailoverBuilder<S, B, C, Q> {
        let Rules { classify, clone_request, .. } = self.rules;
        let rules = Rules { attempt_by, classify, clone_request };
        FailoverBuilder { name: self.name, endpoints: self.endpoints, clock: self.clock, rules }
    }

    /// What a refusal is, and in the status what a failure is.
    pub fn classify<D>(self, classify: D) -> FailoverBuilder<S, A, D, Q> {
        let Rules { attempt_by, clone_request, .. } = self.rules;
        let rules = Rules { attempt_by, classify, clone_request };
        FailoverBuilder { name: self.name, endpoints: self.endpoints, clock: self.clock, rules }
    }

    /// Copies requests that are not `Clone`; where it has no copy, a refusal is returned.
    pub fn clone_request<Req, P: Fn(&Req) -> Option<Req>>(
        self,
        clone_request: P,
    ) -> FailoverBuilder<S, A, C, P> {
        let Rules { attempt_by, classify, .. } = self.rules;
        let rules = Rules { attempt_by, classify, clone_request };
        FailoverBuilder { name: self.name, endpoints: self.endpoints, clock: self.clock, rules }
    }

    /// The failover.
    ///
    /// # Errors
    /// If there are no endpoints, too many, or two of one name.
    pub fn build(self) -> Result<Failover<S, A, C, Q>, ConfigError> {
        let Self { name, mut endpoints, clock, rules } = self;
        check(&endpoints.iter().map(|(endpoint, _)| &*endpoint.name))?;
        endpoints.sort_by_key(|(endpoint, _)| endpoint.priority);
        let stats = Stats::new(name, endpoints.iter().map(|(endpoint, _)| endpoint));
        let (endpoints, services): (Vec<_>, _) = endpoints.into_iter().unzip();
        let signals = endpoints.into_iter().enumerate();
        let signals = signals.filter_map(|(index, endpoint)| Some((index, endpoint.signal?)));
        let signals = signals.collect();
        Ok(Failover::new(Arc::new(Shared { services, signals, clock, rules, stats })))
    }
}
