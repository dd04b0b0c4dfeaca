use rely_core::classify::ByResult;
use tower_layer::Layer;

use super::{AsError, BreakerService, With};
use crate::{Breaker, Rejected};

/// The tower layer of a [`Breaker`]; made by [`Breaker::layer`].
///
/// The state is in the handle: every service that this layer or a clone of it makes is behind the
/// same breaker.
///
/// ```
/// use rely_breaker::Breaker;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # futures::executor::block_on(async {
/// let breaker = Breaker::builder("queue").build()?;
/// let service = ServiceBuilder::new()
///     .layer(breaker.layer().on_reject(|rejected| Err(rejected.to_string())))
///     .service_fn(|n: u32| async move { if n > 0 { Ok(n) } else { Err("zero".to_owned()) } });
/// for _ in 0..20 {
///     assert_eq!(service.clone().oneshot(0).await, Err("zero".to_owned()));
/// }
/// let error = service.oneshot(1).await.unwrap_err();
/// assert!(error.starts_with("circuit breaker queue is open"), "{error}");
/// # Ok::<(), rely_core::ConfigError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct BreakerLayer<C = ByResult, R = AsError> {
    breaker: Breaker,
    classify: C,
    on_reject: R,
}

impl BreakerLayer {
    pub(crate) const fn new(breaker: Breaker) -> Self {
        Self { breaker, classify: ByResult, on_reject: AsError }
    }
}

impl<C, R> BreakerLayer<C, R> {
    /// The same layer with another rule for what a failure is.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> BreakerLayer<D, R> {
        BreakerLayer { breaker: self.breaker, classify, on_reject: self.on_reject }
    }

    /// The same layer, with rejections answered by `answer`: an error of the service's own type, or
    /// a response such as a 503. The service keeps its error type, as one with boxed errors has to:
    /// a box is itself no `Error`, so neither is a `BreakerError` around it. There it is
    /// `on_reject(|rejected| Err(rejected.into()))`.
    #[must_use]
    pub fn on_reject<F, T, E>(self, answer: F) -> BreakerLayer<C, With<F>>
    where
        F: Fn(Rejected) -> Result<T, E>,
    {
        BreakerLayer { breaker: self.breaker, classify: self.classify, on_reject: With(answer) }
    }
}

impl<S, C: Clone, R: Clone> Layer<S> for BreakerLayer<C, R> {
    type Service = BreakerService<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let (breaker, classify) = (self.breaker.clone(), self.classify.clone());
        BreakerService::new(inner, breaker, classify, self.on_reject.clone())
    }
}
