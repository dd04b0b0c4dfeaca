/// Whether a request may be sent more than once.
///
/// [`Always`], or a closure `Fn(&Req) -> bool`.
pub trait RetryIf<Req> {
    /// Whether `request` may be sent again.
    fn may_retry(&self, request: &Req) -> bool;
}

/// Every request may be sent more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Always;

impl<Req> RetryIf<Req> for Always {
    fn may_retry(&self, _: &Req) -> bool {
        true
    }
}

impl<F: Fn(&Req) -> bool, Req> RetryIf<Req> for F {
    fn may_retry(&self, request: &Req) -> bool {
        self(request)
    }
}

/// What happens to a request before it is sent again.
///
/// [`Unmarked`], or a closure `Fn(&mut Req, u32)`.
pub trait OnRetry<Req> {
    /// Marks a request that is about to be sent for the `attempt`-th time after the first: 1 for the
    /// first retry.
    fn on_retry(&self, request: &mut Req, attempt: u32);
}

/// Requests go out again as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unmarked;

impl<Req> OnRetry<Req> for Unmarked {
    fn on_retry(&self, _: &mut Req, _: u32) {}
}

impl<F: Fn(&mut Req, u32), Req> OnRetry<Req> for F {
    fn on_retry(&self, request: &mut Req, attempt: u32) {
        self(request, attempt);
    }
}
