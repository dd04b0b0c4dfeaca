//! Classifiers that look no further than the error.

use std::error::Error;
use std::io;

use super::{ByIo, Classify, Judgement};
use crate::{Outcome, Refusal};

/// `Ok` is a success and `Err` a failure, whatever they hold.
///
/// It cannot tell our own refusals from failures: where layers of ours are inside, take
/// [`ByError`] or [`ByBoxError`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByResult;

impl<T, E> Classify<T, E> for ByResult {
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        Judgement::Now(if result.is_ok() { Outcome::SUCCESS } else { Outcome::FAILURE })
    }
}

/// `Ok` is a success; an error is judged by what is found among its sources, itself included:
///
/// 1. a [`Refusal`]: rejected, by whoever refused;
/// 2. else the first `io::Error` that has a kind other than `Other`: by the table of [`ByIo`];
/// 3. else: a failure.
///
/// A `Box<dyn Error>` is not itself an `Error`, and may become one in a later std, so one type
/// cannot serve both: [`ByBoxError`] is the same for boxes.
///
/// ```
/// use rely_core::classify::{ByError, Classify};
/// use rely_core::{Class, Refusal, RejectedBy};
///
/// let error = std::io::Error::other(Refusal::new(RejectedBy::Limit));
/// let judged = ByError.classify(Err::<&(), _>(&error)).head();
/// assert_eq!(judged.class, Class::Rejected(RejectedBy::Limit));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByError;

impl<T, E: Error + 'static> Classify<T, E> for ByError {
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        Judgement::Now(match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => outcome_of(error),
        })
    }
}

/// [`ByError`] for boxed errors, such as tower's `BoxError`.
///
/// ```
/// use rely_core::classify::{ByBoxError, Classify};
/// use rely_core::Outcome;
///
/// let error: Box<dyn std::error::Error + Send + Sync> = "no route".into();
/// assert_eq!(ByBoxError.classify(Err::<&(), _>(&error)).head(), Outcome::FAILURE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByBoxError;

macro_rules! by_box {
    ($($error:ty),+) => {$(
        impl<T> Classify<T, Box<$error>> for ByBoxError {
            fn classify(&self, result: Result<&T, &Box<$error>>) -> Judgement {
                Judgement::Now(match result {
                    Ok(_) => Outcome::SUCCESS,
                    Err(error) => outcome_of(&**error),
                })
            }
        }
    )+};
}

by_box!(dyn Error, dyn Error + Send, dyn Error + Send + Sync);

fn outcome_of(error: &(dyn Error + 'static)) -> Outcome {
    if let Some(refusal) = Refusal::find(error) {
        return refusal.into();
    }
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        match io {
            Some(io) if io.kind() != io::ErrorKind::Other => return ByIo::outcome_of(io.kind()),
            _ => {}
        }
        // An io::Error passes over the error that it wraps: its source is that one's source.
        next = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    Outcome::FAILURE
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::{Class, RejectedBy};

    #[derive(Debug)]
    struct Wrap<E>(E);

    impl<E> fmt::Display for Wrap<E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl<E: Error + 'static> Error for Wrap<E> {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn by_error<E: Error + Send + Sync + 'static>(error: E) -> Class {
        let judged = ByError.classify(Err::<&(), _>(&error)).head().class;
        let boxed: Box<dyn Error + Send + Sync> = Box::new(error);
        assert_eq!(ByBoxError.classify(Err::<&(), _>(&boxed)).head().class, judged);
        judged
    }

    #[test]
    fn a_result_needs_no_bounds() {
        struct Opaque;
        assert_eq!(ByResult.classify(Ok::<_, &Opaque>(&Opaque)), Judgement::Now(Outcome::SUCCESS));
        assert_eq!(ByResult.classify(Err::<&Opaque, _>(&Opaque)), Judgement::Now(Outcome::FAILURE));
    }

    #[test]
    fn errors_are_judged_by_their_sources() {
        let kind = |kind| io::Error::from(kind);
        assert_eq!(by_error(fmt::Error), Class::Failure);
        assert_eq!(by_error(Wrap(fmt::Error)), Class::Failure);
        assert_eq!(by_error(Wrap(kind(io::ErrorKind::NotFound))), Class::Ignored);
        assert_eq!(by_error(Wrap(kind(io::ErrorKind::ConnectionReset))), Class::Failure);
        assert_eq!(by_error(Wrap(kind(io::ErrorKind::StorageFull))), Class::SoftFailure);
        assert_eq!(
            by_error(Wrap(Wrap(Refusal::new(RejectedBy::Breaker)))),
            Class::Rejected(RejectedBy::Breaker)
        );
    }

    #[test]
    fn a_refusal_outweighs_the_kind_that_carries_it() {
        let error = io::Error::new(io::ErrorKind::TimedOut, Refusal::new(RejectedBy::Deadline));
        assert_eq!(by_error(error), Class::Rejected(RejectedBy::Deadline));
    }

    #[test]
    fn an_io_error_of_no_kind_is_looked_through() {
        let inner = io::Error::from(io::ErrorKind::Interrupted);
        assert_eq!(by_error(io::Error::other(Wrap(inner))), Class::Ignored);
        let inner = io::Error::from(io::ErrorKind::Interrupted);
        assert_eq!(by_error(io::Error::other(inner)), Class::Ignored);
        assert_eq!(by_error(io::Error::other("down")), Class::Failure);
    }

    #[test]
    fn every_box_of_errors_is_taken() {
        let plain: Box<dyn Error> = Box::new(Refusal::new(RejectedBy::Shed));
        let send: Box<dyn Error + Send> = Box::new(Refusal::new(RejectedBy::Shed));
        let rejected = Judgement::Now(Outcome::rejected(RejectedBy::Shed));
        assert_eq!(ByBoxError.classify(Err::<&(), _>(&plain)), rejected);
        assert_eq!(ByBoxError.classify(Err::<&(), _>(&send)), rejected);
        assert_eq!(ByBoxError.classify(Ok::<_, &Box<dyn Error>>(&())).head(), Outcome::SUCCESS);
        assert_eq!(ByError.classify(Ok::<_, &fmt::Error>(&())).head(), Outcome::SUCCESS);
    }
}
