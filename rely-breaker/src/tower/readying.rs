use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::classify::Classify;
use tower_service::Service;

use super::ticket::Ticket;
use crate::Rejected;
use crate::breaker::Waiter;

pin_project! {
    /// A call that was let through before its service was ready, from then on to its end.
    #[derive(Debug)]
    pub(super) struct LateCall<F, C, S, Request> {
        #[pin]
        stage: Stage<F, C, S, Request>,
        // After the stage, so that what the call holds is gone before the breaker is told.
        ticket: Ticket,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StageProj]
    enum Stage<F, C, S, Request> {
        Readying { readying: Readying<C, S, Request> },
        Calling { #[pin] inner: F, classify: C },
    }
}

impl<F, C, S, Request> LateCall<F, C, S, Request> {
    pub(super) fn new(service: S, request: Request, classify: C, ticket: Ticket) -> Self {
        let readying = Readying { service, call: Some((request, classify)), waiter: None };
        Self { stage: Stage::Readying { readying }, ticket }
    }

    /// What the call came to, if the breaker has let it through to the end.
    #[cold]
    #[inline(never)]
    pub(super) fn poll<T, E>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Result<T, E>, Rejected>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
        S: Service<Request, Error = E, Future = F>,
    {
        let mut this = self.project();
        loop {
            match this.stage.as_mut().project() {
                StageProj::Calling { inner, classify } => {
                    let result = ready!(this.ticket.run(|| inner.poll(cx)));
                    let outcome = classify.classify(result.as_ref()).head();
                    mem::replace(this.ticket, Ticket::none()).end(outcome);
                    return Poll::Ready(Ok(result));
                }
                StageProj::Readying { readying } => match ready!(readying.poll(this.ticket, cx)) {
                    Readied::Called { inner, classify } => {
                        this.stage.set(Stage::Calling { inner, classify });
                    }
                    Readied::Rejected(rejected) => return Poll::Ready(Err(rejected)),
                    Readied::Failed(error) => return Poll::Ready(Ok(Err(error))),
                },
            }
        }
    }
}

/// A call that was let through and waits until its service is ready.
#[derive(Debug)]
struct Readying<C, S, Request> {
    service: S,
    /// Nothing once the service has it.
    call: Option<(Request, C)>,
    waiter: Option<Waiter>,
}

/// What has become of it.
enum Readied<F, C, E> {
    Called {
        inner: F,
        classify: C,
    },
    /// The breaker lets it through no more.
    Rejected(Rejected),
    /// The service has failed for good.
    Failed(E),
}

impl<C, S: Service<Request>, Request> Readying<C, S, Request> {
    fn poll(
        &mut self,
        ticket: &mut Ticket,
        cx: &mut Context<'_>,
    ) -> Poll<Readied<S::Future, C, S::Error>> {
        loop {
            let ready = ticket.run(|| self.service.poll_ready(cx));
            // What was granted in one state is no word on the next one.
            if let Err(rejected) = ticket.ask_again() {
                return Poll::Ready(Readied::Rejected(rejected));
            }
            match ready {
                Poll::Ready(Ok(())) => {
                    let (request, classify) = self.call.take().expect("called once");
                    ticket.begin();
                    let inner = ticket.run(|| self.service.call(request));
                    return Poll::Ready(Readied::Called { inner, classify });
                }
                Poll::Ready(Err(error)) => {
                    ticket.give_back();
                    return Poll::Ready(Readied::Failed(error));
                }
                Poll::Pending => {
                    if let (None, Some(breaker)) = (&self.waiter, ticket.breaker()) {
                        self.waiter = Some(Waiter::new(breaker.clone()));
                    }
                    if let Some(waiter) = &self.waiter {
                        waiter.register(cx);
                    }
                    if ticket.is_current() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}
