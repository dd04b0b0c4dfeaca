use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::classify::Classify;

use super::OwnedThrottlePermit;
use crate::Rejected;
use crate::call::Running;
use crate::tower::OnReject;

pin_project! {
    /// The future of a [`ThrottleService`](super::ThrottleService).
    ///
    /// Dropped before it is done, the call is [cancelled](crate::Cancelled); a panic of the inner
    /// future counts as a failure.
    #[derive(Debug)]
    pub struct ThrottleFuture<F, C, R> {
        #[pin]
        stage: Stage<F, C>,
        on_reject: R,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StageProj]
    enum Stage<F, C> {
        Admitted { #[pin] inner: F, running: Running<OwnedThrottlePermit>, classify: C },
        Rejected { rejected: Option<Rejected> },
    }
}

impl<F, C, R> ThrottleFuture<F, C, R> {
    #[inline]
    pub(super) const fn admitted(
        inner: F,
        running: Running<OwnedThrottlePermit>,
        classify: C,
        on_reject: R,
    ) -> Self {
        Self { stage: Stage::Admitted { inner, running, classify }, on_reject }
    }

    pub(super) const fn rejected(rejected: Rejected, on_reject: R) -> Self {
        Self { stage: Stage::Rejected { rejected: Some(rejected) }, on_reject }
    }
}

impl<F, C, R, T, E> Future for ThrottleFuture<F, C, R>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    R: OnReject<T, E>,
{
    type Output = Result<T, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.stage.project() {
            StageProj::Admitted { inner, running, classify } => {
                let result = ready!(running.run(|| inner.poll(cx)));
                running.finish(classify.classify(result.as_ref()).head());
                Poll::Ready(result.map_err(|error| this.on_reject.inner(error)))
            }
            StageProj::Rejected { rejected } => {
                let rejected = rejected.take().expect("polled again after it was ready");
                Poll::Ready(this.on_reject.reject(rejected))
            }
        }
    }
}
