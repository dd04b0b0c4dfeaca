use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::Outcome;

use crate::{Breaker, BreakerError, Permit};

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
        Self { breaker: Some(breaker), permit: Running::new(None), inner }
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
            *this.permit = Running::new(Some(breaker.acquire()?));
            *this.breaker = None;
        }
        let inner = this.inner;
        let result = ready!(this.permit.run(|| inner.poll(cx)));
        this.permit.finish(if result.is_ok() { Outcome::SUCCESS } else { Outcome::FAILURE });
        Poll::Ready(result.map_err(BreakerError::Inner))
    }
}

/// A permit while the code that it admitted runs; a panic of that code is a failure, and one of other
/// code on the thread is not.
#[derive(Debug)]
pub(crate) struct Running {
    permit: Option<Permit>,
    inside: bool,
}

impl Running {
    pub(crate) const fn new(permit: Option<Permit>) -> Self {
        Self { permit, inside: false }
    }

    #[inline]
    pub(crate) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        self.inside = true;
        let result = code();
        self.inside = false;
        result
    }

    #[inline]
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            permit.record(outcome);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish(if self.inside { Outcome::FAILURE } else { Outcome::CANCELLED });
    }
}
