use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::measure::Measure;
use crate::classify::Classify;

pin_project! {
    /// The future of a [`MeterService`](super::MeterService). Dropping it counts the call as cancelled.
    #[derive(Debug)]
    pub struct MeterFuture<F, C> {
        #[pin]
        inner: F,
        measure: Measure,
        classify: C,
    }
}

impl<F, C> MeterFuture<F, C> {
    #[inline]
    pub(super) const fn new(inner: F, measure: Measure, classify: C) -> Self {
        Self { inner, measure, classify }
    }
}

impl<F, C, T, E> Future for MeterFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let result = ready!(this.measure.run(|| inner.poll(cx)));
        let judgement = this.measure.run(|| this.classify.classify(result.as_ref()));
        this.measure.finish(judgement.head());
        Poll::Ready(result)
    }
}
