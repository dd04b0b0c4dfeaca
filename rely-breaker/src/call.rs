use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::Outcome;

use crate::{Breaker, BreakerError, OwnedPermit};

pin_project! {
    /// The future of [`Breaker::call`].
    ///
    /// A panic of the inner future counts as a failure; a drop is [cancelled](crate::Cancelled).
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Call<F> {
        // Until it has let the call through.
        breaker: Option<Breaker>,
        permit: Running,
        #[pin]
        inner: F,
    }
}

impl<F> Call<F> {
    pub(crate) const fn new(breaker: Breaker, inner: F) -> Self {
        Self { breaker: Some(breaker), permit: Running::none(), inner }
    }
}

impl<F, T, E> Future for Call<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, BreakerError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(breaker) = this.breaker {
            *this.permit = Running::new(breaker.acquire_owned()?);
            *this.breaker = None;
        }
        let inner = this.inner;
        let result = ready!(this.permit.run(|| inner.poll(cx)));
        this.permit.finish(if result.is_ok() { Outcome::SUCCESS } else { Outcome::FAILURE });
        Poll::Ready(result.map_err(BreakerError::Inner))
    }
}

/// What a permit is to a future: something to be told once what became of the call.
pub(crate) trait Tell {
    fn tell(self, outcome: Outcome);
}

impl Tell for OwnedPermit {
    #[inline(always)]
    fn tell(self, outcome: Outcome) {
        self.record(outcome);
    }
}

/// A permit while the code that it admitted runs; a panic of that code is a failure, and one of other
/// code on the thread is not.
#[derive(Debug)]
pub(crate) struct Running<P: Tell = OwnedPermit>(Option<P>);

impl<P: Tell> Running<P> {
    /// Nothing runs yet.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    #[inline(always)]
    pub(crate) const fn new(permit: P) -> Self {
        Self(Some(permit))
    }

    #[inline(always)]
    pub(crate) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        // Looked at when the code panics, and never else: what follows the rule costs nothing.
        let inside = Inside(self);
        let result = code();
        core::mem::forget(inside);
        result
    }

    #[inline(always)]
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if let Some(permit) = self.0.take() {
            permit.tell(outcome);
        }
    }
}

impl<P: Tell> Drop for Running<P> {
    #[inline]
    fn drop(&mut self) {
        self.finish(Outcome::CANCELLED);
    }
}

struct Inside<'a, P: Tell>(&'a mut Running<P>);

impl<P: Tell> Drop for Inside<'_, P> {
    fn drop(&mut self) {
        self.0.finish(Outcome::FAILURE);
    }
}
