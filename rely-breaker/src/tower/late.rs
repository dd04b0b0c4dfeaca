//! A call that is let through although nobody asked the inner service whether it is ready.

use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::task::{Context, Poll};

use tower_service::Service;

/// What becomes of a call that an open breaker said it was ready for, and that it lets through now:
/// [`ReadyClone`] or [`WithoutClone`].
pub trait Late<S: Service<Request>, Request>: LateFor<S> {
    /// What is made ready and called in the call's future.
    type Clone: Service<Request, Response = S::Response, Error = S::Error, Future = S::Future>;

    /// One that is as ready as a clone is: not yet.
    #[doc(hidden)]
    fn clone_of(service: &S) -> Option<Self::Clone>;
}

/// Which services a [`Late`] is for.
#[diagnostic::on_unimplemented(
    message = "`{S}` is not `Clone`, and where the breaker closes between `poll_ready` and `call`, a \
               clone of the service is made ready for that call",
    label = "not `Clone`",
    note = "`.without_clone()` on the breaker's layer has such a call rejected, to be tried again at once"
)]
pub trait LateFor<S>: sealed::Sealed {
    /// Whether there are clones.
    #[doc(hidden)]
    const CLONES: bool;

    /// Takes back that the service is ready, if that can be done.
    #[doc(hidden)]
    fn give_back(service: &mut S) -> bool;
}

/// The future of the call makes a clone of the inner service ready and calls that. This is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadyClone;

impl<S: Service<Request> + Clone, Request> Late<S, Request> for ReadyClone {
    type Clone = S;

    fn clone_of(service: &S) -> Option<S> {
        Some(service.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<S: Clone> LateFor<S> for ReadyClone {
    const CLONES: bool = true;

    fn give_back(service: &mut S) -> bool {
        *service = service.clone();
        true
    }
}

/// The call is rejected, with [`InnerNotReady`](crate::RejectedReason::InnerNotReady): for services
/// that are not `Clone`; made by [`BreakerLayer::without_clone`](crate::BreakerLayer::without_clone).
#[derive(Clone, Copy, Debug, Default)]
pub struct WithoutClone;

impl<S: Service<Request>, Request> Late<S, Request> for WithoutClone {
    type Clone = Never<S::Future>;

    fn clone_of(_: &S) -> Option<Never<S::Future>> {
        None
    }
}

impl<S> LateFor<S> for WithoutClone {
    const CLONES: bool = false;

    fn give_back(_: &mut S) -> bool {
        false
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ReadyClone {}
    impl Sealed for super::WithoutClone {}
}

/// A service that there is none of, whose future would be `F`.
pub struct Never<F>(Infallible, PhantomData<fn() -> F>);

impl<F, T, E, Request> Service<Request> for Never<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Response = T;
    type Error = E;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        match self.0 {}
    }

    fn call(&mut self, _: Request) -> F {
        match self.0 {}
    }
}

impl<F> fmt::Debug for Never<F> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}
