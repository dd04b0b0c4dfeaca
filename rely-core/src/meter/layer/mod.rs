//! The tower side of the meter.

#[cfg(feature = "http")]
mod body;
mod future;
mod measure;
mod service;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

use tower_layer::Layer;

#[cfg(feature = "http")]
pub use self::body::{BodyMeterFuture, EndOfBody, MeterBody, MeterBodyLayer};
pub use self::future::MeterFuture;
pub use self::service::MeterService;
use super::Point;
use crate::classify::ByResult;

/// A tower layer that counts what calls come to and how long they take.
///
/// It counts in the [`Point`] that made it, whoever clones it and however often `layer` is called:
/// axum does that once for each connection. A success allocates nothing and takes no lock; the first
/// bad call of a point makes room for the latencies of bad calls. The clock is read once when a call
/// begins and once when its answer is there.
///
/// | the call | counts as |
/// |---|---|
/// | returns | what the classifier says of the head; see [`MeterLayer::until_end_of_body`] for the rest |
/// | is dropped before it returns | cancelled |
/// | panics, or its classifier does | failure |
/// | is never made, though the service was polled ready | nothing |
///
/// ```
/// use core::time::Duration;
/// use rely_core::meter::Meter;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # futures::executor::block_on(async {
/// let meter = Meter::builder("orders").build()?;
/// let queue = meter.point("queue");
/// let service = ServiceBuilder::new()
///     .layer(queue.layer())
///     .service_fn(|n: u32| async move { if n < 3 { Ok(n) } else { Err("too many") } });
/// for n in 0..4 {
///     let _ = service.clone().oneshot(n).await;
/// }
/// assert_eq!(queue.tally(queue.clock().now()).failure_share(), Some(0.25));
/// # Ok::<(), rely_core::ConfigError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MeterLayer<C = ByResult> {
    point: Point,
    classify: C,
}

impl MeterLayer {
    pub(super) const fn new(point: Point) -> Self {
        Self { point, classify: ByResult }
    }
}

impl<C> MeterLayer<C> {
    /// The same layer with another rule for what a failure is.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> MeterLayer<D> {
        MeterLayer { point: self.point, classify }
    }

    /// A layer for HTTP services that lets the end of the body decide where the classifier asks for
    /// it: so that a stream that breaks, comes up short or brings its status in the trailers counts
    /// for what it is. It changes the response's body to a [`TrackedBody`](crate::body::TrackedBody).
    ///
    /// The latency is still that of the head: a stream may last for hours.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    #[must_use]
    pub fn until_end_of_body(self) -> MeterBodyLayer<C> {
        MeterBodyLayer::new(self)
    }
}

impl<S, C: Clone> Layer<S> for MeterLayer<C> {
    type Service = MeterService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        MeterService::new(inner, self.point.clone(), self.classify.clone())
    }
}
