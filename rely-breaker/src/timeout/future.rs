use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use pin_project_lite::pin_project;
use rely_core::Sleep;

use super::{Elapsed, OnTimeout};

pin_project! {
    /// The future of a [`TimeoutService`](super::TimeoutService).
    #[derive(Debug)]
    pub struct TimeoutFuture<F, R> {
        #[pin]
        inner: Option<F>,
        #[pin]
        sleep: Sleep,
        limit: Duration,
        on_timeout: R,
    }
}

impl<F, R> TimeoutFuture<F, R> {
    #[inline]
    pub(super) const fn new(inner: F, sleep: Sleep, limit: Duration, on_timeout: R) -> Self {
        Self { inner: Some(inner), sleep, limit, on_timeout }
    }
}

impl<F, R, T, E> Future for TimeoutFuture<F, R>
where
    F: Future<Output = Result<T, E>>,
    R: OnTimeout<T, E>,
{
    type Output = Result<T, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let inner = this.inner.as_mut().as_pin_mut().expect("polled again after it was ready");
        if let Poll::Ready(result) = inner.poll(cx) {
            this.inner.set(None);
            return Poll::Ready(result.map_err(|error| this.on_timeout.inner(error)));
        }
        ready!(this.sleep.poll(cx));
        this.inner.set(None);
        Poll::Ready(this.on_timeout.elapsed(Elapsed { limit: *this.limit }))
    }
}
