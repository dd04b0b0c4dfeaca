//! Every interleaving of two or three threads, on windows as small as they get.
//!
//! `RUSTFLAGS="--cfg rely_loom" cargo test -p rely-core --lib --release loom`

use core::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::time::LAPS;
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
fn a_good_call_in_few_words_is_one_in_many() {
    for calls in [1, 2] {
        model(move || {
            let window = Arc::new(CountWindow::new(calls).unwrap().with_slow());
            let threads = [(true, false), (false, true)].map(|(bad, slow)| {
                let window = Arc::clone(&window);
                thread::spawn(move || window.record(0, bad, slow).unwrap())
            });
            let good = window.record_good(0);
            let mut numbers = threads.map(|thread| thread.join().unwrap()).to_vec();
            numbers.extend(match good {
                Good::Mixed(number) => Some(number),
                Good::Clean => None,
                Good::Late => panic!("of the current epoch"),
            });
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), if good == Good::Clean { 2 } else { 3 });
            let counts = window.counts();
            let in_order = window.calls_in_order();
            let count =
                |which: fn(&(bool, bool)) -> bool| in_order.iter().filter(|c| which(c)).count();
            assert_eq!(counts.total, u64::from(calls));
            assert_eq!((counts.bad, counts.slow), (count(|c| c.0) as u64, count(|c| c.1) as u64));
            assert_eq!(window.lifetime(), Counts { total: 3, bad: 1, slow: 1 });
            for _ in 0..calls {
                window.record_good(0);
            }
            assert_eq!(window.record_good(0), Good::Clean, "a failure outlived its window");
        });
    }
}

#[test]
fn a_good_call_after_a_bad_one_never_takes_the_window_for_clean() {
    model(|| {
        let window = Arc::new(CountWindow::new(3).unwrap());
        let other = {
            let window = Arc::clone(&window);
            thread::spawn(move || {
                window.record_good(0);
            })
        };
        window.record(0, true, false);
        assert!(matches!(window.record_good(0), Good::Mixed(2 | 3)));
        other.join().unwrap();
        assert_eq!(window.counts(), Counts { total: 3, bad: 1, slow: 0 });
    });
}

#[test]
fn a_good_straggler_never_counts_after_a_reset() {
    model(|| {
        let window = Arc::new(CountWindow::new(2).unwrap());
        window.record(0, true, false);
        let straggler = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record_good(0))
        };
        let epoch = window.reset();
        assert_eq!(window.record_good(epoch), Good::Clean);
        let taken = u64::from(straggler.join().unwrap() != Good::Late);
        assert_eq!(window.counts(), Counts { total: 1, bad: 0, slow: 0 });
        assert_eq!(window.lifetime(), Counts { total: 2 + taken, bad: 1, slow: 0 });
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
        assert_eq!(window.lifetime(), Counts { total: 12, bad: 12, slow: 0 });
        let weight = Weight::new(u16::try_from(counts.total).unwrap());
        assert_eq!(window.calls_in_order(), [(weight, true, false)]);
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
        assert_eq!(window.calls_in_order(), [(Weight::new(3), false, true)]);
    });
    model(|| {
        let window = Arc::new(WeightedWindow::new(1).unwrap());
        window.record(0, Weight::new(5), true, false);
        let other = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.reset())
        };
        window.reset();
        other.join().unwrap();
        assert_eq!((window.epoch(), window.counts()), (2, Counts::default()));
        assert_eq!(window.record(2, Weight::new(3), true, false), Some(1));
        assert_eq!(window.counts(), Counts { total: 3, bad: 3, slow: 0 });
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
        let taken = taken.iter().filter(|(_, taken)| *taken).map(|(weight, _)| weight);
        assert_eq!(window.lifetime(0), 100 + taken.sum::<u64>());
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
            thread::spawn(move || window.record(at(LAPS), 0, 1))
        };
        assert!(window.record(at(LAPS), 0, 10));
        assert!(other.join().unwrap());
        assert_eq!(window.sum(at(LAPS), 0), 11);
        assert_eq!(window.lifetime(0), 111);
    });
}

#[test]
fn an_outcome_of_an_older_epoch_never_counts_after_a_reset() {
    // From an epoch without a sweep before the next, and from one with.
    for epoch in [0, 1023, 4095] {
        model(move || {
            let window = TimeWindow::builder(Duration::from_micros(1)).lanes(1).buckets(1).build();
            let window = Arc::new(window.unwrap());
            window.go_to_epoch(epoch);
            let now = Instant::from_nanos(1_000);
            assert!(window.record_in(epoch, now, 0, 100));
            let straggler = {
                let window = Arc::clone(&window);
                thread::spawn(move || window.record_in(epoch, now, 0, 1))
            };
            let next = window.reset();
            assert_eq!(next, (epoch + 1) % 4096);
            assert!(window.record_in(next, now, 0, 10));
            assert_eq!(window.sum(now, 0), 10);
            let taken = straggler.join().unwrap();
            assert_eq!((window.sum(now, 0), window.epoch()), (10, next));
            assert_eq!(window.lifetime(0), 110 + u64::from(taken));
        });
    }
}

#[test]
fn two_resets_at_once_leave_a_time_window_that_counts() {
    model(|| {
        let window = TimeWindow::builder(Duration::from_micros(1)).buckets(1).build().unwrap();
        let window = Arc::new(window);
        window.go_to_epoch(1022);
        let now = Instant::from_nanos(1_000);
        window.record(now, 0, 100);
        let other = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.reset())
        };
        let mut epochs = [window.reset(), 0];
        epochs[1] = other.join().unwrap();
        epochs.sort_unstable();
        assert_eq!((epochs, window.epoch()), ([1023, 1024], 1024));
        assert!(window.record_in(1024, now, 0, 10) && !window.record_in(1023, now, 0, 1));
        assert_eq!((window.sum(now, 0), window.lifetime(0)), (10, 110));
    });
}

#[test]
fn a_leap_and_a_reset_at_once_lose_nothing_that_was_taken_in() {
    model(|| {
        let window = TimeWindow::builder(Duration::from_micros(1)).buckets(1).build().unwrap();
        let window = Arc::new(window);
        window.go_to_epoch(1023);
        let at = |tick: u64| Instant::from_nanos(tick * 1_000);
        assert!(window.record(at(0), 0, 100));
        let other = {
            let window = Arc::clone(&window);
            thread::spawn(move || window.record_in(1023, at(LAPS), 0, 1))
        };
        let epoch = window.reset();
        let mine = window.record_in(epoch, at(LAPS), 0, 10);
        let theirs = other.join().unwrap();
        assert!(mine);
        assert_eq!(window.sum(at(LAPS), 0), 10);
        assert_eq!(window.lifetime(0), 110 + u64::from(theirs));
    });
}
