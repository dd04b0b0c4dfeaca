use core::fmt;
use std::sync::Arc;

use rely_core::Signal;

/// What a [`Failover`](super::Failover) knows about an endpoint, beside its service.
#[derive(Clone)]
#[must_use]
pub struct Endpoint {
    pub(super) name: Arc<str>,
    pub(super) zone: Option<Arc<str>>,
    pub(super) priority: u32,
    pub(super) signal: Option<Arc<dyn Signal>>,
}

impl Endpoint {
    /// An endpoint called `name`, of priority 0, in no zone.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), zone: None, priority: 0, signal: None }
    }

    /// The zone it is in; for the status, not for the order.
    pub fn zone(mut self, zone: impl Into<Arc<str>>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Its priority: the lowest number is called first.
    pub const fn priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// A signal that sets the endpoint back behind all others while it reads unhealthy. Not the
    /// breaker inside the endpoint: see the [module's documentation](super).
    ///
    /// It is asked for each call.
    pub fn signal(mut self, signal: impl Signal + 'static) -> Self {
        self.signal = Some(Arc::new(signal));
        self
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("zone", &self.zone)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

/// Which attempt a request is: [`FirstAttempt`], or a closure `Fn(&Req) -> u32`.
pub trait AttemptOf<Req> {
    /// How many attempts there were before this one.
    fn attempt_of(&self, request: &Req) -> u32;
}

/// Every request is a first attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirstAttempt;

impl<Req> AttemptOf<Req> for FirstAttempt {
    fn attempt_of(&self, _: &Req) -> u32 {
        0
    }
}

impl<F: Fn(&Req) -> u32, Req> AttemptOf<Req> for F {
    fn attempt_of(&self, request: &Req) -> u32 {
        self(request)
    }
}
