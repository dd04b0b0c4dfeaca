use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::classify::Classify;
use tower_service::Service;

use super::OnReject;
use super::held::Held;
use super::late::Never;
use super::readying::LateCall;
use super::ticket::Ticket;
#[cfg(feature = "keyed")]
use crate::{Rejected, breaker::Refused};

pin_project! {
    /// The future of a [`BreakerService`](super::BreakerService).
    ///
    /// Dropped before it is done, the call is [cancelled](crate::Cancelled); a panic of the inner
    /// future counts as a failure.
    #[derive(Debug)]
    pub struct BreakerFuture<F, C, R, S = Never<F>, Request = ()> {
        #[pin]
        stage: Stage<F, C>,
        // After the inner future, so that what that holds is gone before the breaker is told.
        held: Held<LateCall<F, C, S, Request>>,
        on_reject: R,
    }
}

pin_project! {
    // Told apart by a number of its own, of the size that leaves no gap: it is looked at with every call.
    #[derive(Debug)]
    #[repr(u64)]
    #[project = StageProj]
    enum Stage<F, C> {
        Calling { #[pin] inner: F, classify: C },
        Other,
    }
}

const DONE: &str = "polled again after it was ready";

impl<F, C, R, S, Request> BreakerFuture<F, C, R, S, Request> {
    #[inline(always)]
    pub(crate) fn admitted(inner: F, ticket: Ticket, classify: C, on_reject: R) -> Self {
        let stage = Stage::Calling { inner, classify };
        Self { stage, held: Held::ticket(ticket), on_reject }
    }

    #[inline(always)]
    pub(super) fn other(held: Held<LateCall<F, C, S, Request>>, on_reject: R) -> Self {
        Self { stage: Stage::Other, held, on_reject }
    }

    #[cfg(feature = "keyed")]
    #[inline(always)]
    pub(crate) fn rejected(rejected: Rejected, on_reject: R) -> Self {
        let refused = Refused::of(&rejected);
        Self::other(Held::refused(refused, rejected.name), on_reject)
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

    // Into the caller's own loop, as far as a call goes its usual way. What is rare is handed on by
    // value: a future of which nobody else learns where it lies can live in registers.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.stage.project() {
            StageProj::Calling { inner, classify } => {
                let result = ready!(this.held.run(|| inner.poll(cx)));
                let outcome = classify.classify(result.as_ref()).head();
                this.held.take_ticket().end(outcome);
                Poll::Ready(result.map_err(|error| this.on_reject.inner(error)))
            }
            StageProj::Other => {
                if let Some((name, refused)) = this.held.take_refused() {
                    return Poll::Ready(this.on_reject.reject(refused.by(name)));
                }
                let answer = ready!(this.held.late_mut().expect(DONE).poll(cx));
                this.held.end_late();
                Poll::Ready(match answer {
                    Ok(result) => result.map_err(|error| this.on_reject.inner(error)),
                    Err(rejected) => this.on_reject.reject(rejected),
                })
            }
        }
    }
}
