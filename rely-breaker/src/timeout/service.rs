use core::task::{Context, Poll};
use core::time::Duration;

use rely_core::Clock;
use tower_service::Service;

use super::{OnTimeout, TimeoutFuture};

/// The service of an [`AttemptTimeout`](super::AttemptTimeout).
#[derive(Clone, Debug)]
pub struct TimeoutService<S, R> {
    inner: S,
    limit: Duration,
    clock: Clock,
    on_timeout: R,
}

impl<S, R> TimeoutService<S, R> {
    pub(super) const fn new(inner: S, limit: Duration, clock: Clock, on_timeout: R) -> Self {
        Self { inner, limit, clock, on_timeout }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the limit.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, Request> Service<Request> for TimeoutService<S, R>
where
    S: Service<Request>,
    R: OnTimeout<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = TimeoutFuture<S::Future, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.on_timeout.inner(error))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let sleep = self.clock.sleep(self.limit);
        TimeoutFuture::new(self.inner.call(request), sleep, self.limit, self.on_timeout.clone())
    }
}
