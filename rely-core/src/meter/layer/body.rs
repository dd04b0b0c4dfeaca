//! The meter that waits for the end of the body.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::MeterLayer;
use super::measure::Measure;
use crate::Outcome;
use crate::body::{Finish, StreamEnd, TrackedBody};
use crate::classify::{Classify, ClassifyEnd, Judgement};
use crate::meter::Point;

/// Like [`MeterLayer`], but an answer counts once its body has ended; made by
/// [`MeterLayer::until_end_of_body`].
#[derive(Clone, Debug)]
pub struct MeterBodyLayer<C>(MeterLayer<C>);

impl<C> MeterBodyLayer<C> {
    pub(super) const fn new(layer: MeterLayer<C>) -> Self {
        Self(layer)
    }
}

impl<S, C: Clone> Layer<S> for MeterBodyLayer<C> {
    type Service = MeterBody<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        MeterBody { inner, point: self.0.point.clone(), classify: self.0.classify.clone() }
    }
}

/// The service of a [`MeterBodyLayer`].
#[derive(Clone, Debug)]
pub struct MeterBody<S, C> {
    inner: S,
    point: Point,
    classify: C,
}

impl<S, C> MeterBody<S, C> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the meter.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, C, Request, B> Service<Request> for MeterBody<S, C>
where
    S: Service<Request, Response = Response<B>>,
    C: Classify<Response<B>, S::Error> + ClassifyEnd<B::Error> + Clone,
    B: Body,
{
    type Response = Response<TrackedBody<B, EndOfBody<C>>>;
    type Error = S::Error;
    type Future = BodyMeterFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut measure = Measure::start(&self.point);
        let inner = measure.run(|| self.inner.call(request));
        BodyMeterFuture { inner, measure, classify: Some(self.classify.clone()) }
    }
}

pin_project! {
    /// The future of a [`MeterBody`]. Dropping it counts the call as cancelled.
    #[derive(Debug)]
    pub struct BodyMeterFuture<F, C> {
        #[pin]
        inner: F,
        measure: Measure,
        classify: Option<C>,
    }
}

impl<F, C, B, E> Future for BodyMeterFuture<F, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    C: Classify<Response<B>, E> + ClassifyEnd<B::Error>,
    B: Body,
{
    type Output = Result<Response<TrackedBody<B, EndOfBody<C>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inner = this.inner;
        let result = ready!(this.measure.run(|| inner.poll(cx)));
        let classify = this.classify.take().expect("polled again after it was ready");
        let judgement = classify.classify(result.as_ref());
        let end = match (&result, judgement) {
            (Ok(_), Judgement::AtEnd(head)) => {
                let (point, start) = this.measure.hand_over();
                let latency = point.clock().now() - start;
                Some(Pending { point, latency, head, classify })
            }
            (_, judgement) => {
                this.measure.finish(judgement.head());
                None
            }
        };
        Poll::Ready(result.map(|response| {
            response.map(|body| TrackedBody::new(body, EndOfBody { pending: end }))
        }))
    }
}

/// Counts a call when its body ends; the [`Finish`] of a [`MeterBody`]'s responses.
#[derive(Debug)]
pub struct EndOfBody<C> {
    pending: Option<Pending<C>>,
}

#[derive(Debug)]
struct Pending<C> {
    point: Point,
    latency: Duration,
    head: Outcome,
    classify: C,
}

impl<C: ClassifyEnd<E>, E> Finish<E> for EndOfBody<C> {
    fn finish(mut self, end: StreamEnd<'_, E>) {
        if let Some(Pending { point, latency, head, classify }) = self.pending.take() {
            point.record(classify.classify_end(head, end), latency);
        }
    }
}

impl<C> Drop for EndOfBody<C> {
    fn drop(&mut self) {
        // Nobody learned of an end: the body panicked when it was asked for its length or its end.
        if let Some(Pending { point, latency, head, .. }) = self.pending.take() {
            point.record(Outcome::FAILURE.with_weight(head.weight), latency);
        }
    }
}
