//! The windows beside models that keep everything and count by hand.

mod calls;
mod time;

use core::time::Duration;
use std::sync::Arc;

use super::*;
use crate::{Instant, Weight};

#[test]
fn sizes_out_of_range_are_refused_by_name() {
    for calls in [0, CountWindow::MAX_CALLS + 1] {
        assert_eq!(CountWindow::new(calls).unwrap_err().field(), "calls");
        assert_eq!(WeightedWindow::new(calls).unwrap_err().field(), "calls");
    }
    let second = TimeWindow::builder(Duration::from_secs(1));
    let field = |builder: TimeWindowBuilder| builder.build().unwrap_err().field().to_owned();
    assert_eq!(field(second.buckets(0)), "buckets");
    assert_eq!(field(second.buckets(4097)), "buckets");
    assert_eq!(field(second.lanes(0)), "lanes");
    assert_eq!(field(second.shards(65)), "shards");
    assert_eq!(field(TimeWindow::builder(Duration::from_nanos(9_999))), "span");
    assert_eq!(field(TimeWindow::builder(Duration::MAX)), "span");
    assert_eq!(field(second.buckets(4096).lanes(65_536).shards(64)), "lanes");
    let window = second.build().unwrap();
    assert!(!window.record(Instant::ORIGIN, 1, 1), "no such lane");
    assert_eq!(window.sum(Instant::ORIGIN, 1), 0);
}

#[test]
fn threads_lose_nothing_and_count_nothing_twice() {
    const THREADS: u64 = 4;
    const EACH: u64 = 20_000;
    let bits =
        Arc::new(CountWindow::new(u32::try_from(THREADS * EACH).unwrap()).unwrap().with_slow());
    let small = Arc::new(CountWindow::new(64).unwrap());
    let words = Arc::new(WeightedWindow::new(1000).unwrap());
    let time = TimeWindow::builder(Duration::from_secs(60)).lanes(2).shards(4).build();
    let time = Arc::new(time.unwrap());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (bits, small, words, time) = (&bits, &small, &words, &time);
            scope.spawn(move || {
                for call in 0..EACH {
                    bits.record(0, call % 3 == 0, call % 2 == 0);
                    small.record(0, (call + thread) % 2 == 0, false);
                    words.record(0, Weight::new(3), call % 2 == 0, false);
                    time.record(Instant::from_nanos(call), usize::from(call % 3 == 0), 1);
                }
            });
        }
    });
    let sums = time.sums(Instant::ORIGIN);
    assert_eq!([0, 1].map(|lane| time.lifetime(lane)).to_vec(), sums);
    assert_eq!(bits.lifetime(), bits.counts());
    assert_eq!(
        small.lifetime(),
        Counts { total: THREADS * EACH, bad: THREADS * EACH / 2, slow: 0 }
    );
    assert_eq!(words.lifetime().total, 3 * THREADS * EACH);
    let thirds = THREADS * EACH.div_ceil(3);
    let all = THREADS * EACH;
    assert_eq!(bits.counts(), Counts { total: all, bad: thirds, slow: all / 2 });
    assert_eq!(time.sums(Instant::ORIGIN), [all - thirds, thirds]);
    assert_eq!(words.counts().total, 3000);
    // Whatever the order was, a full run of successes leaves nothing behind.
    for _ in 0..1000 {
        small.record(0, false, false);
        words.record(0, Weight::ONE, false, false);
    }
    assert_eq!(small.counts(), Counts { total: 64, bad: 0, slow: 0 });
    assert_eq!(words.counts(), Counts { total: 1000, bad: 0, slow: 0 });
}

#[test]
fn memory_is_one_bit_a_call_and_little_more() {
    let window = CountWindow::new(100).unwrap();
    assert!(size_of::<CountWindow>() <= 128, "{}", size_of::<CountWindow>());
    assert!(format!("{window:?}").contains("total: 0"));
    assert!(format!("{:?}", WeightedWindow::new(1).unwrap()).contains("calls: 1"));
    let time = TimeWindow::builder(Duration::from_secs(1)).build().unwrap();
    assert!(format!("{time:?}").contains("100ms"));
    assert_eq!(
        (time.span(), time.bucket(), time.lanes()),
        (Duration::from_secs(1), Duration::from_millis(100), 1)
    );
}
