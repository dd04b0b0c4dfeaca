use rely_core::classify::ByResult;
use tower_layer::Layer;

use super::KeyedService;
use crate::Rejected;
use crate::tower::{AsError, With};

/// The tower layer of [`Breakers`](super::Breakers); made by
/// [`Breakers::layer`](super::Breakers::layer). The breakers are in the registry: every service that
/// this layer or a clone of it makes is behind the same ones.
///
/// ```
/// use rely_breaker::Breakers;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # futures::executor::block_on(async {
/// #[derive(Clone)]
/// struct Request { host: &'static str, works: bool }
///
/// let hosts = Breakers::<String>::builder("hosts").build()?;
/// let service = ServiceBuilder::new()
///     .layer(
///         hosts
///             .layer(|request: &Request| Some(request.host))
///             .on_reject(|rejected| Err(rejected.to_string())),
///     )
///     .service_fn(|request: Request| async move {
///         if request.works { Ok(()) } else { Err("down".to_owned()) }
///     });
/// for _ in 0..20 {
///     let _ = service.clone().oneshot(Request { host: "db-1", works: false }).await;
/// }
/// let error = service.clone().oneshot(Request { host: "db-1", works: true }).await.unwrap_err();
/// assert!(error.starts_with("circuit breaker hosts/db-1 is open"), "{error}");
/// assert!(service.oneshot(Request { host: "db-2", works: true }).await.is_ok());
/// # Ok::<(), rely_core::ConfigError>(())
/// # }).unwrap();
/// ```
///
/// # Readiness
///
/// Which breaker is to be asked only the request says. So `poll_ready` asks the inner service, whatever
/// state the breakers are in, and a call that is rejected leaves the inner service ready for the next
/// one. A limit that all keys share therefore belongs around this layer: inside, the calls to one key
/// that hangs would take the places of all.
#[derive(Clone, Debug)]
pub struct KeyedLayer<A, C = ByResult, R = AsError> {
    acquire: A,
    classify: C,
    on_reject: R,
}

impl<A> KeyedLayer<A> {
    /// A layer whose services have `acquire` say which breaker a request has to ask, with every `Err`
    /// a failure unless told otherwise.
    pub const fn new(acquire: A) -> Self {
        Self { acquire, classify: ByResult, on_reject: AsError }
    }
}

impl<A, C, R> KeyedLayer<A, C, R> {
    /// The same layer with another rule for what a failure is.
    #[must_use]
    pub fn classify<D>(self, classify: D) -> KeyedLayer<A, D, R> {
        KeyedLayer { acquire: self.acquire, classify, on_reject: self.on_reject }
    }

    /// The same layer, with rejections answered by `answer`, as
    /// [`BreakerLayer::on_reject`](crate::BreakerLayer::on_reject) has it.
    #[must_use]
    pub fn on_reject<F, T, E>(self, answer: F) -> KeyedLayer<A, C, With<F>>
    where
        F: Fn(Rejected) -> Result<T, E>,
    {
        KeyedLayer { acquire: self.acquire, classify: self.classify, on_reject: With(answer) }
    }
}

impl<S, A: Clone, C: Clone, R: Clone> Layer<S> for KeyedLayer<A, C, R> {
    type Service = KeyedService<S, A, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let (acquire, classify) = (self.acquire.clone(), self.classify.clone());
        KeyedService::new(inner, acquire, classify, self.on_reject.clone())
    }
}
