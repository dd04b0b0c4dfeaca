/// How a request is kept for another try, where the first one uses it up.
///
/// [`ByClone`] does it for every request that is `Clone`; a closure `Fn(&Req) -> Option<Req>` for any
/// other, and where it has none to give, there is no other try.
pub trait CloneRequest<Req> {
    /// The same request once more, or nothing if it cannot be had.
    fn clone_request(&self, request: &Req) -> Option<Req>;
}

/// Requests are cloned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByClone;

impl<Req: Clone> CloneRequest<Req> for ByClone {
    fn clone_request(&self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

impl<F, Req> CloneRequest<Req> for F
where
    F: Fn(&Req) -> Option<Req>,
{
    fn clone_request(&self, request: &Req) -> Option<Req> {
        self(request)
    }
}
