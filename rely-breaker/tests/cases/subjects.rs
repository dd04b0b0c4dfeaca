//! The three forms of one breaker that a case is played against.

use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::oneshot;
use rely_breaker::machine::{Event, Machine};
use rely_breaker::{
    Breaker, BreakerConfig, BreakerError, Change, ChangeReason, Permit, Rejected, RejectedReason,
    State,
};
use rely_core::event::Delivery;
use rely_core::window::Counts;
use rely_core::{Class, Clock, Instant, ManualClock, RejectedBy, Subscriber};
use tower::util::BoxService;
use tower::{Layer, Service};

pub(crate) trait Subject {
    fn set(&mut self, now: Instant);
    fn inner_is(&mut self, ready: bool);
    /// Asks whether a call may be made, without making it.
    fn poll(&mut self);
    fn begin(&mut self, name: char) -> Result<(), Refused>;
    fn end(&mut self, name: char, how: char);
    fn reset(&mut self);
    fn view(&mut self) -> View;
}

/// What a caller is told who is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) state: State,
    pub(crate) reason: RejectedReason,
    pub(crate) retry_after: Option<Duration>,
}

impl From<&Rejected> for Refused {
    fn from(rejected: &Rejected) -> Self {
        let Rejected { state, reason, retry_after, .. } = *rejected;
        Self { state, reason, retry_after }
    }
}

/// All that can be seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) since: Instant,
    pub(crate) generation: u64,
    pub(crate) until: Option<Instant>,
    pub(crate) counts: Counts,
    pub(crate) run: u32,
    pub(crate) rejected: u64,
    pub(crate) inner_not_ready: u64,
    pub(crate) late: u64,
    pub(crate) opened: u64,
    /// Since the beginning.
    pub(crate) changes: Vec<Change>,
    /// The rejections since the last look.
    pub(crate) refused: Vec<Refused>,
}

/// How a call ends; nothing if it is dropped, and `Err` if it panics.
fn class(how: char) -> Option<Result<Class, ()>> {
    Some(Ok(match how {
        's' => Class::Success,
        'f' => Class::Failure,
        't' => Class::SoftFailure,
        'i' => Class::Ignored,
        'r' => Class::Rejected(RejectedBy::Limit),
        'p' => return Some(Err(())),
        'c' => return None,
        other => panic!("no call ends with {other}"),
    }))
}

/// The machine, with a shell as one would write it down: a list of calls, a number of permits.
pub(crate) struct Pure {
    machine: Machine,
    now: Instant,
    window: VecDeque<(bool, bool)>,
    free: u32,
    running: BTreeMap<char, Admitted>,
    inner: bool,
    inner_ready: bool,
    view: View,
}

#[derive(Clone, Copy)]
struct Admitted {
    generation: u64,
    trial: bool,
    start: Instant,
}

impl Pure {
    pub(crate) fn new(config: &BreakerConfig) -> Self {
        let machine = Machine::new(config.clone()).unwrap();
        let view = View {
            state: machine.state(),
            since: machine.since(),
            generation: 0,
            until: None,
            counts: Counts::default(),
            run: 0,
            rejected: 0,
            inner_not_ready: 0,
            late: 0,
            opened: 0,
            changes: Vec::new(),
            refused: Vec::new(),
        };
        Self {
            machine,
            now: Instant::ORIGIN,
            window: VecDeque::new(),
            free: 0,
            running: BTreeMap::new(),
            inner: true,
            inner_ready: false,
            view,
        }
    }

    fn step(&mut self, event: Event) -> Option<Change> {
        let change = self.machine.step(event, self.now)?;
        self.window.clear();
        self.view.run = 0;
        self.free = self.machine.config().trials;
        self.view.opened += u64::from(matches!(change.reason, ChangeReason::Tripped(_)));
        self.view.changes.push(change);
        Some(change)
    }

    fn would_reject(&self) -> bool {
        let mut next = self.machine.clone();
        let moves = next.step(Event::Timer, self.now).is_some();
        match next.state() {
            State::Closed => false,
            State::HalfOpen => !moves && self.free == 0,
            _ => true,
        }
    }

    fn refuse(&mut self, reason: RejectedReason, retry_after: Option<Duration>) -> Refused {
        let refused = Refused { state: self.machine.state(), reason, retry_after };
        self.view.rejected += 1;
        self.view.refused.push(refused);
        refused
    }

    fn counts(&self) -> Counts {
        let count =
            |what: fn(&&(bool, bool)) -> bool| self.window.iter().filter(what).count() as u64;
        let total = self.window.len() as u64;
        Counts { total, bad: count(|call| call.0), slow: count(|call| call.1) }
    }

    fn ended(&mut self, call: Admitted, class: Class) {
        if call.generation != self.machine.generation() {
            self.view.late += u64::from(class.is_counted());
            return;
        }
        if !class.is_counted() {
            self.free += u32::from(call.trial);
            return;
        }
        let config = self.machine.config();
        let took = self.now.saturating_since(call.start);
        let (bad, slow) =
            (class.is_bad(), config.slow_calls.is_some_and(|rule| took >= rule.longer_than));
        if call.trial {
            let event = Event::TrialEnded { generation: call.generation, bad, slow };
            let change = self.step(event);
            let too_late =
                change.is_some_and(|change| change.reason == ChangeReason::TrialsTimedOut);
            self.view.late += u64::from(too_late);
            return;
        }
        match class {
            Class::Success => self.view.run = 0,
            Class::Failure if config.consecutive_failures.is_some() => self.view.run += 1,
            _ => {}
        }
        let holds = config.window_calls as usize;
        self.window.push_back((bad, slow));
        if self.window.len() > holds {
            self.window.pop_front();
        }
        if let Some(reason) = self.machine.judge(self.counts(), self.view.run) {
            self.step(Event::Tripped { generation: call.generation, reason });
        }
    }
}

impl Subject for Pure {
    fn set(&mut self, now: Instant) {
        self.now = now;
    }

    fn inner_is(&mut self, ready: bool) {
        self.inner = ready;
    }

    fn poll(&mut self) {
        if !self.would_reject() {
            self.inner_ready = self.inner;
        }
    }

    fn begin(&mut self, name: char) -> Result<(), Refused> {
        self.step(Event::Timer);
        let trial = match self.machine.state() {
            State::Closed => false,
            State::HalfOpen if self.free == 0 => {
                return Err(self.refuse(RejectedReason::TrialsTaken, None));
            }
            State::HalfOpen => true,
            _ => {
                let wait = self.machine.deadline().map(|until| until.saturating_since(self.now));
                return Err(self.refuse(RejectedReason::Open, wait));
            }
        };
        if !core::mem::take(&mut self.inner_ready) {
            self.view.inner_not_ready += 1;
            return Err(self.refuse(RejectedReason::InnerNotReady, Some(Duration::ZERO)));
        }
        self.free -= u32::from(trial);
        let generation = self.machine.generation();
        self.running.insert(name, Admitted { generation, trial, start: self.now });
        Ok(())
    }

    fn end(&mut self, name: char, how: char) {
        let call = self.running.remove(&name).unwrap();
        // A shell tells the machine that a dropped call is cancelled and that a panic is a failure.
        let class = class(how).unwrap_or(Ok(Class::Cancelled)).unwrap_or(Class::Failure);
        self.ended(call, class);
    }

    fn reset(&mut self) {
        self.step(Event::Reset);
    }

    fn view(&mut self) -> View {
        let refused = core::mem::take(&mut self.view.refused);
        View {
            state: self.machine.state(),
            since: self.machine.since(),
            generation: self.machine.generation(),
            until: self.machine.deadline(),
            counts: self.counts(),
            refused,
            ..self.view.clone()
        }
    }
}

/// The handle: permits taken and settled by hand.
pub(crate) struct Handle {
    breaker: Breaker,
    manual: ManualClock,
    subscriber: Subscriber<Change>,
    changes: Vec<Change>,
    refused: Vec<Refused>,
    running: BTreeMap<char, Permit>,
}

impl Handle {
    pub(crate) fn new(config: &BreakerConfig) -> Self {
        let (clock, manual) = Clock::manual();
        let breaker =
            Breaker::builder("queue").config(config.clone()).clock(clock).build().unwrap();
        let subscriber = breaker.subscribe(NonZeroUsize::new(1024).unwrap());
        let (changes, refused, running) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { breaker, manual, subscriber, changes, refused, running }
    }
}

impl Subject for Handle {
    fn set(&mut self, now: Instant) {
        self.manual.set(now);
    }

    fn inner_is(&mut self, _: bool) {}

    fn poll(&mut self) {}

    fn begin(&mut self, name: char) -> Result<(), Refused> {
        let would_reject = self.breaker.would_reject();
        let result = self.breaker.acquire().map_err(|rejected| Refused::from(&rejected));
        assert_eq!(would_reject, result.is_err(), "it said otherwise a moment ago");
        match result {
            Ok(permit) => {
                self.running.insert(name, permit);
                Ok(())
            }
            Err(refused) => {
                self.refused.push(refused);
                Err(refused)
            }
        }
    }

    fn end(&mut self, name: char, how: char) {
        let permit = self.running.remove(&name).unwrap();
        match class(how) {
            Some(Ok(class)) => permit.record(class.into()),
            None => drop(permit),
            Some(Err(())) => {
                let panics = AssertUnwindSafe(|| {
                    let _permit = permit;
                    resume_unwind(Box::new("the call panics"));
                });
                assert!(catch_unwind(panics).is_err());
            }
        }
    }

    fn reset(&mut self) {
        self.breaker.reset();
    }

    fn view(&mut self) -> View {
        while let Some(delivery) = self.subscriber.try_next() {
            match delivery {
                Delivery::Event(change) => self.changes.push(*change),
                Delivery::Lost(lost) => panic!("{lost} changes are missing"),
            }
        }
        let status = self.breaker.status();
        assert_eq!(status.state, self.breaker.state());
        View {
            state: status.state,
            since: status.since,
            generation: status.generation,
            until: status.until,
            counts: status.counts,
            run: status.consecutive_failures,
            rejected: status.rejected,
            inner_not_ready: status.inner_not_ready,
            late: status.late,
            opened: status.opened,
            changes: self.changes.clone(),
            refused: core::mem::take(&mut self.refused),
        }
    }
}

/// The tower layer: calls that run until they are told how to end.
pub(crate) struct Layered {
    handle: Handle,
    inner: Arc<AtomicBool>,
    service: BoxService<oneshot::Receiver<Result<Class, ()>>, (), BreakerError<Class>>,
    running: BTreeMap<char, Running>,
}

type Answer = Result<(), BreakerError<Class>>;

struct Running {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    ends: oneshot::Sender<Result<Class, ()>>,
}

struct Inner(Arc<AtomicBool>);

impl Service<oneshot::Receiver<Result<Class, ()>>> for Inner {
    type Response = ();
    type Error = Class;
    type Future = Pin<Box<dyn Future<Output = Result<(), Class>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Class>> {
        if self.0.load(Ordering::Relaxed) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, ends: oneshot::Receiver<Result<Class, ()>>) -> Self::Future {
        Box::pin(async move {
            match ends.await.unwrap() {
                Ok(Class::Success) => Ok(()),
                Ok(class) => Err(class),
                Err(()) => resume_unwind(Box::new("the call panics")),
            }
        })
    }
}

impl Layered {
    pub(crate) fn new(config: &BreakerConfig) -> Self {
        let (handle, inner) = (Handle::new(config), Arc::new(AtomicBool::new(true)));
        let layer = handle.breaker.layer().classify(|result: Result<&(), &Class>| match result {
            Ok(()) => Class::Success,
            Err(class) => *class,
        });
        let service = BoxService::new(layer.layer(Inner(Arc::clone(&inner))));
        Self { handle, inner, service, running: BTreeMap::new() }
    }
}

impl Subject for Layered {
    fn set(&mut self, now: Instant) {
        self.handle.set(now);
    }

    fn inner_is(&mut self, ready: bool) {
        self.inner.store(ready, Ordering::Relaxed);
    }

    fn poll(&mut self) {
        let ready = self.service.poll_ready(&mut Context::from_waker(Waker::noop()));
        // A rejection is never an error of readiness, and needs no inner service that is ready.
        assert!(!matches!(ready, Poll::Ready(Err(_))));
        assert!(ready.is_ready() || !self.handle.breaker.would_reject());
    }

    fn begin(&mut self, name: char) -> Result<(), Refused> {
        let (ends, end) = oneshot::channel();
        let mut future: Pin<Box<dyn Future<Output = Answer>>> = Box::pin(self.service.call(end));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                self.running.insert(name, Running { future, ends });
                Ok(())
            }
            Poll::Ready(answer) => {
                let refused = Refused::from(answer.unwrap_err().rejected().unwrap());
                self.handle.refused.push(refused);
                Err(refused)
            }
        }
    }

    fn end(&mut self, name: char, how: char) {
        let Running { mut future, ends } = self.running.remove(&name).unwrap();
        let Some(class) = class(how) else { return };
        ends.send(class).unwrap();
        let poll =
            AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        match (catch_unwind(poll), class) {
            (Ok(Poll::Ready(Ok(()))), Ok(Class::Success)) | (Err(_), Err(())) => {}
            (Ok(Poll::Ready(Err(error))), Ok(class)) => assert_eq!(error.into_inner(), Some(class)),
            (other, _) => panic!("{name} ended with {other:?}"),
        }
    }

    fn reset(&mut self) {
        self.handle.reset();
    }

    fn view(&mut self) -> View {
        self.handle.view()
    }
}
