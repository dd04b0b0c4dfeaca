//! Every interleaving of two threads at the places where a breaker changes its state.
//!
//! `RUSTFLAGS="--cfg rely_loom" cargo test -p rely-breaker --lib --release loom`

use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use loom::thread;
use rely_core::{Clock, Outcome, Ratio};

use super::*;
use crate::breaker::Waiter;

fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

fn breaker(trials: u32) -> (Arc<Breaker>, rely_core::ManualClock) {
    let rate = Some(Ratio::percent(50.0).unwrap());
    with_rules(BreakerConfig { failure_rate: rate, trials, ..small() })
}

fn run_of(failures: u32) -> (Arc<Breaker>, rely_core::ManualClock) {
    let consecutive_failures = Some(failures);
    with_rules(BreakerConfig { failure_rate: None, consecutive_failures, ..small() })
}

fn small() -> BreakerConfig {
    BreakerConfig {
        window: Window::Calls(2),
        minimum_calls: 1,
        open_for: Duration::from_secs(1),
        trials: 1,
        trial_limit: Duration::from_secs(1),
        ..BreakerConfig::default()
    }
}

fn with_rules(config: BreakerConfig) -> (Arc<Breaker>, rely_core::ManualClock) {
    let (clock, manual) = Clock::manual();
    (Arc::new(Breaker::builder("queue").config(config).clock(clock).build().unwrap()), manual)
}

#[test]
fn two_threads_cannot_both_have_the_last_trial() {
    model(|| {
        let (breaker, manual) = breaker(1);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire_owned().ok())
        };
        let mine = breaker.acquire_owned().ok();
        let theirs = other.join().unwrap();
        assert_eq!(usize::from(mine.is_some()) + usize::from(theirs.is_some()), 1);
        drop((mine, theirs));
        assert!(breaker.acquire_owned().unwrap().is_trial(), "a trial was lost");
    });
}

#[test]
fn a_stale_outcome_never_decides_a_later_generation() {
    model(|| {
        let (breaker, manual) = breaker(1);
        let straggler = breaker.acquire_owned().unwrap();
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || {
                straggler.failure();
                drop(breaker);
            })
        };
        if let Ok(permit) = breaker.acquire_owned() {
            permit.failure();
        }
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        manual.advance(Duration::from_secs(1));
        breaker.acquire_owned().unwrap().success();
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.status().counts.total, 0);
        assert!(breaker.status().late <= 1);
    });
}

#[test]
fn a_trial_that_returns_as_another_decides_leaves_the_books_balanced() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let (one, two) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let other = thread::spawn(move || drop(one));
        two.failure();
        other.join().unwrap();
        // One bad trial of two is half: open, with no trial of the old generation left over.
        assert_eq!(breaker.state(), State::Open);
        assert!(breaker.acquire_owned().is_err());
        manual.advance(Duration::from_secs(1));
        let permits: Vec<_> = (0..3).map(|_| breaker.acquire_owned().ok()).collect();
        assert_eq!(permits.iter().flatten().count(), 2);
    });
}

#[test]
fn two_threads_at_the_deadline_both_have_a_trial() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire_owned().map(|permit| permit.is_trial()))
        };
        let mine = breaker.acquire_owned();
        assert_eq!(other.join().unwrap(), Ok(true));
        assert!(mine.unwrap().is_trial());
    });
}

#[test]
fn a_run_is_as_long_as_the_failures_of_its_generation() {
    model(|| {
        let (breaker, _) = run_of(9);
        let straggler = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || straggler.failure());
        breaker.reset();
        assert_eq!(breaker.status().consecutive_failures, 0, "it was begun by a straggler");
        breaker.acquire_owned().unwrap().failure();
        other.join().unwrap();
        assert_eq!(breaker.status().consecutive_failures, 1);
    });
}

#[test]
fn a_straggler_that_succeeds_does_not_end_the_run_of_a_later_generation() {
    model(|| {
        let (breaker, _) = run_of(2);
        breaker.acquire_owned().unwrap().failure();
        let straggler = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || straggler.success());
        breaker.reset();
        breaker.acquire_owned().unwrap().failure();
        assert_eq!(breaker.status().consecutive_failures, 1);
        breaker.acquire_owned().unwrap().failure();
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn two_failures_at_once_are_a_run_of_two() {
    model(|| {
        let (breaker, _) = run_of(2);
        let permit = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || permit.failure());
        if let Ok(permit) = breaker.acquire_owned() {
            permit.failure();
        }
        other.join().unwrap();
        assert_eq!((breaker.state(), breaker.status().opened), (State::Open, 1));
    });
}

#[test]
fn a_success_beside_a_failure_ends_the_run_before_it_or_after_it() {
    model(|| {
        let (breaker, _) = run_of(2);
        breaker.acquire_owned().unwrap().failure();
        let permit = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || permit.success());
        breaker.acquire_owned().unwrap().failure();
        other.join().unwrap();
        let status = breaker.status();
        let (open, begun) = ((State::Open, 0), (State::Closed, 1));
        let seen = (status.state, status.consecutive_failures);
        assert!(seen == open || seen == begun, "{seen:?}");
    });
}

#[test]
fn a_failure_that_leaves_the_window_as_it_comes_leaves_no_run_behind() {
    for calls in [1, 2] {
        model(move || {
            let rules = BreakerConfig {
                window: Window::Calls(calls),
                failure_rate: None,
                consecutive_failures: Some(2),
                ..small()
            };
            let (breaker, _) = with_rules(rules);
            let permit = breaker.acquire_owned().unwrap();
            let other = thread::spawn(move || permit.failure());
            (0..calls).for_each(|_| breaker.acquire_owned().unwrap().success());
            other.join().unwrap();
            breaker.acquire_owned().unwrap().success();
            breaker.acquire_owned().unwrap().failure();
            assert_eq!(breaker.state(), State::Closed, "one failure is no run of two");
        });
    }
}

#[test]
fn a_thread_that_read_the_time_a_moment_earlier_does_not_end_the_trials() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire_owned().map(|permit| permit.is_trial()))
        };
        // The other thread may have read the time and wait for this lock, which loom can see.
        assert_ne!(breaker.status().state, State::Closed);
        manual.advance(Duration::from_nanos(1));
        let mine = breaker.acquire_owned().map(|permit| permit.is_trial());
        assert_eq!((mine, other.join().unwrap()), (Ok(true), Ok(true)));
        assert_eq!((breaker.state(), breaker.status().generation), (State::HalfOpen, 2));
    });
}

#[test]
fn a_trip_and_a_command_at_once_leave_what_was_commanded() {
    model(|| {
        let (breaker, _) = breaker(1);
        let permit = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || permit.failure());
        breaker.force_closed();
        other.join().unwrap();
        // It tripped before the command, or was recorded or came too late for that: never after it.
        let status = breaker.status();
        assert_eq!((status.state, status.counts.total), (State::ForcedClosed, 0));
        assert!(status.opened + status.late <= 1, "{status:?}");
        assert_eq!(status.generation, 1 + status.opened);
        breaker.acquire_owned().unwrap().failure();
        assert_eq!((breaker.state(), breaker.status().counts.bad), (State::ForcedClosed, 1));
    });
}

#[test]
fn who_reads_an_open_time_never_takes_it_for_another_one() {
    model(|| {
        let (breaker, _) = breaker(1);
        breaker.open_for(Duration::from_secs(5));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire_owned().map_err(|rejected| rejected.retry_after))
        };
        breaker.force_open();
        breaker.open_for(Duration::from_secs(9));
        let wait = other.join().unwrap().unwrap_err();
        let waits = [Some(5), None, Some(9)].map(|wait| wait.map(Duration::from_secs));
        assert!(waits.contains(&wait), "{wait:?}");
    });
}

#[test]
fn a_success_of_an_older_generation_never_counts_in_the_newer() {
    model(|| {
        let (breaker, _) = breaker(1);
        let straggler = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || straggler.success());
        breaker.reset();
        breaker.acquire_owned().unwrap().success();
        other.join().unwrap();
        let status = breaker.status();
        assert_eq!((status.counts.total, status.counts.bad), (1, 0), "its own call and no other");
        assert_eq!(status.succeeded + status.late, 2);
    });
}

#[test]
fn a_success_beside_a_trip_is_before_it_or_late() {
    model(|| {
        let (breaker, _) = breaker(1);
        let (good, bad) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let other = thread::spawn(move || good.success());
        bad.failure();
        other.join().unwrap();
        // One bad call of one or of two is half.
        let status = breaker.status();
        assert_eq!((status.state, status.counts.total), (State::Open, 0));
        assert_eq!((status.succeeded + status.late, status.failed), (1, 1));
    });
}

#[test]
fn two_good_trials_at_once_close_once() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let (one, two) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let other = thread::spawn(move || one.success());
        two.success();
        other.join().unwrap();
        let status = breaker.status();
        assert_eq!((status.state, status.generation), (State::Closed, 3));
        assert_eq!((status.succeeded, status.late, status.counts.total), (2, 0, 0));
    });
}

#[test]
fn a_trial_that_returns_as_the_trials_time_out_adds_no_place() {
    model(|| {
        let (breaker, manual) = breaker(1);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let trial = breaker.acquire_owned().unwrap();
        manual.advance(Duration::from_secs(1));
        let other = thread::spawn(move || drop(trial));
        assert!(breaker.acquire_owned().is_err(), "the trials are over");
        other.join().unwrap();
        manual.advance(Duration::from_secs(1));
        let permits: Vec<_> = (0..2).map(|_| breaker.acquire_owned().ok()).collect();
        assert_eq!(permits.iter().flatten().count(), 1);
    });
}

#[test]
fn a_trial_that_returns_as_more_are_configured_keeps_its_place() {
    model(|| {
        let (breaker, manual) = breaker(1);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let trial = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || drop(trial));
        let config = BreakerConfig { trials: 2, ..(*breaker.config()).clone() };
        breaker.reconfigure(config).unwrap();
        other.join().unwrap();
        let permits: Vec<_> = (0..3).map(|_| breaker.acquire_owned().ok()).collect();
        assert_eq!(permits.iter().flatten().count(), 2);
    });
}

#[test]
fn the_time_for_trials_begins_with_the_first_and_not_again() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        breaker.tick();
        assert_eq!(breaker.state(), State::HalfOpen);
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire_owned().ok())
        };
        let first = breaker.acquire_owned().unwrap();
        manual.advance(Duration::from_millis(500));
        let second = other.join().unwrap();
        let until = rely_core::Instant::ORIGIN + Duration::from_secs(2);
        assert_eq!(breaker.status().until, Some(until));
        drop((first, second));
    });
}

#[test]
fn a_trial_that_returns_as_fewer_are_configured_makes_no_place_too_many() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let (one, two) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        let other = thread::spawn(move || drop(one));
        let config = BreakerConfig { trials: 1, ..(*breaker.config()).clone() };
        breaker.reconfigure(config).unwrap();
        other.join().unwrap();
        assert!(breaker.acquire_owned().is_err(), "one of one is under way");
        drop(two);
        let permits: Vec<_> = (0..2).map(|_| breaker.acquire_owned().ok()).collect();
        assert_eq!(permits.iter().flatten().count(), 1);
    });
}

/// Either may be first: the search begins with the one that the test's own thread does.
fn ends_as_the_window_changes(ends_first: bool) {
    model(move || {
        let (breaker, _) = breaker(1);
        let permit = breaker.acquire_owned().unwrap();
        let config = BreakerConfig { window: Window::Calls(4), ..(*breaker.config()).clone() };
        if ends_first {
            let breaker = Arc::clone(&breaker);
            let other = thread::spawn(move || breaker.reconfigure(config).unwrap());
            permit.success();
            other.join().unwrap();
        } else {
            let other = thread::spawn(move || permit.success());
            breaker.reconfigure(config).unwrap();
            other.join().unwrap();
        }
        let status = breaker.status();
        assert_eq!((status.succeeded, status.failed, status.late), (1, 0, 0));
        assert!(status.counts.total <= 1, "{status:?}");
        breaker.acquire_owned().unwrap().success();
        assert_eq!(breaker.status().succeeded, 2);
    });
}

#[test]
fn a_call_that_ends_as_the_window_changes_its_size_counts_once() {
    ends_as_the_window_changes(true);
    ends_as_the_window_changes(false);
}

#[test]
fn a_wish_from_before_a_reset_holds_nothing_open_after_it() {
    model(|| {
        let (breaker, _) = with_rules(BreakerConfig {
            retry_after: Some(Duration::from_secs(9)),
            minimum_calls: 2,
            ..small()
        });
        let straggler = breaker.acquire_owned().unwrap();
        let other = thread::spawn(move || {
            straggler.record(Outcome::FAILURE.with_retry_after(Duration::from_secs(9)));
        });
        breaker.reset();
        (0..2).for_each(|_| breaker.acquire_owned().unwrap().failure());
        other.join().unwrap();
        let wait = breaker.acquire_owned().unwrap_err().retry_after;
        assert_eq!(wait, Some(Duration::from_secs(1)));
    });
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn who_waits_sees_the_change_or_is_woken() {
    model(|| {
        let (breaker, _) = breaker(1);
        let waiter = Waiter::new((*breaker).clone());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.force_open())
        };
        waiter.register(&Context::from_waker(&Waker::from(Arc::clone(&flag))));
        let sees = breaker.state() == State::ForcedOpen;
        other.join().unwrap();
        assert!(sees || flag.0.load(Ordering::SeqCst), "nobody would ever look again");
    });
}

#[test]
fn who_waits_sees_another_configuration_or_is_woken() {
    model(|| {
        let (breaker, _) = breaker(1);
        breaker.force_open();
        let waiter = Waiter::new((*breaker).clone());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let other = {
            let breaker = Arc::clone(&breaker);
            let config = BreakerConfig { shadow: true, ..(*breaker.config()).clone() };
            thread::spawn(move || breaker.reconfigure(config).unwrap())
        };
        waiter.register(&Context::from_waker(&Waker::from(Arc::clone(&flag))));
        let sees = !breaker.would_reject();
        other.join().unwrap();
        assert!(sees || flag.0.load(Ordering::SeqCst), "nobody would ever look again");
    });
}

#[test]
fn who_waits_for_a_trial_sees_it_come_back_or_is_woken() {
    model(|| {
        let (breaker, manual) = breaker(1);
        breaker.acquire_owned().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let trial = breaker.acquire_owned().unwrap();
        let waiter = Waiter::new((*breaker).clone());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let other = thread::spawn(move || drop(trial));
        waiter.register(&Context::from_waker(&Waker::from(Arc::clone(&flag))));
        let sees = !breaker.would_reject();
        other.join().unwrap();
        assert!(sees || flag.0.load(Ordering::SeqCst), "nobody would ever look again");
    });
}
