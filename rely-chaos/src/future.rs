use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::arming::Strike;
use crate::hold::Hold;
use crate::{Effect, Injected};

pin_project! {
    /// A call through a [`FaultPoint`](crate::FaultPoint).
    ///
    /// Dropping it drops the call inside, and a call that is held is held no more.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct FaultFuture<F, A>
    where
        F: Future,
    {
        #[pin]
        stage: Stage<F, A>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<F, A>
    where
        F: Future,
    {
        Through { #[pin] inner: F },
        Late { #[pin] inner: F, strike: Option<Strike>, delay: core::time::Duration },
        Held { output: Option<F::Output>, #[pin] hold: Hold },
        Failed { answer: Option<(A, Injected)> },
        Hung { answer: Option<(A, Injected)>, #[pin] hold: Hold },
    }
}

impl<F: Future, A> FaultFuture<F, A> {
    /// A call that is not hit.
    #[inline]
    pub(crate) const fn through(inner: F) -> Self {
        Self { stage: Stage::Through { inner } }
    }

    /// A call that is hit: `inner` is asked for only if there is to be a call.
    #[cold]
    pub(crate) fn struck(
        strike: Strike,
        inner: impl FnOnce() -> F,
        answer: impl FnOnce() -> A,
    ) -> Self {
        let answer = || Some((answer(), strike.injected()));
        let stage = match strike.arming.fault.effect {
            Effect::Latency { delay } => {
                Stage::Late { inner: inner(), strike: Some(strike), delay }
            }
            Effect::Error => Stage::Failed { answer: answer() },
            Effect::Hang => Stage::Hung { answer: answer(), hold: Hold::until_end(strike.arming) },
        };
        Self { stage }
    }
}

impl<F, A> Future for FaultFuture<F, A>
where
    F: Future,
    A: FnOnce(Injected) -> F::Output,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        const AGAIN: &str = "polled again after it was ready";
        let mut stage = self.project().stage;
        loop {
            match stage.as_mut().project() {
                StageProj::Through { inner } => return inner.poll(cx),
                StageProj::Late { inner, strike, delay } => {
                    let output = Some(ready!(inner.poll(cx)));
                    let arming = strike.take().expect("taken only to leave this stage").arming;
                    let hold = Hold::for_delay(arming, *delay);
                    stage.set(Stage::Held { output, hold });
                }
                StageProj::Held { output, hold } => {
                    ready!(hold.poll(cx));
                    return Poll::Ready(output.take().expect(AGAIN));
                }
                StageProj::Failed { answer } => {
                    let (answer, injected) = answer.take().expect(AGAIN);
                    return Poll::Ready(answer(injected));
                }
                StageProj::Hung { answer, hold } => {
                    ready!(hold.poll(cx));
                    let (answer, injected) = answer.take().expect(AGAIN);
                    return Poll::Ready(answer(injected));
                }
            }
        }
    }
}

impl<F: Future, A> fmt::Debug for FaultFuture<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Through { .. } => "through",
            Stage::Late { .. } => "late",
            Stage::Held { .. } => "held",
            Stage::Failed { .. } => "failed",
            Stage::Hung { .. } => "hung",
        };
        f.debug_struct("FaultFuture").field("stage", &stage).finish_non_exhaustive()
    }
}
