use core::task::{Context, Poll};

use rely_core::classify::Classify;
use tower_service::Service;

use super::Acquire;
use crate::tower::{BreakerFuture, OnReject, Ticket};

/// The service of a [`KeyedLayer`](super::KeyedLayer).
#[derive(Clone, Debug)]
pub struct KeyedService<S, A, C, R> {
    inner: S,
    acquire: A,
    classify: C,
    on_reject: R,
}

impl<S, A, C, R> KeyedService<S, A, C, R> {
    pub(super) const fn new(inner: S, acquire: A, classify: C, on_reject: R) -> Self {
        Self { inner, acquire, classify, on_reject }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the breakers.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, A, C, R, Request> Service<Request> for KeyedService<S, A, C, R>
where
    S: Service<Request>,
    A: Acquire<Request>,
    C: Classify<S::Response, S::Error> + Clone,
    R: OnReject<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = BreakerFuture<S::Future, C, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.on_reject.inner(error))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let permit = match self.acquire.acquire(&request) {
            Ok(permit) => permit,
            Err(rejected) => return BreakerFuture::rejected(rejected, self.on_reject.clone()),
        };
        let mut ticket = Ticket::of(permit);
        let inner = ticket.run(|| self.inner.call(request));
        BreakerFuture::admitted(inner, ticket, self.classify.clone(), self.on_reject.clone())
    }
}
