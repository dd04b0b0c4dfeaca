use core::task::{Context, Poll};

use rely_core::classify::Classify;
use tower_service::Service;

use super::held::Held;
use super::readying::LateCall;
use super::ticket::Ticket;
use super::waiting::{Gate, Waiting};
use super::{BreakerFuture, Late, LateFor, OnReject, ReadyClone};
use crate::Breaker;
use crate::breaker::{Admitted, Refused};
use crate::word::Word;

/// The service of a [`BreakerLayer`](super::BreakerLayer).
#[derive(Debug)]
pub struct BreakerService<S, C, R, L = ReadyClone> {
    inner: S,
    breaker: Breaker,
    classify: C,
    on_reject: R,
    late: L,
    /// How many calls were made through this value, up to [`SETTLED`], and whether the inner service
    /// said that it is [`READY`] or was [`ASKED`] and has not, to this value of it, and the caller
    /// [`WAITED`]: one byte, so that a call has one thing to look at.
    so_far: u8,
    /// Callers wait while the breaker rejects.
    holds: bool,
    waiting: Waiting,
}

/// A service that is called again is here to stay and gets a handle of its own, whose count of references
/// no other thread touches. One that is cloned for each call does without: it would pay more than it
/// gains.
const SETTLED: u8 = 2;
const READY: u8 = 1 << 2;
/// Never without [`WAITED`].
const ASKED: u8 = 1 << 3;
const WAITED: u8 = 1 << 7;

impl<S, C, R, L> BreakerService<S, C, R, L> {
    pub(super) const fn new(
        inner: S,
        breaker: Breaker,
        classify: C,
        on_reject: R,
        late: L,
        holds: bool,
    ) -> Self {
        let waiting = Waiting::none();
        Self { inner, breaker, classify, on_reject, late, so_far: 0, holds, waiting }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, to change.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without the breaker.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// The breaker.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    #[inline(always)]
    fn is_ready(&mut self) {
        if self.so_far == SETTLED {
            self.so_far = SETTLED | READY;
        } else {
            self.is_ready_otherwise();
        }
    }

    #[inline(never)]
    fn is_ready_otherwise(&mut self) {
        if self.so_far >= WAITED {
            self.stop_waiting();
        }
        self.so_far |= READY;
    }

    #[cold]
    fn stop_waiting(&mut self) {
        self.so_far &= !(WAITED | ASKED);
        self.waiting = Waiting::none();
    }

    /// The inner service is asked no more for now: what it has queued for would come to it all the same,
    /// and be kept from others, from a clone that is made ready among them. Who has to wait gives up what
    /// it has, too.
    #[cold]
    fn not_asked<E>(&mut self, gate: Gate) -> Poll<Result<(), E>>
    where
        L: LateFor<S>,
    {
        let given_up = if gate == Gate::Wait { ASKED | READY } else { ASKED };
        if self.so_far & given_up != 0 && L::give_back(&mut self.inner) {
            self.so_far &= !given_up;
        }
        if gate == Gate::Wait { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    /// Takes the inner service at its word that it is ready.
    fn take_ready(&mut self) -> bool {
        if self.so_far >= WAITED {
            self.stop_waiting();
        }
        let ready = self.so_far & READY != 0;
        self.so_far &= !READY;
        if self.so_far < SETTLED {
            self.so_far += 1;
            if self.so_far == SETTLED {
                self.breaker = self.breaker.apart();
            }
        }
        ready
    }

    /// What to do about readiness while the breaker is not closed.
    #[inline(always)]
    fn gate(&mut self, word: Word, skips: bool, cx: &mut Context<'_>) -> Gate {
        if self.holds {
            self.hold(cx)
        } else if self.breaker.shared().is_open_now(word, skips) {
            Gate::Skip
        } else {
            Gate::Ask
        }
    }

    #[cold]
    #[inline(never)]
    fn hold(&mut self, cx: &mut Context<'_>) -> Gate {
        self.so_far |= WAITED;
        self.waiting.hold(&self.breaker, cx)
    }

    /// The inner service is not ready: so that who waits for it hears of it when the breaker opens.
    #[cold]
    fn wait(&mut self, skips: bool, cx: &mut Context<'_>) -> Gate {
        self.so_far = self.so_far & !READY | WAITED | ASKED;
        self.waiting.register(&self.breaker, cx);
        let word = self.breaker.shared().word();
        if word.is_closed() { Gate::Ask } else { self.gate(word, skips, cx) }
    }
}

/// A clone of a service that is ready need not be ready.
impl<S: Clone, C: Clone, R: Clone, L: Clone> Clone for BreakerService<S, C, R, L> {
    fn clone(&self) -> Self {
        let (classify, on_reject) = (self.classify.clone(), self.on_reject.clone());
        let (breaker, late) = (self.breaker.clone(), self.late.clone());
        Self::new(self.inner.clone(), breaker, classify, on_reject, late, self.holds)
    }
}

impl<S, C: Clone, R: Clone, L> BreakerService<S, C, R, L> {
    /// The call that follows the rule: settled, ready, closed.
    #[inline(always)]
    fn admit_plain(&mut self) -> Option<Admitted> {
        if self.so_far != SETTLED | READY {
            return None;
        }
        let admitted = self.breaker.shared().admit_plain()?;
        self.so_far = SETTLED;
        Some(admitted)
    }

    /// Every other call.
    #[inline(always)]
    fn admit_other(&mut self) -> Result<Admitted, Refused>
    where
        L: LateFor<S>,
    {
        // Settled and not ready: the breaker was open, and most likely is.
        if self.so_far == SETTLED {
            return self.breaker.shared().try_admit();
        }
        self.admit_rarely().granted()
    }

    // A refusal goes up in two registers, as an admission does.
    #[inline(never)]
    fn admit_rarely(&mut self) -> Admitted
    where
        L: LateFor<S>,
    {
        let ready = self.take_ready();
        let answer = self.breaker.shared().try_admit();
        // The place that it holds may be wanted elsewhere; it has no use for it for now.
        if ready && answer.is_err() && !L::give_back(&mut self.inner) {
            self.so_far |= READY;
        }
        answer.unwrap_or_else(Admitted::from)
    }

    /// What the future holds of a call that is made once a clone of the inner service is ready.
    #[cold]
    #[inline(never)]
    fn late<Request>(
        &self,
        mut ticket: Ticket,
        request: Request,
    ) -> Held<LateCall<S::Future, C, L::Clone, Request>>
    where
        S: Service<Request>,
        L: Late<S, Request>,
    {
        if let Some(clone) = L::clone_of(&self.inner) {
            let late = LateCall::new(clone, request, self.classify.clone(), ticket);
            return Held::late(Box::pin(late));
        }
        ticket.give_back();
        let (refused, name) = self.breaker.reject_inner_not_ready();
        Held::refused(refused, name)
    }
}

impl<S, C, R, L, Request> Service<Request> for BreakerService<S, C, R, L>
where
    S: Service<Request>,
    C: Classify<S::Response, S::Error> + Clone,
    R: OnReject<S::Response, S::Error> + Clone,
    L: Late<S, Request>,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = BreakerFuture<S::Future, C, R, L::Clone, Request>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), R::Error>> {
        let word = self.breaker.shared().word();
        if !word.is_closed() {
            match self.gate(word, L::CLONES, cx) {
                Gate::Ask => {}
                Gate::Skip if self.so_far & ASKED == 0 => return Poll::Ready(Ok(())),
                gate => return self.not_asked(gate),
            }
        }
        match self.inner.poll_ready(cx) {
            Poll::Ready(Ok(())) => {
                self.is_ready();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.so_far &= !READY;
                Poll::Ready(Err(self.on_reject.inner(error)))
            }
            Poll::Pending => match self.wait(L::CLONES, cx) {
                Gate::Ask => Poll::Pending,
                gate => self.not_asked(gate),
            },
        }
    }

    // Into the caller's own loop, as `poll` is.
    #[inline(always)]
    fn call(&mut self, request: Request) -> Self::Future {
        let (ready, answer) = match self.admit_plain() {
            Some(admitted) => (true, Ok(admitted)),
            None => (self.so_far & READY != 0, self.admit_other()),
        };
        let held = match answer {
            Ok(admitted) if ready => {
                let mut ticket = Ticket::new(&self.breaker, admitted);
                let inner = ticket.run(|| self.inner.call(request));
                let (classify, on_reject) = (self.classify.clone(), self.on_reject.clone());
                return BreakerFuture::admitted(inner, ticket, classify, on_reject);
            }
            Ok(admitted) => self.late(Ticket::new(&self.breaker, admitted), request),
            Err(refused) => Held::refused(refused, self.breaker.shared().count_rejected()),
        };
        BreakerFuture::other(held, self.on_reject.clone())
    }
}
