use core::fmt;

use tower_layer::Layer;

use super::FaultService;
use crate::FaultPoint;

/// The tower layer of a [`FaultPoint`]; made by [`FaultPoint::layer`].
///
/// The state is in the point: every service that this layer or a clone of it makes counts its calls
/// there, so a new connection does not draw the same faults again.
///
/// ```
/// use core::time::Duration;
/// use rely_chaos::{Fault, FaultPoint};
/// use rely_core::Ratio;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # futures::executor::block_on(async {
/// let point = FaultPoint::builder("queue.call").seed(7).build()?;
/// let service = ServiceBuilder::new()
///     .layer(point.layer(|injected| Err(injected.to_string())))
///     .service_fn(|n: u32| async move { Ok::<_, String>(n) });
///
/// let fault = Fault::error().for_share(Ratio::percent(25.0)?);
/// let armed = point.arm(fault, Duration::from_secs(60))?;
/// let mut failures = 0;
/// for n in 0..100 {
///     failures += u64::from(service.clone().oneshot(n).await.is_err());
/// }
/// let report = armed.disarm();
/// assert_eq!((report.calls, report.fired), (100, failures));
/// assert!(report.fired > 0, "or the run has proved nothing");
/// # Ok::<(), rely_chaos::ArmError>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct FaultLayer<A> {
    point: FaultPoint,
    answer: A,
}

impl<A> FaultLayer<A> {
    pub(crate) const fn new(point: FaultPoint, answer: A) -> Self {
        Self { point, answer }
    }
}

impl<S, A: Clone> Layer<S> for FaultLayer<A> {
    type Service = FaultService<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService::new(inner, self.point.clone(), self.answer.clone())
    }
}

impl<A> fmt::Debug for FaultLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultLayer").field("point", &self.point).finish_non_exhaustive()
    }
}
