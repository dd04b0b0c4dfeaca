use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::Outcome;

use super::{OwnedThrottlePermit, Priority, Throttle};
use crate::BreakerError;
use crate::call::{Running, Tell};

pin_project! {
    /// The future of [`Throttle::call`].
    ///
    /// A panic of the inner future counts as a failure; a drop is [cancelled](crate::Cancelled).
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct ThrottleCall<F> {
        // Until it has let the call through.
        throttle: Option<Throttle>,
        priority: Priority,
        running: Running<OwnedThrottlePermit>,
        #[pin]
        inner: F,
    }
}

impl<F> ThrottleCall<F> {
    pub(super) const fn new(throttle: Throttle, priority: Priority, inner: F) -> Self {
        Self { throttle: Some(throttle), priority, running: Running::none(), inner }
    }
}

impl<F, T, E> Future for ThrottleCall<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, BreakerError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(throttle) = this.throttle {
            *this.running = Running::new(throttle.acquire_owned(*this.priority)?);
            *this.throttle = None;
        }
        let inner = this.inner;
        let result = ready!(this.running.run(|| inner.poll(cx)));
        this.running.finish(if result.is_ok() { Outcome::SUCCESS } else { Outcome::FAILURE });
        Poll::Ready(result.map_err(BreakerError::Inner))
    }
}

impl Tell for OwnedThrottlePermit {
    #[inline(always)]
    fn tell(self, outcome: Outcome) {
        self.record(outcome);
    }
}
