//! The windows beside models that keep everything and count by hand.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{Instant, Weight};

/// The last calls of the current epoch, kept one by one.
struct Naive {
    calls: usize,
    epoch: u16,
    ended: VecDeque<(u64, bool, bool)>,
}

impl Naive {
    fn new(calls: u32) -> Self {
        Self { calls: calls as usize, epoch: 0, ended: VecDeque::new() }
    }

    fn record(&mut self, epoch: u16, weight: u64, bad: bool, slow: bool) -> bool {
        if epoch != self.epoch {
            return false;
        }
        self.ended.push_back((weight, bad, slow));
        if self.ended.len() > self.calls {
            self.ended.pop_front();
        }
        true
    }

    fn reset(&mut self) {
        self.epoch = (self.epoch + 1) % count::EPOCHS;
        self.ended.clear();
    }

    fn counts(&self) -> Counts {
        let sum = |f: &dyn Fn(&(u64, bool, bool)) -> bool| {
            self.ended.iter().filter(|call| f(call)).map(|call| call.0).sum()
        };
        Counts { total: sum(&|_| true), bad: sum(&|call| call.1), slow: sum(&|call| call.2) }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Record { stale: bool, weight: u16, bad: bool, slow: bool },
    Run { calls: u16, bad: bool },
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (prop::bool::weighted(0.1), 1..1000u16, any::<bool>(), any::<bool>())
            .prop_map(|(stale, weight, bad, slow)| Step::Record { stale, weight, bad, slow }),
        5 => (0..300u16, any::<bool>()).prop_map(|(calls, bad)| Step::Run { calls, bad }),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn count_windows_agree_with_a_list(
        calls in prop_oneof![1..8u32, 40..60u32, 90..200u32],
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let bits = CountWindow::new(calls)?.with_slow();
        let words = WeightedWindow::new(calls)?;
        let (mut model, mut weighted) = (Naive::new(calls), Naive::new(calls));
        let record = |stale: bool, weight: u16, bad, slow, model: &mut Naive, weighted: &mut Naive| {
            let epoch = if stale { (model.epoch + count::EPOCHS - 1) % count::EPOCHS } else { model.epoch };
            let counted = model.record(epoch, 1, bad, slow);
            weighted.record(epoch, u64::from(weight), bad, slow);
            assert_eq!(bits.record(epoch, bad, slow).is_some(), counted);
            assert_eq!(words.record(epoch, Weight::new(weight), bad, slow).is_some(), counted);
        };
        for step in steps {
            match step {
                Step::Record { stale, weight, bad, slow } => {
                    record(stale, weight, bad, slow, &mut model, &mut weighted);
                }
                Step::Run { calls, bad } => {
                    for _ in 0..calls {
                        record(false, 3, bad, !bad, &mut model, &mut weighted);
                    }
                }
                Step::Reset => {
                    model.reset();
                    weighted.reset();
                    prop_assert_eq!(bits.reset(), model.epoch);
                    prop_assert_eq!(words.reset(), model.epoch);
                }
            }
            prop_assert_eq!(bits.counts(), model.counts());
            prop_assert_eq!(words.counts(), weighted.counts());
        }
    }

    #[test]
    fn a_time_window_agrees_with_a_list(
        buckets in 1..20u32,
        shards in 1..3usize,
        start in 0..10_000_000u64,
        steps in prop::collection::vec((-40i64..60, 0..3usize, 1..100u64), 1..300),
    ) {
        const BUCKET: u64 = 1_000;
        let span = Duration::from_nanos(BUCKET) * buckets;
        let window = TimeWindow::builder(span).buckets(buckets).lanes(3).shards(shards).build();
        // Buckets of a microsecond are the shortest that are allowed.
        let window = window?;
        let mut model = NaiveTime { ticks: u64::from(buckets), ..NaiveTime::default() };
        let mut now = start;
        for (jump, lane, weight) in steps {
            // Mostly small steps, now and then a leap either way.
            let jump = if jump.abs() > 35 { jump * 1_000 } else { jump * 40 };
            now = now.saturating_add_signed(jump);
            let at = Instant::from_nanos(now);
            prop_assert_eq!(window.record(at, lane, weight), model.record(now / BUCKET, lane, weight));
            for at in [now, now + BUCKET / 2, now + 3 * BUCKET, now.saturating_sub(5 * BUCKET)] {
                let sums = window.sums(Instant::from_nanos(at));
                prop_assert_eq!(&sums, &model.sums(at / BUCKET));
                let by_bucket = window.buckets(Instant::from_nanos(at));
                for lane in 0..3 {
                    let sum: u64 = by_bucket.iter().map(|bucket| bucket[lane]).sum();
                    prop_assert_eq!(sum, sums[lane]);
                    prop_assert_eq!(window.sum(Instant::from_nanos(at), lane), sums[lane]);
                }
            }
        }
        prop_assert_eq!(window.late(), model.late);
    }
}

/// Every record of a time window with the tick it counts for.
#[derive(Default)]
struct NaiveTime {
    ticks: u64,
    records: Vec<(u64, usize, u64)>,
    latest: u64,
    offset: u64,
    late: u64,
    late_in_a_row: u64,
}

impl NaiveTime {
    fn record(&mut self, clock: u64, lane: usize, weight: u64) -> bool {
        let mut tick = clock + self.offset;
        if tick + self.ticks <= self.latest {
            self.late_in_a_row += 1;
            if self.late_in_a_row < 16 {
                self.late += 1;
                return false;
            }
            self.offset = self.latest - clock;
            tick = self.latest;
        }
        self.late_in_a_row = 0;
        self.latest = self.latest.max(tick);
        self.records.push((tick, lane, weight));
        true
    }

    fn sums(&self, clock: u64) -> Vec<u64> {
        let head = (clock + self.offset).max(self.latest);
        let mut sums = vec![0; 3];
        for (tick, lane, weight) in &self.records {
            if *tick <= head && tick + self.ticks > head {
                sums[*lane] += weight;
            }
        }
        sums
    }
}

#[test]
fn a_count_window_really_slides() {
    let window = CountWindow::new(10).unwrap();
    for _ in 0..1_000 {
        window.record(0, false, false);
    }
    for bad in 1..=5 {
        window.record(0, true, false);
        assert_eq!(window.counts(), Counts { total: 10, bad, slow: 0 });
    }
}

#[test]
fn a_window_that_learns_to_keep_slow_calls_starts_empty() {
    let window = CountWindow::new(3).unwrap();
    window.record(0, true, true);
    let window = window.with_slow();
    assert_eq!(window.counts(), Counts::default());
    assert_eq!(window.record(0, true, true), Some(1));
    assert_eq!(window.counts(), Counts { total: 1, bad: 1, slow: 1 });
}

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
fn a_cell_stays_at_its_largest_count() {
    let window = TimeWindow::builder(Duration::from_secs(1)).build().unwrap();
    window.record(Instant::ORIGIN, 0, u64::MAX);
    window.record(Instant::ORIGIN, 0, 5);
    assert_eq!(window.sum(Instant::ORIGIN, 0), (1 << 48) - 1);
    // A neighbour is not touched.
    let later = Instant::ORIGIN + Duration::from_millis(100);
    window.record(later, 0, 7);
    assert_eq!(window.buckets(later)[0], [7]);
}

#[test]
fn an_outcome_does_not_come_back_when_its_tag_comes_round_again() {
    let bucket = Duration::from_micros(1);
    for buckets in [1u32, 3, 4] {
        let ring = u64::from(buckets.next_power_of_two());
        // The other lane keeps the window moving, now in small steps, now in leaps.
        for step in [1, ring * 1000, ring * 16_384, ring * 65_536] {
            let window =
                TimeWindow::builder(bucket * buckets).buckets(buckets).lanes(2).build().unwrap();
            assert!(window.record(Instant::ORIGIN, 0, 9));
            let start = Instant::ORIGIN;
            for lap in 0..(ring * 65_536 / step) + 2 {
                let now = start + Duration::from_micros(step * lap);
                window.record(now, 1, 1);
                let stale = window.sum(now, 0);
                assert!(stale == 0 || lap * step < u64::from(buckets), "{buckets} {step} {lap}");
            }
        }
    }
}

#[test]
fn an_outcome_does_not_come_back_after_a_silence_however_long() {
    for buckets in [1u32, 3, 4] {
        let bucket = Duration::from_micros(1);
        let ring = u64::from(buckets.next_power_of_two());
        for laps in [1_000, 16_384, 65_536, 131_072] {
            let later = Instant::from_nanos(ring * laps * 1_000);
            let window = TimeWindow::builder(bucket * buckets).buckets(buckets).lanes(2).build();
            let window = window.unwrap();
            window.record(Instant::ORIGIN, 0, 9);
            assert_eq!(window.sums(later), [0, 0], "read {laps} laps later");
            window.record(later, 1, 1);
            assert_eq!(window.sums(later), [0, 1], "recorded {laps} laps later");
            window.record(later, 0, 1);
            assert_eq!(window.sums(later), [1, 1], "recorded {laps} laps later");
        }
    }
}

#[test]
fn an_emptied_time_window_goes_on_where_it_was() {
    let window = TimeWindow::builder(Duration::from_secs(1)).lanes(2).shards(2).build().unwrap();
    let now = Instant::ORIGIN + Duration::from_secs(5);
    window.record(now, 0, 1);
    window.record(now, 1, 2);
    window.reset();
    assert_eq!(window.sums(now), [0, 0]);
    assert!(!window.record(Instant::ORIGIN, 0, 1), "its time does not go back");
    assert!(window.record(now, 1, 3));
    assert_eq!(window.sums(now), [0, 3]);
}

#[test]
fn a_clock_set_back_costs_fifteen_outcomes_and_no_more() {
    let window = TimeWindow::builder(Duration::from_secs(10)).build().unwrap();
    let far = Instant::ORIGIN + Duration::from_secs(86_400 * 365);
    let near = Instant::ORIGIN + Duration::from_secs(60);
    assert!(window.record(far, 0, 1));
    let taken = (0..100).filter(|_| window.record(near, 0, 1)).count();
    assert_eq!((taken, window.late()), (85, 15));
    assert_eq!(window.sum(near, 0), 86, "what came before the jump ages from here on");
    assert_eq!(window.sum(near + Duration::from_secs(10), 0), 0);
    // One straggler among outcomes in time never moves the clock.
    let window = TimeWindow::builder(Duration::from_secs(10)).build().unwrap();
    for _ in 0..100 {
        assert!(window.record(far, 0, 1));
        assert!(!window.record(near, 0, 1));
    }
    assert_eq!((window.sum(far, 0), window.late()), (100, 100));
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
    assert!(size_of::<CountWindow>() <= 160, "{}", size_of::<CountWindow>());
    assert!(format!("{window:?}").contains("total: 0"));
    assert!(format!("{:?}", WeightedWindow::new(1).unwrap()).contains("calls: 1"));
    let time = TimeWindow::builder(Duration::from_secs(1)).build().unwrap();
    assert!(format!("{time:?}").contains("100ms"));
    assert_eq!(
        (time.span(), time.bucket(), time.lanes()),
        (Duration::from_secs(1), Duration::from_millis(100), 1)
    );
}

#[test]
fn a_reader_that_comes_again_can_tell_what_is_new() {
    let window = TimeWindow::builder(Duration::from_secs(4)).buckets(4).lanes(3).build().unwrap();
    let at = |secs: u64| Instant::ORIGIN + Duration::from_secs(100 + secs);
    window.record(at(0), 0, 7);
    assert_eq!(window.bucket_sums(at(0), 1), []);
    window.record(at(0), 1, 2);
    window.record(at(1), 2, 5);
    let first = window.bucket_sums(at(1), 1);
    assert_eq!(first, [(101, 5), (100, 2)]);
    window.record(at(0), 2, 1);
    window.record(at(3), 1, 4);
    assert_eq!(window.bucket_sums(at(3), 1), [(103, 4), (101, 5), (100, 3)]);
    assert_eq!(window.bucket_sums(at(4), 1), [(103, 4), (101, 5)]);
    assert_eq!(window.bucket_sums(at(9), 1), []);
}
