use core::task::{Context, Poll};

use rely_core::classify::Classify;
use rely_core::{Outcome, RejectedBy};
use tower_service::Service;

use super::{BreakerFuture, OnReject};
use crate::Breaker;
use crate::call::Running;

/// The service of a [`BreakerLayer`](super::BreakerLayer).
#[derive(Debug)]
pub struct BreakerService<S, C, R> {
    inner: S,
    breaker: Breaker,
    classify: C,
    on_reject: R,
    /// The inner service said that it is ready, to this value of it.
    inner_ready: bool,
}

impl<S, C, R> BreakerService<S, C, R> {
    pub(super) const fn new(inner: S, breaker: Breaker, classify: C, on_reject: R) -> Self {
        Self { inner, breaker, classify, on_reject, inner_ready: false }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the breaker.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }
}

/// A clone of a service that is ready need not be ready.
impl<S: Clone, C: Clone, R: Clone> Clone for BreakerService<S, C, R> {
    fn clone(&self) -> Self {
        let (classify, on_reject) = (self.classify.clone(), self.on_reject.clone());
        Self::new(self.inner.clone(), self.breaker.clone(), classify, on_reject)
    }
}

impl<S, C, R, Request> Service<Request> for BreakerService<S, C, R>
where
    S: Service<Request>,
    C: Classify<S::Response, S::Error> + Clone,
    R: OnReject<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = BreakerFuture<S::Future, C, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        if self.breaker.would_reject() {
            return Poll::Ready(Ok(()));
        }
        let ready = self.inner.poll_ready(cx);
        self.inner_ready = matches!(ready, Poll::Ready(Ok(())));
        ready.map_err(|error| self.on_reject.inner(error))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let permit = match self.breaker.acquire() {
            Ok(permit) => permit,
            Err(rejected) => return BreakerFuture::rejected(rejected, self.on_reject.clone()),
        };
        if !core::mem::take(&mut self.inner_ready) {
            // Nothing was tried, so nothing was cancelled either.
            permit.record(Outcome::rejected(RejectedBy::Breaker));
            let rejected = self.breaker.reject_inner_not_ready();
            return BreakerFuture::rejected(rejected, self.on_reject.clone());
        }
        let mut running = Running::new(Some(permit));
        let inner = running.run(|| self.inner.call(request));
        BreakerFuture::admitted(inner, running, self.classify.clone(), self.on_reject.clone())
    }
}
