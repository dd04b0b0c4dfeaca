use core::fmt;
use core::task::{Context, Poll};

use tower_service::Service;

use crate::{FaultFuture, FaultPoint, Injected};

/// The service of a [`FaultLayer`](super::FaultLayer).
#[derive(Clone)]
pub struct FaultService<S, A> {
    inner: S,
    point: FaultPoint,
    answer: A,
}

impl<S, A> FaultService<S, A> {
    pub(super) const fn new(inner: S, point: FaultPoint, answer: A) -> Self {
        Self { inner, point, answer }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the point.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The point.
    pub const fn point(&self) -> &FaultPoint {
        &self.point
    }
}

impl<S, A, Request> Service<Request> for FaultService<S, A>
where
    S: Service<Request>,
    A: Fn(Injected) -> Result<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FaultFuture<S::Future, A>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        match self.point.admit() {
            None => FaultFuture::through(self.inner.call(request)),
            Some(admission) => {
                let (inner, answer) = (&mut self.inner, &self.answer);
                FaultFuture::admitted(admission, || inner.call(request), || answer.clone())
            }
        }
    }
}

impl<S: fmt::Debug, A> fmt::Debug for FaultService<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultService")
            .field("inner", &self.inner)
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}
