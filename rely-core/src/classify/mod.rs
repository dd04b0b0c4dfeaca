//! What counts as a failure, decided once for the meter, the breaker, the retry and the rollout.
//!
//! A [`Classify`] looks at the head of an answer, that is at the `Result` that a call returned, and
//! says what it came to. For an answer that streams, the head is half the story: it may judge
//! [`Judgement::AtEnd`], and a `ClassifyEnd` (feature `http`) has the last word when the body is
//! complete, broken, short or dropped.
//!
//! | classifier | for | rule |
//! |---|---|---|
//! | [`ByResult`] | any `Result` | `Ok` success, `Err` failure |
//! | [`ByError`] | errors that are `std::error::Error` | looks through the sources for refusals of ours and io errors |
//! | [`ByBoxError`] | boxed errors | the same |
//! | [`ByIo`] | `io::Error` | by kind: the other side's, its "no", or the caller's own |
//! | `HttpStatus` (feature `http`) | HTTP responses | by status, with `Retry-After`, to the end of the body |
//! | `Grpc` (feature `grpc`) | gRPC responses | by `grpc-status` in head or trailers, with pushback |
//! | a closure | anything | `Fn(Result<&T, &E>)` to a [`Class`], an [`Outcome`] or a [`Judgement`] |
//!
//! A closure may use a ready-made classifier for all that it does not decide itself:
//!
//! ```
//! use rely_core::classify::{ByIo, Classify, Judgement};
//! use rely_core::{Class, Outcome};
//!
//! let classifier = |result: Result<&Vec<u8>, &std::io::Error>| match result {
//!     Ok(bytes) if bytes.is_empty() => Judgement::from(Class::SoftFailure),
//!     other => ByIo.classify(other),
//! };
//! let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
//! assert_eq!(classifier.classify(Ok(&vec![])).head(), Outcome::SOFT_FAILURE);
//! assert_eq!(classifier.classify(Err(&reset)).head(), Outcome::FAILURE);
//! ```

mod io;
mod result;
mod weighted;

#[cfg(feature = "http")]
mod end;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "grpc")]
mod grpc_code;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod retry_after;
#[cfg(feature = "http")]
mod status;

use core::time::Duration;
use std::sync::Arc;

pub use self::io::ByIo;
pub use self::result::{ByBoxError, ByError, ByResult};
pub use self::weighted::{Weighted, weighted};

#[cfg(feature = "http")]
pub use self::end::{ClassifyEnd, WithEnd, with_end};
#[cfg(feature = "grpc")]
pub use self::grpc::{Grpc, GrpcConfig, pushback};
#[cfg(feature = "grpc")]
pub use self::grpc_code::{GrpcCode, ParseGrpcCodeError};
#[cfg(feature = "http")]
pub use self::http::{HttpHead, HttpStatus, HttpStatusConfig};
#[cfg(feature = "http")]
pub use self::retry_after::retry_after;
#[cfg(feature = "http")]
pub use self::status::{ParseStatusError, StatusPattern};

use crate::{Class, Outcome};

/// The longest wait that a ready-made classifier reports; whoever asks for more is heard as asking
/// for this: one day.
///
/// [`DO_NOT_RETRY`] alone is longer.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The [`Outcome::retry_after`] of a call that the other side asked not to repeat at all.
///
/// It is [`Duration::MAX`], so that whoever weighs a wait against a deadline gives up without
/// knowing this constant. It speaks of the call, not of the other side's health: a breaker does not
/// take it as the time to stay open.
pub const DO_NOT_RETRY: Duration = Duration::MAX;

/// Says what a call came to, from the head of its answer.
///
/// Implemented by closures over `Result<&T, &E>` that return a [`Class`], an [`Outcome`] or a
/// [`Judgement`]. A closure names its argument's type (`|result: Result<&Reply, &Error>| ...`); it is
/// the borrowed classifier too, so there is no implementation for `&C`, but one for `Arc<C>`.
///
/// A classifier is asked once for each call, on the hot path: it should not allocate or block.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot classify a call that returns `Result<{T}, {E}>`",
    label = "not a classifier for this response and error",
    note = "use a ready-made one from `rely_core::classify`, such as `ByResult`, or a closure \
            `|result: Result<&{T}, &{E}>| -> Outcome`"
)]
pub trait Classify<T, E> {
    /// Judges the head of an answer.
    fn classify(&self, result: Result<&T, &E>) -> Judgement;
}

/// What the head of an answer says. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Judgement {
    /// The call has come to this, whatever may follow.
    Now(Outcome),
    /// It comes to this if the stream that follows ends well; its end decides.
    AtEnd(Outcome),
}

impl Judgement {
    /// What the head alone says: for whoever cannot wait for the end.
    pub const fn head(self) -> Outcome {
        match self {
            Self::Now(outcome) | Self::AtEnd(outcome) => outcome,
        }
    }

    /// The same judgement about a changed outcome.
    pub fn map(self, f: impl FnOnce(Outcome) -> Outcome) -> Self {
        match self {
            Self::Now(outcome) => Self::Now(f(outcome)),
            Self::AtEnd(outcome) => Self::AtEnd(f(outcome)),
        }
    }

    /// Lets the end of the stream decide where it can still change something: a success or an
    /// ignored call waits, anything else stands as it is.
    pub const fn until_end(self) -> Self {
        match self {
            Self::Now(outcome) if matches!(outcome.class, Class::Success | Class::Ignored) => {
                Self::AtEnd(outcome)
            }
            other => other,
        }
    }
}

impl From<Outcome> for Judgement {
    fn from(outcome: Outcome) -> Self {
        Self::Now(outcome)
    }
}

impl From<Class> for Judgement {
    fn from(class: Class) -> Self {
        Self::Now(Outcome::of(class))
    }
}

impl<F, T, E, J> Classify<T, E> for F
where
    F: Fn(Result<&T, &E>) -> J,
    J: Into<Judgement>,
{
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        self(result).into()
    }
}

impl<C: Classify<T, E> + ?Sized, T, E> Classify<T, E> for Arc<C> {
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        (**self).classify(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RejectedBy, Weight};

    fn judge<C: Classify<u32, String>>(classifier: &C, result: Result<u32, &str>) -> Judgement {
        let result = result.map_err(str::to_owned);
        classifier.classify(result.as_ref())
    }

    #[test]
    fn closures_may_return_a_class_an_outcome_or_a_judgement() {
        let class = |result: Result<&u32, &String>| match result {
            Ok(0) => Class::Ignored,
            Ok(_) => Class::Success,
            Err(_) => Class::Failure,
        };
        assert_eq!(judge(&class, Ok(0)), Judgement::Now(Outcome::IGNORED));
        assert_eq!(judge(&class, Err("no")), Judgement::Now(Outcome::FAILURE));
        let outcome = |_: Result<&u32, &String>| Outcome::SUCCESS.with_weight(Weight::new(3));
        assert_eq!(judge(&outcome, Ok(1)).head().weight.get(), 3);
        let judgement = |_: Result<&u32, &String>| Judgement::AtEnd(Outcome::SUCCESS);
        assert_eq!(judge(&judgement, Ok(1)), Judgement::AtEnd(Outcome::SUCCESS));
    }

    #[test]
    fn a_classifier_may_be_shared_and_erased() {
        let shared: Arc<dyn Classify<u32, String> + Send + Sync> = Arc::new(ByResult);
        assert_eq!(judge(&shared, Err("no")), Judgement::Now(Outcome::FAILURE));
    }

    #[test]
    fn only_what_can_still_go_wrong_waits_for_the_end() {
        for class in [Class::Success, Class::Ignored] {
            let outcome = Outcome::of(class);
            assert_eq!(Judgement::Now(outcome).until_end(), Judgement::AtEnd(outcome));
        }
        for class in [
            Class::Failure,
            Class::SoftFailure,
            Class::Cancelled,
            Class::Rejected(RejectedBy::Breaker),
        ] {
            let judgement = Judgement::from(class);
            assert_eq!(judgement.until_end(), judgement);
        }
    }
}
