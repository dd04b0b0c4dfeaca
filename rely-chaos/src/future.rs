use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use pin_project_lite::pin_project;

use crate::arming::Strike;
use crate::flight::Flight;
use crate::hold::Hold;
use crate::point::Admission;
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
        Watched { #[pin] inner: F, watch: Watch<A> },
        Late { #[pin] inner: F, strike: Option<Strike>, delay: Duration, watch: Option<Watch<A>> },
        Held { output: Option<F::Output>, #[pin] hold: Hold, watch: Option<Watch<A>> },
        Failed { answer: Option<(A, Injected)> },
        Hung { answer: Option<(A, Injected)>, #[pin] hold: Hold },
    }
}

/// What a call in flight needs to be cut.
struct Watch<A> {
    answer: Option<A>,
    flight: Flight,
}

impl<A> Watch<A> {
    /// The answer of a cut call, if it was cut.
    fn poll_cut(&mut self, cx: &Context<'_>) -> Option<(A, Injected)> {
        let injected = self.flight.poll_cut(cx.waker())?;
        Some((self.answer.take()?, injected))
    }

    /// The same for a call that has answered, and is in flight no more.
    fn land(&mut self) -> Option<(A, Injected)> {
        let injected = self.flight.land()?;
        Some((self.answer.take()?, injected))
    }
}

impl<F: Future, A> FaultFuture<F, A> {
    /// A call that is not hit.
    #[inline]
    pub(crate) const fn through(inner: F) -> Self {
        Self { stage: Stage::Through { inner } }
    }

    /// A call that is hit or watched: `inner` is asked for only if there is to be a call.
    #[cold]
    pub(crate) fn admitted(
        Admission { strike, flight }: Admission,
        inner: impl FnOnce() -> F,
        answer: impl FnOnce() -> A,
    ) -> Self {
        let Some(strike) = strike else {
            return match flight {
                None => Self::through(inner()),
                Some(flight) => {
                    let watch = Watch { answer: Some(answer()), flight };
                    Self { stage: Stage::Watched { inner: inner(), watch } }
                }
            };
        };
        let failed = |answer: A| Some((answer, strike.injected()));
        let stage = match strike.arming.fault.effect {
            Effect::Latency { delay } => {
                let watch = flight.map(|flight| Watch { answer: Some(answer()), flight });
                Stage::Late { inner: inner(), strike: Some(strike), delay, watch }
            }
            Effect::Error | Effect::Outage => Stage::Failed { answer: failed(answer()) },
            Effect::Hang => {
                Stage::Hung { answer: failed(answer()), hold: Hold::until_end(strike.arming) }
            }
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
                StageProj::Watched { inner, watch } => match watch.poll_cut(cx) {
                    None => {
                        let output = ready!(inner.poll(cx));
                        match watch.land() {
                            None => return Poll::Ready(output),
                            // Cut while it was answering: the answer is lost with the rest.
                            answer => stage.set(Stage::Failed { answer }),
                        }
                    }
                    // Leaving the stage drops the call, before anybody hears of its end.
                    answer => stage.set(Stage::Failed { answer }),
                },
                StageProj::Late { inner, strike, delay, watch } => {
                    let cut = watch.as_mut().and_then(|watch| watch.poll_cut(cx));
                    if cut.is_some() {
                        stage.set(Stage::Failed { answer: cut });
                        continue;
                    }
                    let output = Some(ready!(inner.poll(cx)));
                    let arming = strike.take().expect("taken only to leave this stage").arming;
                    let hold = Hold::for_delay(arming, *delay);
                    let watch = watch.take();
                    stage.set(Stage::Held { output, hold, watch });
                }
                StageProj::Held { output, hold, watch } => {
                    let mut cut = watch.as_mut().and_then(|watch| watch.poll_cut(cx));
                    if cut.is_none() {
                        ready!(hold.poll(cx));
                        cut = watch.as_mut().and_then(Watch::land);
                    }
                    if cut.is_none() {
                        return Poll::Ready(output.take().expect(AGAIN));
                    }
                    stage.set(Stage::Failed { answer: cut });
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
            Stage::Watched { .. } => "watched",
            Stage::Late { .. } => "late",
            Stage::Held { .. } => "held",
            Stage::Failed { .. } => "failed",
            Stage::Hung { .. } => "hung",
        };
        f.debug_struct("FaultFuture").field("stage", &stage).finish_non_exhaustive()
    }
}
