use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::sync::Arc;

use pin_project_lite::pin_project;
use rely_core::Class;
use rely_core::classify::Classify;
use tower_service::Service;

use super::order::Order;
use super::ready::{Found, poll_first};
use super::service::Shared;
use crate::request::CloneRequest;

pin_project! {
    /// The future of a [`Failover`](super::Failover).
    ///
    /// Dropping it drops the call under way, and every place that it waits for.
    pub struct FailoverFuture<S, Req, A, C, Q>
    where
        S: Service<Req>,
    {
        shared: Arc<Shared<S, A, C, Q>>,
        order: Order,
        // For the next endpoint, as long as there is one.
        request: Option<Req>,
        refused: Option<Refused<S::Response, S::Error>>,
        waiting: Vec<(usize, S)>,
        #[pin]
        stage: Stage<S::Future>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<F> {
        Finding,
        Calling { #[pin] future: F, index: usize },
        Done,
    }
}

/// The refusal to return if all refuse.
struct Refused<T, E> {
    wait: Option<Duration>,
    result: Result<T, E>,
}

impl<S, Req, A, C, Q> FailoverFuture<S, Req, A, C, Q>
where
    S: Service<Req>,
{
    pub(super) const fn finding(
        shared: Arc<Shared<S, A, C, Q>>,
        order: Order,
        request: Req,
    ) -> Self {
        let request = Some(request);
        Self { shared, order, request, refused: None, waiting: Vec::new(), stage: Stage::Finding }
    }

    pub(super) fn calling(
        shared: Arc<Shared<S, A, C, Q>>,
        mut order: Order,
        found: Found<S>,
        request: Req,
    ) -> Self
    where
        Q: CloneRequest<Req>,
    {
        let (stage, request) = call(&shared, &mut order, found, request);
        Self { shared, order, request, refused: None, waiting: Vec::new(), stage }
    }
}

/// Calls what was found, and keeps the request if another endpoint may need it.
fn call<S, Req, A, C, Q>(
    shared: &Shared<S, A, C, Q>,
    order: &mut Order,
    found: Found<S>,
    request: Req,
) -> (Stage<S::Future>, Option<Req>)
where
    S: Service<Req>,
    Q: CloneRequest<Req>,
{
    let Found { index, mut service, .. } = found;
    order.ask(index);
    let is_last = order.is_over();
    let kept = if is_last { None } else { shared.rules.clone_request.clone_request(&request) };
    (Stage::Calling { future: service.call(request), index }, kept)
}

impl<S, Req, A, C, Q> Future for FailoverFuture<S, Req, A, C, Q>
where
    S: Service<Req> + Clone,
    C: Classify<S::Response, S::Error>,
    Q: CloneRequest<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let shared = &**this.shared;
        loop {
            match this.stage.as_mut().project() {
                StageProj::Finding => {
                    let left = this.order.left();
                    let found = ready!(poll_first(&shared.services, left, this.waiting, cx));
                    let found = found.inspect_err(|_| this.stage.set(Stage::Done))?;
                    let request = this.request.take().expect("kept while endpoints are left");
                    let (stage, kept) = call(shared, this.order, found, request);
                    *this.request = kept;
                    this.stage.set(stage);
                }
                StageProj::Calling { future, index } => {
                    let result = ready!(future.poll(cx));
                    let index = *index;
                    this.stage.set(Stage::Done);
                    let outcome = shared.rules.classify.classify(result.as_ref()).head();
                    if !matches!(outcome.class, Class::Rejected(_)) {
                        shared.stats.served(index, outcome.class.is_bad());
                        return Poll::Ready(result);
                    }
                    shared.stats.refused(index);
                    let next = Refused { wait: outcome.retry_after, result };
                    let refused = match this.refused.take() {
                        Some(before) => before.or_sooner(next),
                        None => next,
                    };
                    if this.request.is_none() {
                        return Poll::Ready(refused.result);
                    }
                    *this.refused = Some(refused);
                    shared.stats.moved_on();
                    this.stage.set(Stage::Finding);
                }
                StageProj::Done => unreachable!("polled again after it was ready"),
            }
        }
    }
}

impl<T, E> Refused<T, E> {
    fn or_sooner(self, next: Self) -> Self {
        let wait = |refused: &Self| refused.wait.unwrap_or(Duration::MAX);
        if wait(&next) < wait(&self) { next } else { self }
    }
}

impl<S: Service<Req>, Req, A, C, Q> fmt::Debug for FailoverFuture<S, Req, A, C, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverFuture").field("order", &self.order).finish_non_exhaustive()
    }
}
