//! Answers as tonic has them.

use std::sync::Arc;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use super::BoxError;
use super::http::{PUSHBACK, pushback, text};
use crate::tower::{BreakerLayer, OnReject};
use crate::{BreakerError, Rejected};

/// Rejections become a [`Status`] in a box, and the service's errors go into a box; made by
/// [`BreakerLayer::status_errors`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsStatus;

impl<T, E: Into<BoxError>> OnReject<T, E> for AsStatus {
    type Error = BoxError;

    fn reject(&self, rejected: Rejected) -> Result<T, BoxError> {
        Err(Status::from(rejected).into())
    }

    fn inner(&self, error: E) -> BoxError {
        error.into()
    }
}

impl<C, R, L> BreakerLayer<C, R, L> {
    /// The same layer, for a tonic client: rejections are a boxed [`Status`] as `From<Rejected>` makes
    /// it, which is what the client's caller gets. What goes wrong inside comes in a box as well.
    ///
    /// On a server, take [`BreakerLayer::answer_grpc`]: tonic resets the stream of a layer that fails.
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
    pub fn status_errors(self) -> BreakerLayer<C, AsStatus, L> {
        self.rejecting(AsStatus)
    }
}

/// `UNAVAILABLE`, with `grpc-retry-pushback-ms` in the metadata where the wait is known, the text of the
/// rejection as message, and the [`Rejected`] as source.
///
/// ```
/// use rely_breaker::{Breaker, Rejected};
/// use std::error::Error;
/// use tonic::{Code, Status};
///
/// let breaker = Breaker::builder("orders").build()?;
/// breaker.open_for(core::time::Duration::from_secs(2));
/// let status = Status::from(breaker.acquire().unwrap_err());
/// assert_eq!(status.code(), Code::Unavailable);
/// assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
/// assert!(status.source().unwrap().is::<Rejected>());
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl From<Rejected> for Status {
    fn from(rejected: Rejected) -> Self {
        let mut metadata = MetadataMap::new();
        if let Some(wait) = rejected.retry_after {
            metadata.insert(PUSHBACK, MetadataValue::from(pushback(wait)));
        }
        let mut status = Self::with_metadata(Code::Unavailable, text(&rejected), metadata);
        status.set_source(Arc::new(rejected));
        status
    }
}

/// A rejection as above; the error of the call as it becomes a status itself.
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
impl<E: Into<Self>> From<BreakerError<E>> for Status {
    fn from(error: BreakerError<E>) -> Self {
        match error {
            BreakerError::Rejected(rejected) => rejected.into(),
            BreakerError::Inner(error) => error.into(),
        }
    }
}
