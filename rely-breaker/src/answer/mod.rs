//! Rejections in the words that the user's stack speaks.
//!
//! | the stack | on the layer | a rejection is | the service's error |
//! |---|---|---|---|
//! | any | nothing | [`BreakerError::Rejected`](crate::BreakerError) | in `BreakerError::Inner` |
//! | with an error of its own | [`errors_into`](BreakerLayer::errors_into) | that error, `From<Rejected>` | the same type, by `From` |
//! | with boxed errors | [`box_errors`](BreakerLayer::box_errors) | a box with the [`Rejected`] | in a box |
//! | an axum server, anything over `http` | `answer_http` (feature `http`) | 503 with `Retry-After` | as it is |
//! | a tonic server, gRPC over `http` | `answer_grpc` (feature `http`) | `UNAVAILABLE`, trailers only | as it is |
//! | a tonic client | `status_errors` (feature `tonic`) | a box with a `tonic::Status` | in a box |
//! | none of these | [`on_reject`](BreakerLayer::on_reject) | what a closure makes of it | as it is |
//!
//! "As it is" is what axum asks for: the error of a `Router` is `Infallible`, and a layer that turns it
//! into something else does not compile there (*the trait bound `Infallible: From<…>` is not satisfied*).
//!
//! Whatever a rejection becomes, it can be told from a failure. Errors keep the [`Rejected`] in their
//! sources; responses hold it, and its [`Refusal`](rely_core::Refusal), in their extensions, so that the
//! classifiers of the family count them as rejected on this side of the wire.
//!
//! Without a layer the same conversions serve `?`, after [`Breaker::acquire`](crate::Breaker::acquire)
//! and [`Breaker::call`](crate::Breaker::call).

use core::error::Error;
use core::fmt;
use core::marker::PhantomData;

#[cfg(feature = "http")]
mod http;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
#[cfg(feature = "tonic")]
mod tonic;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use self::http::{AsGrpc, AsHttp};
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub use self::tonic::AsStatus;
use crate::Rejected;
use crate::tower::{BreakerLayer, OnReject};

/// An error of any kind in a box, as tower has it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Rejections become the error `X`, and so do the service's errors; made by
/// [`BreakerLayer::errors_into`].
pub struct IntoError<X>(PhantomData<fn() -> X>);

impl<T, E, X> OnReject<T, E> for IntoError<X>
where
    Rejected: Into<X>,
    E: Into<X>,
{
    type Error = X;

    fn reject(&self, rejected: Rejected) -> Result<T, X> {
        Err(rejected.into())
    }

    fn inner(&self, error: E) -> X {
        error.into()
    }
}

impl<X> Clone for IntoError<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for IntoError<X> {}

impl<X> fmt::Debug for IntoError<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoError")
    }
}

impl<C, R, L> BreakerLayer<C, R, L> {
    /// The same layer, with one error for rejections and for what goes wrong inside: any that is
    /// `From` both.
    ///
    /// ```
    /// use rely_breaker::{Breaker, Rejected};
    /// use tower::{ServiceBuilder, ServiceExt};
    ///
    /// #[derive(Debug)]
    /// enum StoreError {
    ///     Busy(Rejected),
    ///     Io(std::io::Error),
    /// }
    /// # impl From<Rejected> for StoreError {
    /// #     fn from(rejected: Rejected) -> Self { Self::Busy(rejected) }
    /// # }
    /// # impl From<std::io::Error> for StoreError {
    /// #     fn from(error: std::io::Error) -> Self { Self::Io(error) }
    /// # }
    ///
    /// # futures::executor::block_on(async {
    /// let breaker = Breaker::builder("store").build()?;
    /// let service = ServiceBuilder::new()
    ///     .layer(breaker.layer().errors_into::<StoreError>())
    ///     .service_fn(|key: u32| async move { Ok::<_, std::io::Error>(key + 1) });
    /// breaker.force_open();
    /// assert!(matches!(service.oneshot(1).await, Err(StoreError::Busy(_))));
    /// # Ok::<(), rely_core::ConfigError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn errors_into<X>(self) -> BreakerLayer<C, IntoError<X>, L> {
        self.rejecting(IntoError(PhantomData))
    }

    /// The same layer, for a stack with boxed errors: rejections and what goes wrong inside come in a
    /// box, out of which either can be cast again. An error that is in a box already stays in it.
    ///
    /// ```
    /// use rely_breaker::{Breaker, Rejected};
    /// use tower::{ServiceBuilder, ServiceExt};
    ///
    /// # futures::executor::block_on(async {
    /// let breaker = Breaker::builder("store").build()?;
    /// let service = ServiceBuilder::new()
    ///     .layer(breaker.layer().box_errors())
    ///     .service_fn(|text: &str| core::future::ready(text.parse::<u8>()));
    /// let error = service.clone().oneshot("-1").await.unwrap_err();
    /// assert!(error.is::<core::num::ParseIntError>());
    /// breaker.force_open();
    /// let error = service.oneshot("1").await.unwrap_err();
    /// assert_eq!(error.downcast_ref::<Rejected>().unwrap().name.as_ref(), "store");
    /// # Ok::<(), rely_core::ConfigError>(())
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn box_errors(self) -> BreakerLayer<C, IntoError<BoxError>, L> {
        self.errors_into()
    }
}
