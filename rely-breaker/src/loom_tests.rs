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
    let (clock, manual) = Clock::manual();
    let config = BreakerConfig {
        failure_rate: Ratio::percent(50.0).unwrap(),
        window_calls: 2,
        minimum_calls: 1,
        open_for: Duration::from_secs(1),
        trials,
        trial_limit: Duration::from_secs(1),
    };
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
