use core::fmt;
use core::time::Duration;
use std::error::Error;

/// An attempt that had no answer within its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elapsed {
    /// The limit.
    pub limit: Duration,
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.limit)
    }
}

impl Error for Elapsed {}

/// What an attempt with a limit may end with: the limit, or the error of the attempt itself.
///
/// It reads as what it holds, which is also its source: so a classifier finds the refusal or the
/// `io::Error` that the inner error is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeoutError<E> {
    /// The time was over.
    Elapsed(Elapsed),
    /// The attempt failed in time.
    Inner(E),
}

impl<E> TimeoutError<E> {
    /// Whether the time was over.
    pub const fn is_elapsed(&self) -> bool {
        matches!(self, Self::Elapsed(_))
    }

    /// The error of the attempt itself, if it failed in time.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Elapsed(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E> From<Elapsed> for TimeoutError<E> {
    fn from(elapsed: Elapsed) -> Self {
        Self::Elapsed(elapsed)
    }
}

impl<E: fmt::Display> fmt::Display for TimeoutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elapsed(elapsed) => elapsed.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for TimeoutError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Elapsed(elapsed) => Some(elapsed),
            Self::Inner(error) => Some(error),
        }
    }
}

/// Turns a timeout into what the service answers, and so decides the service's error type.
///
/// There are two: [`AsError`] wraps the service's error, [`With`] keeps it.
pub trait OnTimeout<T, E> {
    /// The error of the service with the limit.
    type Error;

    /// The answer to a call whose time was over.
    ///
    /// # Errors
    /// Where the answer to a timeout is an error.
    fn elapsed(&self, elapsed: Elapsed) -> Result<T, Self::Error>;

    /// The error of a call that failed in time.
    fn inner(&self, error: E) -> Self::Error;
}

/// Timeouts are errors: [`TimeoutError::Elapsed`] beside [`TimeoutError::Inner`].
#[derive(Clone, Copy, Debug, Default)]
pub struct AsError;

impl<T, E> OnTimeout<T, E> for AsError {
    type Error = TimeoutError<E>;

    fn elapsed(&self, elapsed: Elapsed) -> Result<T, Self::Error> {
        Err(TimeoutError::Elapsed(elapsed))
    }

    fn inner(&self, error: E) -> Self::Error {
        TimeoutError::Inner(error)
    }
}

/// Timeouts become what a closure makes of them; the service keeps its error type.
#[derive(Clone, Copy, Debug)]
pub struct With<F>(pub(super) F);

impl<F, T, E> OnTimeout<T, E> for With<F>
where
    F: Fn(Elapsed) -> Result<T, E>,
{
    type Error = E;

    fn elapsed(&self, elapsed: Elapsed) -> Result<T, E> {
        (self.0)(elapsed)
    }

    fn inner(&self, error: E) -> E {
        error
    }
}
