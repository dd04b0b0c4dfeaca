use rely_core::classify::ByResult;
use tower_layer::Layer;

use super::{AsError, BreakerService, LateFor, ReadyClone, With, WithoutClone};
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
pub struct BreakerLayer<C = ByResult, R = AsError, L = ReadyClone> {
    breaker: Breaker,
    classify: C,
    on_reject: R,
    late: L,
    holds: bool,
}

impl BreakerLayer {
    pub(crate) const fn new(breaker: Breaker) -> Self {
        let (classify, on_reject, late) = (ByResult, AsError, ReadyClone);
        Self { breaker, classify, on_reject, late, holds: false }
    }
}

impl<C, R, L> BreakerLayer<C, R, L> {
    /// The same layer with another rule for what a failure is.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> BreakerLayer<D, R, L> {
        let Self { breaker, classify: _, on_reject, late, holds } = self;
        BreakerLayer { breaker, classify, on_reject, late, holds }
    }

    /// The same layer, with rejections answered by `answer`: an error of the service's own type, or
    /// a response of your own making. The service keeps its error type. Ready-made answers are in
    /// [`answer`](crate::answer).
    #[must_use]
    pub fn on_reject<F, T, E>(self, answer: F) -> BreakerLayer<C, With<F>, L>
    where
        F: Fn(Rejected) -> Result<T, E>,
    {
        self.rejecting(With(answer))
    }

    pub(crate) fn rejecting<Q>(self, on_reject: Q) -> BreakerLayer<C, Q, L> {
        let Self { breaker, classify, on_reject: _, late, holds } = self;
        BreakerLayer { breaker, classify, on_reject, late, holds }
    }

    /// The same layer for services that are not `Clone`: a call that an open breaker was polled ready
    /// for, and that it lets through since then, is rejected, to be tried
    /// [again at once](crate::RejectedReason::InnerNotReady). With a service that is `Clone`, the
    /// future of such a call makes a clone ready and calls that.
    #[must_use]
    pub fn without_clone(self) -> BreakerLayer<C, R, WithoutClone> {
        let Self { breaker, classify, on_reject, late: _, holds } = self;
        BreakerLayer { breaker, classify, on_reject, late: WithoutClone, holds }
    }

    /// The same layer, whose services have callers wait while the breaker would reject: `poll_ready` is
    /// pending until that is over, and takes a [timer](rely_core::Clock::sleep_until) of the breaker's
    /// clock where time ends it.
    ///
    /// For work that can wait, such as the consumer of a queue. Callers pile up in front of it; put a
    /// bound outside. What the breaker comes to after a caller was told that the service is ready still
    /// decides: of many that waited, those that come too late for a trial are rejected, and so are calls
    /// that are not in the share of a ramp.
    ///
    /// ```
    /// use core::time::Duration;
    /// use futures::FutureExt;
    /// use rely_breaker::Breaker;
    /// use rely_core::Clock;
    /// use tower::{Service, ServiceBuilder, ServiceExt};
    ///
    /// # futures::executor::block_on(async {
    /// let (clock, manual) = Clock::manual();
    /// let breaker = Breaker::builder("queue").clock(clock).build()?;
    /// let mut service = ServiceBuilder::new()
    ///     .layer(breaker.layer().hold_callers())
    ///     .service_fn(|n: u32| async move { Ok::<_, std::io::Error>(n + 1) });
    ///
    /// breaker.open_for(Duration::from_secs(5));
    /// assert!(service.ready().now_or_never().is_none());
    /// manual.advance(Duration::from_secs(5));
    /// assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 2);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn hold_callers(self) -> Self {
        Self { holds: true, ..self }
    }
}

impl<S, C: Clone, R: Clone, L: LateFor<S> + Clone> Layer<S> for BreakerLayer<C, R, L> {
    type Service = BreakerService<S, C, R, L>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { breaker, classify, on_reject, late, holds } = self.clone();
        BreakerService::new(inner, breaker, classify, on_reject, late, holds)
    }
}
