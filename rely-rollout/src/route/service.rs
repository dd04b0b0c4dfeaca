use core::task::{Context, Poll, ready};

use rely_core::Ratio;
use tower_service::Service;

use super::{Arm, ByKey, NoKey, PickKey, Split, SplitFuture};

/// A service made of two, which sends each call to one of them; made by [`Split::service`].
///
/// See the [module's documentation](super) for which calls, and for readiness.
///
/// ```
/// use rely_core::Ratio;
/// use rely_rollout::{Key, Split};
/// use tower::{ServiceExt, service_fn};
///
/// # futures::executor::block_on(async {
/// let split = Split::new("orders-v2");
/// let old = service_fn(|user: String| async move { Ok::<_, String>(format!("old {user}")) });
/// let new = service_fn(|user: String| async move { Ok(format!("new {user}")) });
/// let service = split.service(old, new).sticky_by(|user: &String| Key::from(user.as_str()));
///
/// assert_eq!(service.clone().oneshot("ada".into()).await.unwrap(), "old ada");
/// split.set_share(Ratio::ONE).expect("no rollout decides about it");
/// assert_eq!(service.oneshot("ada".into()).await.unwrap(), "new ada");
/// # });
/// ```
#[derive(Debug)]
pub struct SplitService<A, B, K = NoKey> {
    split: Split,
    stable: A,
    candidate: B,
    key: K,
    stable_ready: bool,
    candidate_state: Candidate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
    Unknown,
    Ready,
    /// Its `poll_ready` failed, after which a service may not be used.
    Failed,
}

impl<A, B> SplitService<A, B> {
    pub(super) const fn new(split: Split, stable: A, candidate: B) -> Self {
        Self::with_key(split, stable, candidate, NoKey)
    }
}

impl<A, B, K> SplitService<A, B, K> {
    const fn with_key(split: Split, stable: A, candidate: B, key: K) -> Self {
        let (stable_ready, candidate_state) = (false, Candidate::Unknown);
        Self { split, stable, candidate, key, stable_ready, candidate_state }
    }

    /// The same service, with calls that stick to an arm by what the closure finds in the request:
    /// a [`Key`](super::Key), or an `Option` of one where some calls have none.
    #[must_use]
    pub fn sticky_by<Request, F, R>(self, key: F) -> SplitService<A, B, ByKey<F>>
    where
        Request: ?Sized,
        F: Fn(&Request) -> R,
        R: Into<Option<super::Key>>,
    {
        SplitService::with_key(self.split, self.stable, self.candidate, ByKey(key))
    }

    /// The split.
    pub const fn split(&self) -> &Split {
        &self.split
    }

    /// The stable arm and the candidate.
    pub const fn get_ref(&self) -> (&A, &B) {
        (&self.stable, &self.candidate)
    }

    /// The stable arm and the candidate, without the router.
    pub fn into_inner(self) -> (A, B) {
        (self.stable, self.candidate)
    }
}

/// A clone of a service that is ready need not be ready.
impl<A: Clone, B: Clone, K: Clone> Clone for SplitService<A, B, K> {
    fn clone(&self) -> Self {
        let (stable, candidate) = (self.stable.clone(), self.candidate.clone());
        Self::with_key(self.split.clone(), stable, candidate, self.key.clone())
    }
}

impl<A, B, K, Request> Service<Request> for SplitService<A, B, K>
where
    A: Service<Request>,
    B: Service<Request, Response = A::Response, Error = A::Error>,
    K: PickKey<Request>,
{
    type Response = A::Response;
    type Error = A::Error;
    type Future = SplitFuture<A::Future, B::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), A::Error>> {
        let share = self.split.share();
        if share != Ratio::ZERO && self.candidate_state == Candidate::Unknown {
            match self.candidate.poll_ready(cx) {
                Poll::Ready(Ok(())) => self.candidate_state = Candidate::Ready,
                Poll::Ready(Err(error)) if share == Ratio::ONE => return Poll::Ready(Err(error)),
                Poll::Ready(Err(_)) => {
                    self.candidate_state = Candidate::Failed;
                    self.split.count_candidate_failed();
                }
                Poll::Pending if share == Ratio::ONE => return Poll::Pending,
                Poll::Pending => {}
            }
        }
        let needs_stable = share != Ratio::ONE || self.candidate_state == Candidate::Failed;
        if needs_stable && !self.stable_ready {
            ready!(self.stable.poll_ready(cx))?;
            self.stable_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let key = self.key.key(&request);
        let (stable_ready, candidate_state) = (self.stable_ready, self.candidate_state);
        let ready = |arm| match arm {
            Arm::Stable => stable_ready,
            Arm::Candidate => candidate_state == Candidate::Ready,
        };
        match self.split.choose_ready(key, ready) {
            Arm::Stable => {
                self.stable_ready = false;
                SplitFuture::stable(self.stable.call(request))
            }
            Arm::Candidate => {
                if candidate_state == Candidate::Ready {
                    self.candidate_state = Candidate::Unknown;
                }
                SplitFuture::candidate(self.candidate.call(request))
            }
        }
    }
}
