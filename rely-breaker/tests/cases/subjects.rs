//! The three forms of one breaker that a case is played against.

#[path = "pure.rs"]
mod pure;

use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::channel::oneshot;
use rely_breaker::{
    Breaker, BreakerConfig, BreakerError, Change, OwnedPermit, Rejected, RejectedReason, State,
};
use rely_core::event::Delivery;
use rely_core::signal::ManualSignal;
use rely_core::window::Counts;
use rely_core::{
    Class, Clock, Instant, Level, ManualClock, Outcome, Ratio, RejectedBy, Subscriber, Verdict,
};
use tower::util::BoxService;
use tower::{Layer, Service};

pub(crate) use self::pure::Pure;

/// What a subject is made from.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) config: BreakerConfig,
    /// What a probe says at first, if there is one.
    pub(crate) probe: Option<Level>,
    /// How long the user's own function says that it should be open, the n-th time.
    pub(crate) open_time: Vec<Duration>,
}

impl Recipe {
    fn open_time(times: &[Duration], openings: u32) -> Duration {
        times[(openings as usize).clamp(1, times.len()) - 1]
    }
}

/// Somebody's word.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    Reset,
    ForceOpen,
    ForceClosed,
    Disable,
    OpenFor(Duration),
    OpenUntil(Instant),
}

pub(crate) trait Subject {
    fn set(&mut self, now: Instant);
    fn inner_is(&mut self, ready: bool);
    /// Asks whether a call may be made, without making it.
    fn poll(&mut self);
    fn begin(&mut self, name: char) -> Result<(), Refused>;
    /// The call ends so; nothing if it is dropped, and an error if it panics.
    fn end(&mut self, name: char, how: How);
    fn order(&mut self, order: Order);
    fn reconfigure(&mut self, config: &BreakerConfig);
    /// What the probe says from now on.
    fn probe(&mut self, level: Level);
    /// What a driver does; says when it wants to come again.
    fn tick(&mut self) -> Option<Instant>;
    /// What tells whether a call counts that was let through just now: the state, and how many would
    /// have been rejected.
    fn uncounted(&self) -> (State, u64);
    fn view(&mut self) -> View;
}

pub(crate) type How = Option<Result<Outcome, ()>>;

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
    pub(crate) share: Ratio,
    pub(crate) counts: Counts,
    pub(crate) run: u32,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    pub(crate) cancelled: u64,
    pub(crate) would_reject: u64,
    pub(crate) rejected: u64,
    pub(crate) inner_not_ready: u64,
    pub(crate) late: u64,
    pub(crate) opened: u64,
    /// Since the beginning.
    pub(crate) changes: Vec<Change>,
    /// The rejections since the last look.
    pub(crate) refused: Vec<Refused>,
}

/// How a call ends that a letter stands for.
pub(crate) fn class(how: char) -> Option<Result<Class, ()>> {
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

/// The handle: permits taken and settled by hand.
pub(crate) struct Handle {
    breaker: Breaker,
    manual: ManualClock,
    subscriber: Subscriber<Change>,
    changes: Vec<Change>,
    refused: Vec<Refused>,
    running: BTreeMap<char, OwnedPermit>,
    probe: ManualSignal,
    /// What it says of a rejection beforehand may come out otherwise.
    may_differ: bool,
}

impl Handle {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let (clock, manual) = Clock::manual();
        let mut builder =
            Breaker::builder("queue").config(recipe.config.clone()).clock(clock.clone());
        let probe = ManualSignal::default();
        if let Some(level) = recipe.probe {
            probe.set(Verdict::new(level, Instant::ORIGIN));
            builder = builder.probe(probe.clone());
        }
        let times = recipe.open_time.clone();
        if !times.is_empty() {
            builder = builder.open_time(move |_, openings| Recipe::open_time(&times, openings));
        }
        let breaker = builder.build().unwrap();
        let subscriber = breaker.subscribe(NonZeroUsize::new(1024).unwrap());
        let (changes, refused, running) = (Vec::new(), Vec::new(), BTreeMap::new());
        // Who asks makes a probe speak and calls that hang be looked at.
        let may_differ =
            recipe.probe.is_some() || recipe.config.slow_calls.is_some_and(|rule| rule.in_flight);
        Self { breaker, manual, subscriber, changes, refused, running, probe, may_differ }
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
        let permit = self.breaker.acquire_owned();
        let result = permit.as_ref().map(|_| ()).map_err(Refused::from);
        let of_share = result.is_err_and(|refused| refused.reason == RejectedReason::Ramping);
        if !of_share && !self.may_differ {
            assert_eq!(would_reject, result.is_err(), "it said otherwise a moment ago");
        }
        self.running.extend(permit.ok().map(|permit| (name, permit)));
        self.refused.extend(result.err());
        result
    }

    fn end(&mut self, name: char, how: How) {
        let permit = self.running.remove(&name).unwrap();
        match how {
            Some(Ok(outcome)) => permit.record(outcome),
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

    fn order(&mut self, order: Order) {
        match order {
            Order::Reset => self.breaker.reset(),
            Order::ForceOpen => self.breaker.force_open(),
            Order::ForceClosed => self.breaker.force_closed(),
            Order::Disable => self.breaker.disable(),
            Order::OpenFor(time) => self.breaker.open_for(time),
            Order::OpenUntil(until) => self.breaker.open_until(until),
        }
    }

    fn reconfigure(&mut self, config: &BreakerConfig) {
        self.breaker.reconfigure(config.clone()).unwrap();
    }

    fn probe(&mut self, level: Level) {
        self.probe.set(Verdict::new(level, Instant::ORIGIN));
    }

    fn tick(&mut self) -> Option<Instant> {
        self.breaker.tick()
    }

    fn uncounted(&self) -> (State, u64) {
        let status = self.breaker.status();
        (status.state, status.would_reject)
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
            share: status.share,
            counts: status.counts,
            run: status.consecutive_failures,
            succeeded: status.succeeded,
            failed: status.failed,
            ignored: status.ignored,
            cancelled: status.cancelled,
            would_reject: status.would_reject,
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
    service: BoxService<oneshot::Receiver<End>, Outcome, BreakerError<Outcome>>,
    running: BTreeMap<char, Running>,
}

/// How a call that is not dropped ends; an error if it panics.
type End = Result<Outcome, ()>;
type Answer = Result<Outcome, BreakerError<Outcome>>;

struct Running {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    ends: oneshot::Sender<End>,
}

struct Inner(Arc<AtomicBool>);

impl Service<oneshot::Receiver<End>> for Inner {
    type Response = Outcome;
    type Error = Outcome;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Outcome>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Outcome>> {
        if self.0.load(Ordering::Relaxed) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, ends: oneshot::Receiver<End>) -> Self::Future {
        Box::pin(async move {
            match ends.await.unwrap() {
                Ok(outcome) if outcome.class == Class::Success => Ok(outcome),
                Ok(outcome) => Err(outcome),
                Err(()) => resume_unwind(Box::new("the call panics")),
            }
        })
    }
}

impl Layered {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let (handle, inner) = (Handle::new(recipe), Arc::new(AtomicBool::new(true)));
        let layer = handle.breaker.layer().classify(|result: Result<&Outcome, &Outcome>| {
            let (Ok(outcome) | Err(outcome)) = result;
            *outcome
        });
        let service = BoxService::new(layer.without_clone().layer(Inner(Arc::clone(&inner))));
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

    fn end(&mut self, name: char, how: How) {
        let Running { mut future, ends } = self.running.remove(&name).unwrap();
        let Some(end) = how else { return };
        ends.send(end).unwrap();
        let poll =
            AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        match (catch_unwind(poll), end) {
            (Err(_), Err(())) => {}
            (Ok(Poll::Ready(Ok(answer))), Ok(outcome)) => assert_eq!(answer, outcome),
            (Ok(Poll::Ready(Err(error))), Ok(outcome)) => {
                assert_eq!(error.into_inner(), Some(outcome));
            }
            (other, _) => panic!("{name} ended with {other:?}"),
        }
    }

    fn order(&mut self, order: Order) {
        self.handle.order(order);
    }

    fn reconfigure(&mut self, config: &BreakerConfig) {
        self.handle.reconfigure(config);
    }

    fn probe(&mut self, level: Level) {
        self.handle.probe(level);
    }

    fn tick(&mut self) -> Option<Instant> {
        self.handle.tick()
    }

    fn uncounted(&self) -> (State, u64) {
        self.handle.uncounted()
    }

    fn view(&mut self) -> View {
        self.handle.view()
    }
}
