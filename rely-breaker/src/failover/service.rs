use core::fmt;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use rely_core::classify::{ByError, Classify};
use rely_core::{Clock, Level, Signal};
use tower_service::Service;

use super::builder::Rules;
use super::order::{Order, bit};
use super::ready::{Found, poll_first};
use super::status::Stats;
use super::{AttemptOf, FailoverFuture, FailoverHandle, FailoverStatus, FirstAttempt};
use crate::request::{ByClone, CloneRequest};

/// A service over several endpoints; all clones share what they know about them.
///
/// See the [module's documentation](super) for which endpoint a call goes to.
pub struct Failover<S, A = FirstAttempt, C = ByError, Q = ByClone> {
    shared: Arc<Shared<S, A, C, Q>>,
    /// What the next call goes to, and the endpoints that were set back when it was found.
    found: Option<(Found<S>, u64)>,
    waiting: Vec<(usize, S)>,
}

pub(super) struct Shared<S, A, C, Q> {
    pub(super) services: Vec<S>,
    pub(super) signals: Vec<(usize, Arc<dyn Signal>)>,
    pub(super) clock: Clock,
    pub(super) rules: Rules<A, C, Q>,
    pub(super) stats: Arc<Stats>,
}

impl<S, A, C, Q> Shared<S, A, C, Q> {
    /// The endpoints whose signals read unhealthy.
    fn set_back(&self) -> u64 {
        if self.signals.is_empty() {
            return 0;
        }
        let now = self.clock.now();
        let unhealthy = |signal: &dyn Signal| signal.verdict(now).level_at(now) == Level::Unhealthy;
        let signals = self.signals.iter().filter(|(_, signal)| unhealthy(signal));
        signals.fold(0, |set, &(index, _)| set | bit(index))
    }
}

impl<S, A, C, Q> Failover<S, A, C, Q> {
    pub(super) const fn new(shared: Arc<Shared<S, A, C, Q>>) -> Self {
        Self { shared, found: None, waiting: Vec::new() }
    }

    /// A handle to look at the counters from elsewhere.
    #[must_use]
    pub fn handle(&self) -> FailoverHandle {
        FailoverHandle(Arc::clone(&self.shared.stats))
    }

    /// The counters now.
    #[must_use]
    pub fn status(&self) -> FailoverStatus {
        self.handle().status()
    }
}

impl<S, A, C, Q, Req> Service<Req> for Failover<S, A, C, Q>
where
    S: Service<Req> + Clone,
    A: AttemptOf<Req>,
    C: Classify<S::Response, S::Error>,
    Q: CloneRequest<Req>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FailoverFuture<S, Req, A, C, Q>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.found.is_none() {
            let shared = &*self.shared;
            let last = shared.set_back();
            // Which attempt the call will be is not known yet; most are the first.
            let order = Order::new(shared.services.len(), last, 0, 0);
            let found = ready!(poll_first(&shared.services, order.left(), &mut self.waiting, cx))?;
            self.found = Some((found, last));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        self.waiting.clear();
        let (found, last) = match self.found.take() {
            Some((found, last)) => (Some(found), last),
            None => (None, shared.set_back()),
        };
        let attempt = shared.rules.attempt_by.attempt_of(&request);
        let refusing = shared.stats.refusing();
        let order = Order::new(shared.services.len(), last, refusing, attempt);
        let found = found.filter(|found| {
            order.left().find(|&index| found.passed & bit(index) == 0) == Some(found.index)
        });
        match found {
            Some(found) => FailoverFuture::calling(shared, order, found, request),
            None => FailoverFuture::finding(shared, order, request),
        }
    }
}

/// A clone of a failover that is ready need not be ready.
impl<S, A, C, Q> Clone for Failover<S, A, C, Q> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<S, A, C, Q> fmt::Debug for Failover<S, A, C, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failover").field(&self.handle()).finish()
    }
}
