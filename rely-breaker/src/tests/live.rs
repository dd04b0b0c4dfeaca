//! What a breaker does while it runs: a driver, a probe, another configuration, calls that hang.

use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rely_core::window::TimeWindowConfig;
use rely_core::{Level, Ratio, Verdict};

use super::*;
use crate::machine::{Machine, replay};
use crate::{Change, Ramp, Window};

/// A waker that counts.
pub(super) fn counter() -> (Arc<AtomicU64>, core::task::Waker) {
    struct Count(Arc<AtomicU64>);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(AtomicU64::new(0));
    (Arc::clone(&woken), Arc::new(Count(woken)).into())
}

#[test]
fn a_driver_moves_it_when_its_time_has_come_and_sleeps_otherwise() {
    let ramp = Some(Ramp { stages: vec![percent(10), percent(50)], stage_for: 10 * SECOND });
    let (breaker, manual) = breaker(BreakerConfig { ramp, trials: 1, ..small() });
    let (woken, waker) = counter();
    let woken = || woken.load(Ordering::Relaxed);
    let mut cx = Context::from_waker(&waker);
    let mut drive = pin!(breaker.drive());
    let mut poll = || assert!(matches!(drive.as_mut().poll(&mut cx), Poll::Pending));
    poll();
    manual.advance(3600 * SECOND);
    assert_eq!(woken(), 0, "there is nothing to wait for");
    fail(&breaker, 4);
    assert_eq!(woken(), 1, "it opened");
    poll();
    manual.advance(29 * SECOND);
    assert_eq!(woken(), 1);
    manual.advance(SECOND);
    assert_eq!(woken(), 2, "the open time is over");
    poll();
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.acquire().unwrap().success();
    poll();
    assert_eq!((breaker.state(), breaker.status().share), (State::Ramping, percent(10)));
    manual.advance(10 * SECOND);
    poll();
    assert_eq!((breaker.state(), breaker.status().share), (State::Ramping, percent(50)));
    manual.advance(10 * SECOND);
    poll();
    assert_eq!((breaker.state(), breaker.status().share), (State::Closed, Ratio::ONE));
    assert_eq!(breaker.status().generation, 4);
}

#[test]
fn a_night_without_calls_is_no_outage_whoever_drives() {
    let growth = OpenBackoff { max: 300 * SECOND, jitter: Jitter::None, ..OpenBackoff::default() };
    let (breaker, manual) = breaker(BreakerConfig { open_backoff: Some(growth), ..small() });
    fail(&breaker, 4);
    for _ in 0..8 * 3600 {
        manual.advance(SECOND);
        breaker.tick();
    }
    let status = breaker.status();
    assert_eq!((status.state, status.generation), (State::HalfOpen, 2), "nobody was too slow");
    for late in [SECOND, 9 * SECOND] {
        manual.advance(late);
        assert!(!breaker.would_reject());
    }
    let hangs = breaker.acquire().expect("the first call of the morning is a trial");
    manual.advance(10 * SECOND - Duration::from_nanos(1));
    breaker.tick();
    assert_eq!(breaker.state(), State::HalfOpen, "its time began with it");
    manual.advance(Duration::from_nanos(1));
    breaker.tick();
    let status = breaker.status();
    assert_eq!((status.state, status.generation), (State::Open, 3), "that one was");
    drop(hangs);
}

#[test]
fn a_probe_ends_the_open_time_early_or_keeps_the_trials_waiting() {
    let level = Arc::new(std::sync::Mutex::new(Level::Unknown));
    let says = Arc::clone(&level);
    let (clock, manual) = Clock::manual();
    let builder = Breaker::builder("queue").config(small()).clock(clock);
    let probe = move |now| Verdict::new(*says.lock().unwrap(), now);
    let breaker = builder.probe(probe).build().unwrap();
    let say = |next| *level.lock().unwrap() = next;

    fail(&breaker, 4);
    manual.advance(10 * SECOND);
    assert_eq!(breaker.tick(), Some(Instant::ORIGIN + 11 * SECOND), "asked again in a second");
    assert_eq!(breaker.state(), State::Open);
    say(Level::Healthy);
    manual.advance(SECOND);
    breaker.tick();
    assert_eq!(breaker.state(), State::HalfOpen, "trials decide, not the probe");

    breaker.reset();
    fail(&breaker, 4);
    say(Level::Unhealthy);
    manual.advance(30 * SECOND);
    // The call asks, and the time is over: but for the probe it would be a trial.
    let rejected = breaker.acquire().unwrap_err();
    assert_eq!((rejected.state, rejected.retry_after), (State::Open, Some(SECOND)));
    assert_eq!(breaker.status().generation, 4);
    manual.advance(SECOND);
    say(Level::Degraded);
    assert!(breaker.acquire().unwrap().is_trial());
}

#[test]
fn a_probe_is_asked_as_often_as_it_is_to_however_often_somebody_looks() {
    let asked = Arc::new(AtomicU64::new(0));
    let (counts, (clock, manual)) = (Arc::clone(&asked), Clock::manual());
    let probe = move |now| {
        counts.fetch_add(1, Ordering::Relaxed);
        Verdict::new(Level::Unhealthy, now)
    };
    let config = BreakerConfig { trials: 1, ..small() };
    let breaker =
        Breaker::builder("queue").config(config).clock(clock).probe(probe).build().unwrap();
    let (_, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    let mut drive = pin!(breaker.drive());
    fail(&breaker, 4);
    let asked = || asked.swap(0, Ordering::Relaxed);
    for second in 0..40 {
        for _ in 0..3 {
            assert!(drive.as_mut().poll(&mut cx).is_pending());
            breaker.tick();
        }
        assert_eq!((asked(), breaker.state()), (1, State::Open), "second {second}");
        manual.advance(SECOND);
    }
}

#[test]
fn a_probe_has_no_say_in_how_long_trials_last() {
    let asked = Arc::new(AtomicU64::new(0));
    let (counts, (clock, manual)) = (Arc::clone(&asked), Clock::manual());
    let probe = move |now| {
        counts.fetch_add(1, Ordering::Relaxed);
        Verdict::new(Level::Healthy, now)
    };
    let breaker =
        Breaker::builder("queue").config(small()).clock(clock).probe(probe).build().unwrap();
    breaker.open_for(Duration::ZERO);
    let trial = breaker.acquire().unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    manual.advance(10 * SECOND);
    assert!(breaker.acquire().is_err(), "the trials have timed out");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    trial.success();
}

#[test]
fn a_driver_ends_what_a_clock_that_went_back_has_ended() {
    let (breaker, manual) = breaker(small());
    manual.advance(3600 * SECOND);
    fail(&breaker, 4);
    manual.set(Instant::ORIGIN + SECOND);
    breaker.tick();
    assert_eq!(breaker.state(), State::HalfOpen, "as for a call that asks");
}

#[test]
fn a_panic_of_the_probe_leaves_the_breaker_as_it_is() {
    let (clock, manual) = Clock::manual();
    let builder = Breaker::builder("queue").config(small()).clock(clock);
    let breaker = builder.probe(|_| panic!("no")).build().unwrap();
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    let panics = || breaker.acquire().map(drop);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    assert_eq!(breaker.state(), State::Open);
    breaker.reset();
    assert!(breaker.acquire().is_ok());
}

#[test]
fn the_users_own_open_time_is_asked_for_each_opening_and_may_use_the_breaker() {
    let (clock, manual) = Clock::manual();
    let handle: Arc<std::sync::OnceLock<Breaker>> = Arc::default();
    let inside = Arc::clone(&handle);
    let how_long = move |change: &Change, openings: u32| {
        assert_eq!(inside.get().unwrap().state(), change.to);
        SECOND * (openings + 1)
    };
    let config = BreakerConfig { trials: 1, ..small() };
    let builder = Breaker::builder("queue").config(config).clock(clock).open_time(how_long);
    let breaker = builder.build().unwrap();
    handle.set(breaker.clone()).unwrap();
    fail(&breaker, 4);
    let first = breaker.acquire().unwrap_err().retry_after.unwrap();
    manual.advance(first);
    breaker.acquire().unwrap().failure();
    let second = breaker.acquire().unwrap_err().retry_after.unwrap();
    assert_eq!(second, first + SECOND);
    breaker.open_for(7 * SECOND);
    assert_eq!(breaker.acquire().unwrap_err().retry_after, Some(7 * SECOND), "by hand is by hand");
}

#[test]
fn another_configuration_keeps_state_times_and_counts() {
    let (breaker, manual) = breaker(BreakerConfig { window: Window::Calls(4), ..small() });
    play(&breaker, "fss");
    let more = BreakerConfig { window: Window::Calls(100), minimum_calls: 5, ..small() };
    breaker.reconfigure(more.clone()).unwrap();
    assert_eq!(breaker.config().minimum_calls, 5);
    let counts = breaker.status().counts;
    assert_eq!((counts.total, counts.bad), (3, 1));
    play(&breaker, "sss");
    assert_eq!(breaker.status().counts.total, 6, "the window is larger");
    assert_eq!((breaker.status().succeeded, breaker.status().failed), (5, 1), "and none twice");
    breaker
        .reconfigure(BreakerConfig { window: Window::Calls(2), minimum_calls: 2, ..more.clone() })
        .unwrap();
    assert_eq!(breaker.status().counts.total, 2, "the latest ones");
    // A call from before counts, for the state has not changed.
    let permit = breaker.acquire().unwrap();
    breaker.reconfigure(more.clone()).unwrap();
    permit.failure();
    assert_eq!((breaker.status().counts.bad, breaker.status().late), (1, 0));

    let time = Window::Time(TimeWindowConfig { span: 10 * SECOND, ..TimeWindowConfig::default() });
    breaker.reconfigure(BreakerConfig { window: time, ..more.clone() }).unwrap();
    assert_eq!(breaker.status().counts.total, 0, "when they came is not known");
    play(&breaker, "ss");
    manual.advance(2 * SECOND);
    play(&breaker, "s");
    let time = Window::Time(TimeWindowConfig { span: 5 * SECOND, ..TimeWindowConfig::default() });
    breaker.reconfigure(BreakerConfig { window: time, ..more.clone() }).unwrap();
    assert_eq!(breaker.status().counts.total, 3);
    manual.advance(4 * SECOND);
    assert_eq!(breaker.status().counts.total, 1, "two of them have left");
    let status = breaker.status();
    assert_eq!((status.succeeded, status.failed), (8, 2));

    let error = breaker.reconfigure(BreakerConfig { trials: 0, ..more }).unwrap_err();
    assert_eq!(error.field(), "trials");
    assert_eq!(breaker.config().trials, small().trials, "as it was");
}

#[test]
fn trials_that_are_under_way_are_kept_by_another_configuration() {
    let (breaker, manual) = breaker(BreakerConfig { trials: 4, ..small() });
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    let (one, two) = (breaker.acquire().unwrap(), breaker.acquire().unwrap());
    breaker.reconfigure(BreakerConfig { trials: 3, ..small() }).unwrap();
    let three = breaker.acquire().unwrap();
    assert!(breaker.acquire().is_err());
    for trial in [one, two, three] {
        assert!(trial.is_trial());
        trial.success();
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_slow_rule_that_comes_later_does_not_judge_calls_whose_beginning_nobody_noted() {
    let (breaker, manual) = breaker(small());
    manual.advance(3600 * SECOND);
    let early = breaker.acquire().unwrap();
    let slow_calls = Some(SlowCalls { longer_than: SECOND, rate: Ratio::ONE, in_flight: true });
    breaker.reconfigure(BreakerConfig { slow_calls, minimum_calls: 1, ..small() }).unwrap();
    early.success();
    assert_eq!((breaker.state(), breaker.status().counts.slow), (State::Closed, 0));
}

#[test]
fn calls_that_hang_open_the_breaker_before_they_end() {
    let slow_calls =
        Some(SlowCalls { longer_than: 8 * SECOND, rate: percent(50), in_flight: true });
    let config = BreakerConfig { slow_calls, failure_rate: None, minimum_calls: 4, ..small() };
    let (breaker, manual) = breaker(config);
    manual.advance(100 * SECOND);
    let hanging: Vec<_> = (0..4).map(|_| breaker.acquire_owned().unwrap()).collect();
    manual.advance(8 * SECOND);
    assert!(breaker.acquire().is_ok(), "an eighth more, so that none is overdue too early");
    manual.advance(SECOND);
    let rejected = breaker.acquire().unwrap_err();
    assert_eq!(rejected.reason, RejectedReason::Open);
    drop(hanging);
    // The same with nobody but the driver to look.
    breaker.reset();
    let hanging: Vec<_> = (0..4).map(|_| breaker.acquire_owned().unwrap()).collect();
    let mut looks = 0;
    while breaker.state() == State::Closed {
        let next = breaker.tick().expect("there is something to wait for");
        manual.set(next);
        looks += 1;
        assert!(looks < 20);
    }
    assert_eq!(breaker.state(), State::Open);
    drop(hanging);
}

#[test]
fn what_was_recorded_gives_the_same_changes_and_a_gap_is_refused() {
    let run = |room: usize| {
        let (clock, manual) = Clock::manual();
        let room = NonZeroUsize::new(room).unwrap();
        let builder = Breaker::builder("queue").config(small()).clock(clock).seed(3);
        let breaker = builder.record(room).build().unwrap();
        let mut subscriber = breaker.subscribe(NonZeroUsize::new(100).unwrap());
        for _ in 0..5 {
            fail(&breaker, 4);
            manual.advance(30 * SECOND);
            (0..3).for_each(|_| breaker.acquire().unwrap().success());
        }
        breaker.reconfigure(BreakerConfig { consecutive_failures: Some(1), ..small() }).unwrap();
        fail(&breaker, 1);
        let mut changes = Vec::new();
        while let Some(Delivery::Event(change)) = subscriber.try_next() {
            changes.push(*change);
        }
        let mut machine = Machine::new(small()).unwrap().with_seed(3);
        (replay(&mut machine, &breaker.take_recording().unwrap()), changes)
    };
    let (replayed, changes) = run(1000);
    assert_eq!(changes.len(), 16);
    assert_eq!(replayed.unwrap(), changes);
    let (replayed, _) = run(10);
    assert!(replayed.is_err());
}

#[test]
fn a_breaker_is_small() {
    let size = core::mem::size_of::<crate::breaker::Shared>();
    // The bits of a hundred calls, the handle, and two counts of references for each of both.
    let (window, handle, counts) = (4 * 8, 8, 4 * 8);
    assert!(size + window + handle + counts <= 512, "{size} bytes, and the rest");
}

fn play(breaker: &Breaker, calls: &str) {
    for call in calls.chars() {
        let permit = breaker.acquire().unwrap();
        if call == 's' { permit.success() } else { permit.failure() }
    }
}
