//! Every interleaving of two or three threads, on windows as small as they get.
//!
//! `RUSTFLAGS="--cfg rely_loom" cargo test -p rely-core --lib --release loom`

use core::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::*;
use crate::{Instant, Weight};

fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

#[test]
fn a_count_window_of_one_holds_the_last_call_and_nothing_else() {
    model(|| {
        let window = Arc::new(CountWindow::new(1).unwrap());
        let threads = [true, true].map(|bad| {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(0, bad, false))
        });
        window.record(0, false, false);
        for thread in threads {
            thread.join().unwrap();
        }
        let counts = window.counts();
        assert_eq!(counts.total, 1);
        assert!(counts.bad <= 1);
        window.record(0, false, false);
        assert_eq!(window.counts().bad, 0, "a failure outlived its window");
        window.record(0, true, false);
        assert_eq!(window.counts().bad, 1, "a failure was lost");
    });
}

#[test]
fn no_failure_is_lost_or_counted_twice_while_it_fits() {
    model(|| {
        let window = Arc::new(CountWindow::new(3).unwrap());
        let threads = [true, true].map(|bad| {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(0, bad, false).unwrap())
        });
        window.record(0, false, false);
        let numbers = threads.map(|thread| thread.join().unwrap());
        assert_ne!(numbers[0], numbers[1]);
        assert_eq!(window.counts(), Counts { total: 3, bad: 2, slow: 0 });
    });
}

#[test]
fn a_straggler_never_counts_after_a_reset() {
    model(|| {
        let window = Arc::new(CountWindow::new(2).unwrap());
        window.record(0, true, false);
        let straggler = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(0, true, false))
        };
        let epoch = window.reset();
        window.record(epoch, false, false);
        straggler.join().unwrap();
        assert_eq!(window.counts(), Counts { total: 1, bad: 0, slow: 0 });
    });
}

#[test]
fn two_resets_at_once_leave_a_window_that_counts() {
    model(|| {
        let window = Arc::new(CountWindow::new(2).unwrap());
        window.record(0, true, false);
        let other = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.reset())
        };
        window.reset();
        other.join().unwrap();
        assert_eq!(window.epoch(), 2);
        assert_eq!(window.record(2, true, false), Some(1));
        assert_eq!(window.record(2, false, false), Some(2));
        assert_eq!(window.counts(), Counts { total: 2, bad: 1, slow: 0 });
    });
}

#[test]
fn weights_balance_when_threads_replace_and_reset() {
    model(|| {
        let window = Arc::new(WeightedWindow::new(1).unwrap());
        let threads = [5, 7].map(|weight| {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(0, Weight::new(weight), true, false))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let counts = window.counts();
        assert!([5, 7].contains(&counts.total) && counts.bad == counts.total, "{counts:?}");
    });
    model(|| {
        let window = Arc::new(WeightedWindow::new(2).unwrap());
        let straggler = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(0, Weight::new(5), true, true))
        };
        let epoch = window.reset();
        window.record(epoch, Weight::new(3), false, true);
        straggler.join().unwrap();
        assert_eq!(window.counts(), Counts { total: 3, bad: 0, slow: 3 });
    });
}

#[test]
fn a_time_window_counts_each_outcome_in_its_own_bucket_or_not_at_all() {
    model(|| {
        let window = TimeWindow::builder(Duration::from_micros(2)).buckets(2).build().unwrap();
        let window = Arc::new(window);
        let at = |tick: u64| Instant::from_nanos(tick * 1_000);
        // The same slot of the ring in three laps, each with a weight of its own.
        let threads = [(0, 1), (2, 10)].map(|(tick, weight)| {
            let window = Arc::clone(&window);
            thread::spawn(move || (weight, window.record(at(tick), 0, weight)))
        });
        window.record(at(4), 0, 100);
        let taken = threads.map(|thread| thread.join().unwrap());
        assert_eq!(window.sum(at(4), 0), 100, "an older lap leaked into the newest");
        let _ = taken;
    });
    model(|| {
        let window = TimeWindow::builder(Duration::from_micros(2)).buckets(2).build().unwrap();
        let window = Arc::new(window);
        let at = |tick: u64| Instant::from_nanos(tick * 1_000);
        let threads = [4, 5].map(|tick| {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(at(tick), 0, 1))
        });
        assert!(window.record(at(4), 0, 1));
        for thread in threads {
            assert!(thread.join().unwrap());
        }
        assert_eq!(window.sum(at(5), 0), 3, "an outcome was lost");
    });
}

#[test]
fn a_leap_to_where_the_tag_comes_round_wakes_no_old_outcome_and_loses_no_new_one() {
    model(|| {
        let window = TimeWindow::builder(Duration::from_micros(1)).buckets(1).build().unwrap();
        let window = Arc::new(window);
        let at = |tick: u64| Instant::from_nanos(tick * 1_000);
        assert!(window.record(at(0), 0, 100));
        let other = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record(at(65_536), 0, 1))
        };
        assert!(window.record(at(65_536), 0, 10));
        assert!(other.join().unwrap());
        assert_eq!(window.sum(at(65_536), 0), 11);
    });
}
