use core::task::{Context, Poll};

use tower_service::Service;

use super::MeterFuture;
use super::measure::Measure;
use crate::classify::Classify;
use crate::meter::Point;

/// The service of a [`MeterLayer`](super::MeterLayer).
#[derive(Clone, Debug)]
pub struct MeterService<S, C> {
    inner: S,
    point: Point,
    classify: C,
}

impl<S, C> MeterService<S, C> {
    pub(super) const fn new(inner: S, point: Point, classify: C) -> Self {
        Self { inner, point, classify }
    }

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

    /// Where the calls are counted.
    pub const fn point(&self) -> &Point {
        &self.point
    }
}

impl<S, C, Request> Service<Request> for MeterService<S, C>
where
    S: Service<Request>,
    C: Classify<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MeterFuture<S::Future, C>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let mut measure = Measure::start(&self.point);
        let inner = measure.run(|| self.inner.call(request));
        MeterFuture::new(inner, measure, self.classify.clone())
    }
}
