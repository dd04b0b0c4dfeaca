use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::classify::Classify;
use tower_service::Service;

use super::OnReject;
use super::late::Never;
use super::readying::{Readied, Readying};
use super::ticket::Ticket;
use crate::Rejected;

pin_project! {
    /// The future of a [`BreakerService`](super::BreakerService).
    ///
    /// Dropped before it is done, the call is [cancelled](crate::Cancelled); a panic of the inner
    /// future counts as a failure.
    #[derive(Debug)]
    pub struct BreakerFuture<F, C, R, S = Never<F>, Request = ()> {
        #[pin]
        stage: Stage<F, C, S, Request>,
        // After the stage, so that what the call holds is gone before the breaker is told.
        ticket: Ticket,
        on_reject: R,
    }
}

pin_project! {
    // Told apart by a number of its own, of the size that leaves no gap: it is looked at with every call.
    #[derive(Debug)]
    #[repr(u64)]
    #[project = StageProj]
    enum Stage<F, C, S, Request> {
        Calling { #[pin] inner: F, classify: C },
        Other { other: Other<C, S, Request> },
    }
}

#[derive(Debug)]
enum Other<C, S, Request> {
    Rejected(Option<Rejected>),
    // In a box, so that the rare way makes no future larger: it holds a service and a request.
    Readying(Box<Readying<C, S, Request>>),
}

const DONE: &str = "polled again after it was ready";

impl<F, C, R, S, Request> BreakerFuture<F, C, R, S, Request> {
    #[inline(always)]
    pub(crate) const fn admitted(inner: F, ticket: Ticket, classify: C, on_reject: R) -> Self {
        Self { stage: Stage::Calling { inner, classify }, ticket, on_reject }
    }

    pub(super) fn readying(
        readying: Readying<C, S, Request>,
        ticket: Ticket,
        on_reject: R,
    ) -> Self {
        let other = Other::Readying(Box::new(readying));
        Self { stage: Stage::Other { other }, ticket, on_reject }
    }

    #[inline]
    pub(crate) const fn rejected(rejected: Rejected, on_reject: R) -> Self {
        let stage = Stage::Other { other: Other::Rejected(Some(rejected)) };
        Self { stage, ticket: Ticket::none(), on_reject }
    }
}

impl<F, C, R, S, Request, T, E> Future for BreakerFuture<F, C, R, S, Request>
where
    F: Future<Output = Result<T, E>>,
    S: Service<Request, Error = E, Future = F>,
    C: Classify<T, E>,
    R: OnReject<T, E>,
{
    type Output = Result<T, R::Error>;

    // Into the caller's own loop, as far as a call goes its usual way.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        match this.stage.project() {
            StageProj::Calling { inner, classify } => {
                let result = ready!(this.ticket.run(|| inner.poll(cx)));
                this.ticket.end(classify.classify(result.as_ref()).head());
                Poll::Ready(result.map_err(|error| this.on_reject.inner(error)))
            }
            StageProj::Other { other: Other::Rejected(rejected) } => {
                Poll::Ready(this.on_reject.reject(rejected.take().expect(DONE)))
            }
            StageProj::Other { other: Other::Readying(_) } => {
                // Handed out by the side, or the usual way too would take up the room that this needs.
                let mut answer = None;
                self.make_ready(cx, &mut answer);
                answer.map_or(Poll::Pending, Poll::Ready)
            }
        }
    }
}

impl<F, C, R, S, Request, T, E> BreakerFuture<F, C, R, S, Request>
where
    F: Future<Output = Result<T, E>>,
    S: Service<Request, Error = E, Future = F>,
    C: Classify<T, E>,
    R: OnReject<T, E>,
{
    #[cold]
    #[inline(never)]
    fn make_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        answer: &mut Option<Result<T, R::Error>>,
    ) {
        let mut this = self.as_mut().project();
        let StageProj::Other { other } = this.stage.as_mut().project() else { return };
        let Other::Readying(readying) = other else { return };
        let Poll::Ready(readied) = readying.poll(this.ticket, cx) else { return };
        *answer = match readied {
            Readied::Called { inner, classify } => {
                this.stage.set(Stage::Calling { inner, classify });
                match self.poll(cx) {
                    Poll::Ready(answer) => Some(answer),
                    Poll::Pending => None,
                }
            }
            Readied::Rejected(rejected) => {
                *other = Other::Rejected(None);
                Some(this.on_reject.reject(rejected))
            }
            Readied::Failed(error) => {
                *other = Other::Rejected(None);
                Some(Err(this.on_reject.inner(error)))
            }
        };
    }
}
