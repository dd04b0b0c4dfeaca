//! The last word, at the end of the stream.

use std::sync::Arc;

use super::{ByBoxError, ByError, ByIo, ByResult, Classify, Judgement, Weighted};
use crate::Outcome;
use crate::body::StreamEnd;

/// Says what a call came to once its body has ended; asked after [`Judgement::AtEnd`].
///
/// The default is [`StreamEnd::settle`]: an end as it should be leaves the head's outcome, a broken
/// stream is a failure, a stream dropped halfway is cancelled. It is what all ready-made classifiers
/// do except `Grpc`, which looks for the status in the trailers.
///
/// `E` is the error of the body, and free of bounds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot classify the end of a body that fails with `{E}`",
    note = "wrap the classifier in `rely_core::classify::with_end`"
)]
pub trait ClassifyEnd<E> {
    /// Judges the end of a stream whose head came to `head`.
    ///
    /// An implementation that returns something else than `head` keeps its weight.
    fn classify_end(&self, head: Outcome, end: StreamEnd<'_, E>) -> Outcome {
        end.settle(head)
    }
}

impl<E> ClassifyEnd<E> for ByResult {}
impl<E> ClassifyEnd<E> for ByError {}
impl<E> ClassifyEnd<E> for ByBoxError {}
impl<E> ClassifyEnd<E> for ByIo {}

impl<C: ClassifyEnd<E> + ?Sized, E> ClassifyEnd<E> for &C {
    fn classify_end(&self, head: Outcome, end: StreamEnd<'_, E>) -> Outcome {
        (**self).classify_end(head, end)
    }
}

impl<C: ClassifyEnd<E> + ?Sized, E> ClassifyEnd<E> for Arc<C> {
    fn classify_end(&self, head: Outcome, end: StreamEnd<'_, E>) -> Outcome {
        (**self).classify_end(head, end)
    }
}

impl<C: ClassifyEnd<E>, F, E> ClassifyEnd<E> for Weighted<C, F> {
    fn classify_end(&self, head: Outcome, end: StreamEnd<'_, E>) -> Outcome {
        self.inner.classify_end(head, end).with_weight(head.weight)
    }
}

/// A classifier with a rule of its own for the end of the stream; made by [`with_end`].
#[derive(Clone, Copy, Debug)]
pub struct WithEnd<C, F> {
    head: C,
    end: F,
}

/// Judges the head by `head` and the end of the stream by `end`.
///
/// The end is asked wherever it can still change something (see [`Judgement::until_end`]), even if
/// `head` itself would not wait: so a closure that returns a plain outcome may stand there. The
/// weight of the head stays with the call.
///
/// Here a caller that goes away halfway counts as a failure, so that a timeout around a stalled
/// download can trip a breaker:
///
/// ```
/// use rely_core::Outcome;
/// use rely_core::body::StreamEnd;
/// use rely_core::classify::{ClassifyEnd, HttpStatus, with_end};
///
/// let classifier = with_end(HttpStatus::new(), |head, end: StreamEnd<'_, std::io::Error>| {
///     match end {
///         StreamEnd::Dropped => Outcome::FAILURE,
///         other => other.settle(head),
///     }
/// });
/// assert_eq!(classifier.classify_end(Outcome::SUCCESS, StreamEnd::Dropped), Outcome::FAILURE);
/// ```
pub const fn with_end<C, F, E>(head: C, end: F) -> WithEnd<C, F>
where
    F: Fn(Outcome, StreamEnd<'_, E>) -> Outcome,
{
    WithEnd { head, end }
}

impl<C: Classify<T, E>, F, T, E> Classify<T, E> for WithEnd<C, F> {
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        let judgement = self.head.classify(result);
        // Without an answer there is no stream to wait for.
        if result.is_ok() { judgement.until_end() } else { judgement }
    }
}

impl<C, F, E> ClassifyEnd<E> for WithEnd<C, F>
where
    F: Fn(Outcome, StreamEnd<'_, E>) -> Outcome,
{
    fn classify_end(&self, head: Outcome, end: StreamEnd<'_, E>) -> Outcome {
        (self.end)(head, end).with_weight(head.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::weighted;
    use crate::{Class, Weight};

    #[test]
    fn a_head_that_would_not_wait_is_made_to() {
        let end = |head, end: StreamEnd<'_, ()>| end.settle(head);
        let classifier = with_end(ByResult, end);
        assert_eq!(classifier.classify(Ok::<_, &()>(&())), Judgement::AtEnd(Outcome::SUCCESS));
        assert_eq!(classifier.classify(Err::<&(), _>(&())), Judgement::Now(Outcome::FAILURE));
        let ignoring = with_end(|_: Result<&(), &()>| Class::Ignored, end);
        assert_eq!(ignoring.classify(Err(&())), Judgement::Now(Outcome::IGNORED));
        assert_eq!(ignoring.classify(Ok(&())), Judgement::AtEnd(Outcome::IGNORED));
    }

    #[test]
    fn the_weight_of_the_head_lasts_to_the_end() {
        let heavy = Weight::new(9);
        let inner = with_end(ByResult, |_, _: StreamEnd<'_, ()>| Outcome::FAILURE);
        let head = Outcome::SUCCESS.with_weight(heavy);
        let failure = Outcome::FAILURE.with_weight(heavy);
        assert_eq!(inner.classify_end(head, StreamEnd::Dropped), failure);
        let outer = weighted(inner, |_: Result<&(), &()>| heavy);
        assert_eq!(outer.classify(Ok(&())), Judgement::AtEnd(head));
        assert_eq!(outer.classify_end(head, StreamEnd::Dropped), failure);
    }

    #[test]
    fn a_shared_classifier_speaks_for_the_one_it_holds() {
        let inner = with_end(ByResult, |_, _: StreamEnd<'_, ()>| Outcome::IGNORED);
        let shared: Arc<dyn ClassifyEnd<()>> = Arc::new(inner);
        assert_eq!(shared.classify_end(Outcome::SUCCESS, StreamEnd::Dropped), Outcome::IGNORED);
        let borrowed: &dyn ClassifyEnd<()> = &&inner;
        assert_eq!(borrowed.classify_end(Outcome::SUCCESS, StreamEnd::Dropped), Outcome::IGNORED);
    }
}
