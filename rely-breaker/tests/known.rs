//! Known bugs elsewhere that no sequence of calls shows: user code that calls back, and wake-ups.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Wake;

use rely_breaker::{Breaker, Cancelled, State};
use rely_core::signal::Signal;
use rely_core::{Clock, Events, Instant, Level, Verdict};

const SECOND: Duration = Duration::from_secs(1);

/// Asks the breaker how it is, in the middle of whatever wakes it.
struct Asks {
    breaker: OnceLock<Breaker>,
    seen: Mutex<Vec<(State, State)>>,
}

impl Asks {
    fn new() -> Arc<Self> {
        Arc::new(Self { breaker: OnceLock::new(), seen: Mutex::new(Vec::new()) })
    }

    fn ask(&self) {
        if let Some(breaker) = self.breaker.get() {
            self.seen.lock().unwrap().push((breaker.state(), breaker.status().state));
        }
    }
}

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        self.ask();
    }
}

fn failing(breaker: &Breaker) {
    (0..20).for_each(|_| breaker.acquire().unwrap().failure());
}

#[test]
fn a_known_bug_elsewhere_a_listener_that_asks_the_handle_waits_for_itself_or_sees_the_old_state() {
    let (clock, _manual) = Clock::manual();
    let events = Events::new();
    let breaker = Breaker::builder("queue").clock(clock).report_to(events.clone()).build().unwrap();
    let asks = Asks::new();
    asks.breaker.set(breaker.clone()).unwrap();
    let waker = Waker::from(Arc::clone(&asks));
    let mut own = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    let mut all = events.subscribe(NonZeroUsize::new(8).unwrap());
    let mut cx = Context::from_waker(&waker);
    let mut next = own.next();
    let mut named = all.next();
    assert!(Pin::new(&mut next).poll(&mut cx).is_pending());
    assert!(Pin::new(&mut named).poll(&mut cx).is_pending());
    failing(&breaker);
    assert_eq!(*asks.seen.lock().unwrap(), [(State::Open, State::Open); 2]);
    assert!(matches!(Pin::new(&mut next).poll(&mut cx), Poll::Ready(Some(_))));
}

#[test]
fn a_known_bug_elsewhere_a_reset_calls_out_under_its_lock() {
    let (clock, _manual) = Clock::manual();
    let breaker = Breaker::builder("queue").clock(clock).build().unwrap();
    let asks = Asks::new();
    asks.breaker.set(breaker.clone()).unwrap();
    let waker = Waker::from(Arc::clone(&asks));
    let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    let mut next = changes.next();
    assert!(Pin::new(&mut next).poll(&mut Context::from_waker(&waker)).is_pending());
    breaker.reset();
    assert_eq!(*asks.seen.lock().unwrap(), [(State::Closed, State::Closed)]);
}

#[test]
fn a_function_for_open_times_and_a_probe_may_call_the_handle() {
    let (clock, manual) = Clock::manual();
    let (of_time, of_probe) = (Asks::new(), Asks::new());
    let (time, probe) = (Arc::clone(&of_time), Arc::clone(&of_probe));
    let breaker = Breaker::builder("queue")
        .clock(clock)
        .open_time(move |_, _| {
            time.ask();
            5 * SECOND
        })
        .probe(move |now: Instant| {
            probe.ask();
            Verdict::new(Level::Healthy, now)
        })
        .build()
        .unwrap();
    of_time.breaker.set(breaker.clone()).unwrap();
    of_probe.breaker.set(breaker.clone()).unwrap();
    failing(&breaker);
    manual.advance(5 * SECOND);
    assert!(breaker.acquire().unwrap().is_trial());
    for asks in [of_time, of_probe] {
        assert_eq!(*asks.seen.lock().unwrap(), [(State::Open, State::Open)]);
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_known_bug_elsewhere_who_waits_for_the_open_time_is_not_told_of_a_command() {
    type Command = fn(&Breaker);
    let commands: [Command; 5] =
        [Breaker::force_closed, Breaker::force_open, Breaker::disable, Breaker::reset, |breaker| {
            breaker.open_for(SECOND);
        }];
    for command in commands {
        let (clock, _manual) = Clock::manual();
        let breaker = Breaker::builder("queue").clock(clock).build().unwrap();
        breaker.open_for(60 * SECOND);
        let mut drive = Box::pin(breaker.drive());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        assert!(drive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(!flag.0.load(Ordering::SeqCst));
        command(&breaker);
        assert!(flag.0.load(Ordering::SeqCst), "it waits for the end of a state that is over");
    }
}

#[test]
fn a_known_bug_elsewhere_a_driver_that_is_polled_without_a_runtime_panics() {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").clock(clock).build().unwrap();
    let mut drive = Box::pin(breaker.drive());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(drive.as_mut().poll(&mut cx).is_pending());
    failing(&breaker);
    assert!(drive.as_mut().poll(&mut cx).is_pending());
    manual.advance(30 * SECOND);
    assert!(drive.as_mut().poll(&mut cx).is_pending());
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn a_known_bug_elsewhere_a_black_hole_inside_a_time_limit_is_never_seen() {
    let (clock, _manual) = Clock::manual();
    let builder = Breaker::builder("queue").cancelled(Cancelled::Failure).clock(clock);
    let breaker = builder.build().unwrap();
    for _ in 0..20 {
        let mut call = Box::pin(breaker.call(core::future::pending::<Result<(), ()>>()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!((breaker.state(), breaker.status().cancelled), (State::Open, 20));
}

#[test]
fn a_known_bug_elsewhere_to_ask_for_the_state_moves_it() {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").clock(clock).build().unwrap();
    failing(&breaker);
    manual.advance(60 * SECOND);
    for _ in 0..3 {
        let verdict = breaker.verdict(Instant::ORIGIN + 60 * SECOND);
        assert_eq!(verdict.level, Level::Degraded);
        assert!(!breaker.would_reject());
        assert_eq!((breaker.state(), breaker.status().generation), (State::Open, 1));
    }
}
