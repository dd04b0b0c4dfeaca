//! Every interleaving of two threads at the places where a breaker changes its state.
//!
//! `RUSTFLAGS="--cfg rely_loom" cargo test -p rely-breaker --lib --release loom`

use core::time::Duration;
use std::sync::Arc;

use loom::thread;
use rely_core::{Clock, Ratio};

use super::*;

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
        window_calls: 2,
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
        breaker.acquire().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire().ok())
        };
        let mine = breaker.acquire().ok();
        let theirs = other.join().unwrap();
        assert_eq!(usize::from(mine.is_some()) + usize::from(theirs.is_some()), 1);
        drop((mine, theirs));
        assert!(breaker.acquire().unwrap().is_trial(), "a trial was lost");
    });
}

#[test]
fn a_stale_outcome_never_decides_a_later_generation() {
    model(|| {
        let (breaker, manual) = breaker(1);
        let straggler = breaker.acquire().unwrap();
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || {
                straggler.failure();
                drop(breaker);
            })
        };
        if let Ok(permit) = breaker.acquire() {
            permit.failure();
        }
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
        manual.advance(Duration::from_secs(1));
        breaker.acquire().unwrap().success();
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(breaker.status().counts.total, 0);
        assert!(breaker.status().late <= 1);
    });
}

#[test]
fn a_trial_that_returns_as_another_decides_leaves_the_books_balanced() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let (one, two) = (breaker.acquire().unwrap(), breaker.acquire().unwrap());
        let other = thread::spawn(move || drop(one));
        two.failure();
        other.join().unwrap();
        // One bad trial of two is half: open, with no trial of the old generation left over.
        assert_eq!(breaker.state(), State::Open);
        assert!(breaker.acquire().is_err());
        manual.advance(Duration::from_secs(1));
        let permits: Vec<_> = (0..3).map(|_| breaker.acquire().ok()).collect();
        assert_eq!(permits.iter().flatten().count(), 2);
    });
}

#[test]
fn two_threads_at_the_deadline_both_have_a_trial() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire().map(|permit| permit.is_trial()))
        };
        let mine = breaker.acquire();
        assert_eq!(other.join().unwrap(), Ok(true));
        assert!(mine.unwrap().is_trial());
    });
}

#[test]
fn a_run_is_as_long_as_the_failures_of_its_generation() {
    model(|| {
        let (breaker, _) = run_of(9);
        let straggler = breaker.acquire().unwrap();
        let other = thread::spawn(move || straggler.failure());
        breaker.reset();
        assert_eq!(breaker.status().consecutive_failures, 0, "it was begun by a straggler");
        breaker.acquire().unwrap().failure();
        other.join().unwrap();
        assert_eq!(breaker.status().consecutive_failures, 1);
    });
}

#[test]
fn a_straggler_that_succeeds_does_not_end_the_run_of_a_later_generation() {
    model(|| {
        let (breaker, _) = run_of(2);
        breaker.acquire().unwrap().failure();
        let straggler = breaker.acquire().unwrap();
        let other = thread::spawn(move || straggler.success());
        breaker.reset();
        breaker.acquire().unwrap().failure();
        assert_eq!(breaker.status().consecutive_failures, 1);
        breaker.acquire().unwrap().failure();
        other.join().unwrap();
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn two_failures_at_once_are_a_run_of_two() {
    model(|| {
        let (breaker, _) = run_of(2);
        let permit = breaker.acquire().unwrap();
        let other = thread::spawn(move || permit.failure());
        if let Ok(permit) = breaker.acquire() {
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
        breaker.acquire().unwrap().failure();
        let permit = breaker.acquire().unwrap();
        let other = thread::spawn(move || permit.success());
        breaker.acquire().unwrap().failure();
        other.join().unwrap();
        let status = breaker.status();
        let (open, begun) = ((State::Open, 0), (State::Closed, 1));
        let seen = (status.state, status.consecutive_failures);
        assert!(seen == open || seen == begun, "{seen:?}");
    });
}

#[test]
fn a_thread_that_read_the_time_a_moment_earlier_does_not_end_the_trials() {
    model(|| {
        let (breaker, manual) = breaker(2);
        breaker.acquire().unwrap().failure();
        manual.advance(Duration::from_secs(1));
        let other = {
            let breaker = Arc::clone(&breaker);
            thread::spawn(move || breaker.acquire().map(|permit| permit.is_trial()))
        };
        // The other thread may have read the time and wait for this lock, which loom can see.
        assert_ne!(breaker.status().state, State::Closed);
        manual.advance(Duration::from_nanos(1));
        let mine = breaker.acquire().map(|permit| permit.is_trial());
        assert_eq!((mine, other.join().unwrap()), (Ok(true), Ok(true)));
        assert_eq!((breaker.state(), breaker.status().generation), (State::HalfOpen, 2));
    });
}

#[test]
fn a_trip_and_a_command_at_once_leave_what_was_commanded() {
    model(|| {
        let (breaker, _) = breaker(1);
        let permit = breaker.acquire().unwrap();
        let other = thread::spawn(move || permit.failure());
        breaker.force_closed();
        other.join().unwrap();
        // It tripped before the command, or was recorded or came too late for that: never after it.
        let status = breaker.status();
        assert_eq!((status.state, status.counts.total), (State::ForcedClosed, 0));
        assert!(status.opened + status.late <= 1, "{status:?}");
        assert_eq!(status.generation, 1 + status.opened);
        breaker.acquire().unwrap().failure();
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
            thread::spawn(move || breaker.acquire().map_err(|rejected| rejected.retry_after))
        };
        breaker.force_open();
        breaker.open_for(Duration::from_secs(9));
        let wait = other.join().unwrap().unwrap_err();
        let waits = [Some(5), None, Some(9)].map(|wait| wait.map(Duration::from_secs));
        assert!(waits.contains(&wait), "{wait:?}");
    });
}
