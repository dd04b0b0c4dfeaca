use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// The future of a [`SplitService`](super::SplitService): that of the arm that got the call.
    #[derive(Debug)]
    pub struct SplitFuture<A, B> {
        #[pin]
        arm: Either<A, B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = EitherProj]
    enum Either<A, B> {
        Stable { #[pin] future: A },
        Candidate { #[pin] future: B },
    }
}

impl<A, B> SplitFuture<A, B> {
    pub(super) const fn stable(future: A) -> Self {
        Self { arm: Either::Stable { future } }
    }

    pub(super) const fn candidate(future: B) -> Self {
        Self { arm: Either::Candidate { future } }
    }
}

impl<A, B> Future for SplitFuture<A, B>
where
    A: Future,
    B: Future<Output = A::Output>,
{
    type Output = A::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().arm.project() {
            EitherProj::Stable { future } => future.poll(cx),
            EitherProj::Candidate { future } => future.poll(cx),
        }
    }
}
