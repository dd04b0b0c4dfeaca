//! Callers that share a breaker and a limit inside, in any order: nobody waits for nothing.

use core::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::channel::oneshot;
use proptest::prelude::*;
use tokio_test::task::{self, Spawn};

use super::*;

const LIMIT: usize = 2;
const CALLERS: usize = 4;

/// Has to be polled ready before each call, and answers when it is told.
#[derive(Default)]
struct Strict {
    calls: Arc<Mutex<Vec<oneshot::Sender<bool>>>>,
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { calls: Arc::clone(&self.calls), ready: false }
    }
}

impl Service<()> for Strict {
    type Response = ();
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        assert!(core::mem::take(&mut self.ready), "called without a word that it is ready");
        let (answer, answered) = oneshot::channel();
        self.calls.lock().unwrap().push(answer);
        Box::pin(async move { if answered.await? { Ok(()) } else { Err("down".into()) } })
    }
}

enum At<F> {
    Idle,
    Waiting,
    Ready,
    Calling(Pin<Box<F>>),
}

struct Caller<S: Service<()>> {
    task: Spawn<()>,
    service: S,
    at: At<S::Future>,
}

impl<S: Service<()>> Caller<S>
where
    S::Error: core::fmt::Debug,
{
    fn new(service: S) -> Self {
        Self { task: task::spawn(()), service, at: At::Idle }
    }

    /// Goes on as a task would that is polled now.
    fn go_on(&mut self) {
        let Self { task, service, at } = self;
        let next = task.enter(|cx, _| {
            Some(match at {
                At::Idle | At::Waiting => match service.poll_ready(cx) {
                    Poll::Ready(ready) => ready.map(|()| At::Ready).unwrap(),
                    Poll::Pending => At::Waiting,
                },
                At::Ready => {
                    let mut call = Box::pin(service.call(()));
                    let done = call.as_mut().poll(cx).is_ready();
                    if done { At::Idle } else { At::Calling(call) }
                }
                At::Calling(call) => match call.as_mut().poll(cx) {
                    Poll::Ready(_) => At::Idle,
                    Poll::Pending => return None,
                },
            })
        });
        if let Some(next) = next {
            *at = next;
        }
    }

    /// Whether an executor would poll it.
    fn runs(&self) -> bool {
        match self.at {
            At::Idle => false,
            At::Ready => true,
            At::Waiting | At::Calling(_) => self.task.is_woken(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    GoOn(usize),
    PollForNothing(usize),
    GiveUp(usize),
    Leave(usize),
    Answer(usize, bool),
    Advance(u64),
    Open,
    ForceOpen,
    Reset,
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..CALLERS).prop_map(Step::GoOn),
        1 => (0..CALLERS).prop_map(Step::PollForNothing),
        1 => (0..CALLERS).prop_map(Step::GiveUp),
        1 => (0..CALLERS).prop_map(Step::Leave),
        4 => (0..LIMIT, any::<bool>()).prop_map(|(call, ok)| Step::Answer(call, ok)),
        2 => (0..40_u64).prop_map(Step::Advance),
        1 => Just(Step::Open),
        1 => Just(Step::ForceOpen),
        1 => Just(Step::Reset),
        1 => Just(Step::Tick),
    ]
}

/// `keeps` says that a service may have a place in the limit when its call was rejected.
fn play<S>(steps: Vec<Step>, keeps: bool, over: impl Fn(&Breaker, ConcurrencyLimit<Strict>) -> S)
where
    S: Service<()>,
    S::Error: core::fmt::Debug,
{
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").minimum_calls(2).trials(1).clock(clock);
    let breaker = breaker.open_for(Duration::from_secs(10)).build().unwrap();
    let strict = Strict::default();
    let calls = Arc::clone(&strict.calls);
    let limited = ConcurrencyLimit::new(strict, LIMIT);
    let new = || Caller::new(over(&breaker, limited.clone()));
    let mut callers: Vec<_> = (0..CALLERS).map(|_| new()).collect();
    let answer = |call: usize, ok: bool| {
        let mut calls = calls.lock().unwrap();
        if call < calls.len() {
            let call = calls.remove(call);
            drop(calls);
            let _ = call.send(ok);
        }
    };
    for step in steps {
        match step {
            Step::GoOn(i) => {
                if matches!(callers[i].at, At::Idle) || callers[i].runs() {
                    callers[i].go_on();
                }
            }
            Step::PollForNothing(i) => {
                if matches!(callers[i].at, At::Waiting | At::Calling(_)) {
                    callers[i].go_on();
                }
            }
            Step::GiveUp(i) => {
                if let At::Calling(_) = callers[i].at {
                    callers[i].at = At::Idle;
                }
            }
            Step::Leave(i) => callers[i] = new(),
            Step::Answer(call, ok) => answer(call, ok),
            Step::Advance(secs) => manual.advance(Duration::from_secs(secs)),
            Step::Open => breaker.open_for(Duration::from_secs(10)),
            Step::ForceOpen => breaker.force_open(),
            Step::Reset => breaker.reset(),
            Step::Tick => {
                breaker.tick();
            }
        }
    }
    // Once the breaker is closed and every call is answered, all get through that were under way, as
    // far as they are polled when they are woken and not else.
    breaker.reset();
    let idle = |caller: &&mut Caller<S>| keeps && matches!(caller.at, At::Idle);
    callers.iter_mut().filter(idle).for_each(|caller| *caller = new());
    while callers.iter().any(Caller::runs) || !calls.lock().unwrap().is_empty() {
        answer(0, true);
        callers.iter_mut().filter(|caller| caller.runs()).for_each(Caller::go_on);
        callers.iter_mut().filter(idle).for_each(|caller| *caller = new());
    }
    let stuck = |caller: &Caller<S>| matches!(caller.at, At::Waiting | At::Calling(_));
    assert!(!callers.iter().any(stuck), "somebody waits and is not woken");
    drop(callers);
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = [(); LIMIT].map(|()| limited.clone());
    assert!(all.iter_mut().all(|service| service.poll_ready(&mut cx).is_ready()));
}

proptest! {
    #[test]
    fn whoever_waits_is_woken_in_time(steps in prop::collection::vec(step(), 0..60)) {
        play(steps, false, |breaker, inner| breaker.layer().layer(inner));
    }

    #[test]
    fn whoever_is_held_is_woken_in_time(steps in prop::collection::vec(step(), 0..60)) {
        play(steps, false, |breaker, inner| breaker.layer().hold_callers().layer(inner));
    }

    #[test]
    fn whoever_waits_is_woken_in_time_without_clones(steps in prop::collection::vec(step(), 0..60)) {
        play(steps, true, |breaker, inner| breaker.layer().without_clone().layer(inner));
    }
}
