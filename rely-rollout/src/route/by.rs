use core::fmt;

use super::Key;

/// Takes the key out of a request.
///
/// There are two: [`NoKey`], and [`ByKey`] for a closure.
pub trait PickKey<Request: ?Sized> {
    /// What calls like this one stick to; nothing if they need not stick.
    fn key(&self, request: &Request) -> Option<Key>;
}

/// No call sticks to anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKey;

impl<Request: ?Sized> PickKey<Request> for NoKey {
    #[inline]
    fn key(&self, _: &Request) -> Option<Key> {
        None
    }
}

/// Calls stick to what a closure makes of them, a [`Key`] or an `Option<Key>`; made by
/// [`SplitService::sticky_by`](super::SplitService::sticky_by).
#[derive(Clone, Copy)]
pub struct ByKey<F>(pub(super) F);

impl<F, Request, K> PickKey<Request> for ByKey<F>
where
    Request: ?Sized,
    F: Fn(&Request) -> K,
    K: Into<Option<Key>>,
{
    #[inline]
    fn key(&self, request: &Request) -> Option<Key> {
        (self.0)(request).into()
    }
}

impl<F> fmt::Debug for ByKey<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByKey")
    }
}
