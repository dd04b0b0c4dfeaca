//! How a rejection reaches the caller.

use crate::{BreakerError, Rejected};

/// Turns a rejection into what the service answers, and so decides the service's error type.
///
/// [`AsError`] wraps the service's error, [`With`] keeps it; [`answer`](crate::answer) has more.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no answer to a rejected call that returns `Result<{T}, {E}>`",
    label = "rejections do not become this response or error",
    note = "`rely_breaker::answer` lists what there is; `on_reject` on the layer takes a closure"
)]
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
pub struct With<F>(pub(crate) F);

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
