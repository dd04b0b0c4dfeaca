use core::task::{Context, Poll};

use rely_core::classify::Classify;
use tower_service::Service;

use super::{PriorityOf, Throttle, ThrottleFuture};
use crate::call::Running;
use crate::tower::OnReject;

/// The service of a [`ThrottleLayer`](super::ThrottleLayer).
///
/// It is ready when the inner service is, and decides in `call`. After a rejection the inner service
/// is still ready, for the next call to this value of the service; a place that it took in a limit is
/// free again once that is made or the value dropped.
#[derive(Clone, Debug)]
pub struct ThrottleService<S, C, R, P> {
    pub(super) inner: S,
    pub(super) throttle: Throttle,
    pub(super) classify: C,
    pub(super) on_reject: R,
    pub(super) priority: P,
}

impl<S, C, R, P> ThrottleService<S, C, R, P> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the throttle.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The throttle.
    pub const fn throttle(&self) -> &Throttle {
        &self.throttle
    }
}

impl<S, C, R, P, Request> Service<Request> for ThrottleService<S, C, R, P>
where
    S: Service<Request>,
    C: Classify<S::Response, S::Error> + Clone,
    R: OnReject<S::Response, S::Error> + Clone,
    P: PriorityOf<Request>,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = ThrottleFuture<S::Future, C, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.on_reject.inner(error))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let permit = match self.throttle.acquire_owned(self.priority.priority_of(&request)) {
            Ok(permit) => permit,
            Err(rejected) => return ThrottleFuture::rejected(rejected, self.on_reject.clone()),
        };
        let mut running = Running::new(permit);
        let inner = running.run(|| self.inner.call(request));
        ThrottleFuture::admitted(inner, running, self.classify.clone(), self.on_reject.clone())
    }
}
