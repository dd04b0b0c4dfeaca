use core::time::Duration;

use rely_core::{Clock, ConfigError, config};
use tower_layer::Layer;

use super::{AsError, Elapsed, TimeoutService, With};

/// A layer that gives each call of the service inside a time limit.
///
/// See the [module's documentation](super) for where it belongs.
#[derive(Clone, Debug)]
pub struct AttemptTimeout<R = AsError> {
    limit: Duration,
    clock: Clock,
    on_timeout: R,
}

impl AttemptTimeout {
    /// A limit of `limit` on the system's clock; timeouts are a [`TimeoutError`](super::TimeoutError).
    ///
    /// # Errors
    /// If the limit is zero.
    pub fn new(limit: Duration) -> Result<Self, ConfigError> {
        let limit = config::nonzero("limit", limit)?;
        Ok(Self { limit, clock: Clock::system(), on_timeout: AsError })
    }
}

impl<R> AttemptTimeout<R> {
    /// The same layer on another clock.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same layer, with timeouts answered by `answer`: an error of the service's own type, or a
    /// response such as a 504. The service keeps its error type, as one with boxed errors has to: there
    /// it is `on_timeout(|elapsed| Err(elapsed.into()))`.
    #[must_use]
    pub fn on_timeout<F, T, E>(self, answer: F) -> AttemptTimeout<With<F>>
    where
        F: Fn(Elapsed) -> Result<T, E>,
    {
        AttemptTimeout { limit: self.limit, clock: self.clock, on_timeout: With(answer) }
    }

    /// How long an attempt may take.
    pub const fn limit(&self) -> Duration {
        self.limit
    }
}

impl<S, R: Clone> Layer<S> for AttemptTimeout<R> {
    type Service = TimeoutService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService::new(inner, self.limit, self.clock.clone(), self.on_timeout.clone())
    }
}
