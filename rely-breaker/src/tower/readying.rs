use core::task::{Context, Poll};

use tower_service::Service;

use super::ticket::Ticket;
use crate::Rejected;
use crate::breaker::Waiter;

/// A call that was let through and waits until its service is ready.
#[derive(Debug)]
pub(super) struct Readying<C, S, Request> {
    service: S,
    /// Nothing once the service has it.
    call: Option<(Request, C)>,
    waiter: Option<Waiter>,
}

/// What has become of it.
pub(super) enum Readied<F, C, E> {
    Called {
        inner: F,
        classify: C,
    },
    /// The breaker lets it through no more.
    Rejected(Rejected),
    /// The service has failed for good.
    Failed(E),
}

impl<C, S, Request> Readying<C, S, Request> {
    pub(super) const fn new(service: S, request: Request, classify: C) -> Self {
        Self { service, call: Some((request, classify)), waiter: None }
    }
}

impl<C, S: Service<Request>, Request> Readying<C, S, Request> {
    pub(super) fn poll(
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
