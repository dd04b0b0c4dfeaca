//! Calls that count for more than one.

use super::{Classify, Judgement};
use crate::Weight;

/// A classifier whose outcomes carry a weight; made by [`weighted`].
#[derive(Clone, Copy, Debug)]
pub struct Weighted<C, F> {
    pub(super) inner: C,
    weight: F,
}

/// Judges by `classifier`, and gives each outcome the weight that `weight` reads from the answer.
///
/// The weight is read from the head and stays with the call to the end of its stream.
///
/// ```
/// use rely_core::Weight;
/// use rely_core::classify::{ByResult, Classify, weighted};
///
/// struct Receipt {
///     orders: u16,
/// }
/// let classifier = weighted(ByResult, |result: Result<&Receipt, &()>| match result {
///     Ok(receipt) => Weight::new(receipt.orders),
///     Err(()) => Weight::ONE,
/// });
/// assert_eq!(classifier.classify(Ok(&Receipt { orders: 50 })).head().weight, Weight::new(50));
/// ```
pub const fn weighted<C, F>(classifier: C, weight: F) -> Weighted<C, F> {
    Weighted { inner: classifier, weight }
}

impl<C, F, T, E> Classify<T, E> for Weighted<C, F>
where
    C: Classify<T, E>,
    F: Fn(Result<&T, &E>) -> Weight,
{
    fn classify(&self, result: Result<&T, &E>) -> Judgement {
        let weight = (self.weight)(result);
        self.inner.classify(result).map(|outcome| outcome.with_weight(weight))
    }
}
