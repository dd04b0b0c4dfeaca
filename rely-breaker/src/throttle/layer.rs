use rely_core::classify::ByResult;
use tower_layer::Layer;

use super::{Priority, Throttle, ThrottleService};
use crate::Rejected;
use crate::tower::{AsError, With};

/// The tower layer of a [`Throttle`]; made by [`Throttle::layer`].
///
/// The state is in the handle: every service that this layer or a clone of it makes is behind the
/// same throttle. A call is judged by the head of its answer.
///
/// ```
/// use rely_breaker::{Priority, Throttle};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// struct Order { batch: bool }
///
/// # futures::executor::block_on(async {
/// let throttle = Throttle::builder("queue").build()?;
/// let service = ServiceBuilder::new()
///     .layer(throttle.layer().on_reject(|rejected| Err(rejected.to_string())).priority(
///         |order: &Order| if order.batch { Priority::Sheddable } else { Priority::Critical },
///     ))
///     .service_fn(|_: Order| async { Ok::<_, String>("taken") });
/// assert_eq!(service.oneshot(Order { batch: true }).await.as_deref(), Ok("taken"));
/// assert_eq!(throttle.status().of(Priority::Sheddable).counts.accepted, 1);
/// # Ok::<(), rely_core::ConfigError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ThrottleLayer<C = ByResult, R = AsError, P = Priority> {
    throttle: Throttle,
    classify: C,
    on_reject: R,
    priority: P,
}

impl ThrottleLayer {
    pub(super) const fn new(throttle: Throttle) -> Self {
        Self { throttle, classify: ByResult, on_reject: AsError, priority: Priority::Critical }
    }
}

impl<C, R, P> ThrottleLayer<C, R, P> {
    /// The same layer with another rule for what is no accept: failures and soft failures.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> ThrottleLayer<D, R, P> {
        let Self { throttle, on_reject, priority, .. } = self;
        ThrottleLayer { throttle, classify, on_reject, priority }
    }

    /// The same layer, with rejections answered by `answer`, as in
    /// [`BreakerLayer::on_reject`](crate::BreakerLayer::on_reject).
    #[must_use]
    pub fn on_reject<F, T, E>(self, answer: F) -> ThrottleLayer<C, With<F>, P>
    where
        F: Fn(Rejected) -> Result<T, E>,
    {
        let Self { throttle, classify, priority, .. } = self;
        ThrottleLayer { throttle, classify, on_reject: With(answer), priority }
    }

    /// The same layer, with the priority of each request from a closure, or one for all; see
    /// [`PriorityOf`](super::PriorityOf).
    #[must_use]
    pub fn priority<Q>(self, priority: Q) -> ThrottleLayer<C, R, Q> {
        let Self { throttle, classify, on_reject, .. } = self;
        ThrottleLayer { throttle, classify, on_reject, priority }
    }
}

impl<S, C: Clone, R: Clone, P: Clone> Layer<S> for ThrottleLayer<C, R, P> {
    type Service = ThrottleService<S, C, R, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { throttle, classify, on_reject, priority } = self.clone();
        ThrottleService { inner, throttle, classify, on_reject, priority }
    }
}
