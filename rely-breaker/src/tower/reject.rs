//! How a rejection reaches the caller.

use crate::{BreakerError, Rejected};

/// Turns a rejection into what the service answers, and so decides the service's error type.
///
/// There are two: [`AsError`] wraps the service's error, [`With`] keeps it.
pub trait OnReject<T, E> {
    /// The error of the service with the breaker.
    type Error;

    /// The answer to a call that was rejected.
    ///
    /// # Errors
    /// Where the answer to a rejection is an error.
    fn reject(&self, rejected: Rejected) -> Result<T, Self::Error>;

    /// The error of a call that went through.
    fn inner(&self, error: E) -> Self::Error;
}

/// Rejections are errors: [`BreakerError::Rejected`] beside [`BreakerError::Inner`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError;

impl<T, E> OnReject<T, E> for AsError {
    type Error = BreakerError<E>;

    fn reject(&self, rejected: Rejected) -> Result<T, Self::Error> {
        Err(BreakerError::Rejected(rejected))
    }

    fn inner(&self, error: E) -> Self::Error {
        BreakerError::Inner(error)
    }
}

/// Rejections become what a closure makes of them; the service keeps its error type.
#[derive(Clone, Copy, Debug)]
pub struct With<F>(pub(super) F);

impl<F, T, E> OnReject<T, E> for With<F>
where
    F: Fn(Rejected) -> Result<T, E>,
{
    type Error = E;

    fn reject(&self, rejected: Rejected) -> Result<T, E> {
        (self.0)(rejected)
    }

    fn inner(&self, error: E) -> E {
        error
    }
}
