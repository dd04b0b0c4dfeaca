//! Windows of time.

use core::time::Duration;

use proptest::prelude::*;

use super::super::time::LAPS;
use super::super::*;
use crate::Instant;

/// Every record of a time window with what it counts for.
#[derive(Default)]
struct NaiveTime {
    ticks: u64,
    /// Epoch, tick, lane and weight.
    records: Vec<(u16, u64, usize, u64)>,
    epoch: u16,
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
        self.records.push((self.epoch, tick, lane, weight));
        true
    }

    fn record_in(&mut self, epoch: u16, clock: u64, lane: usize, weight: u64) -> bool {
        epoch == self.epoch && self.record(clock, lane, weight)
    }

    fn lifetime(&self, lane: usize) -> u64 {
        self.records.iter().filter(|record| record.2 == lane).map(|record| record.3).sum()
    }

    fn sums(&self, clock: u64) -> Vec<u64> {
        let head = (clock + self.offset).max(self.latest);
        let mut sums = vec![0; 3];
        for (epoch, tick, lane, weight) in &self.records {
            if *epoch == self.epoch && *tick <= head && tick + self.ticks > head {
                sums[*lane] += weight;
            }
        }
        sums
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Record,
    /// In the current epoch, or in one before it.
    RecordIn {
        ago: u16,
    },
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => Just(Step::Record),
        20 => prop_oneof![4 => Just(0), 1 => 1..3u16].prop_map(|ago| Step::RecordIn { ago }),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #[test]
    fn a_time_window_agrees_with_a_list(
        buckets in 1..20u32,
        shards in 1..3usize,
        start in 0..10_000_000u64,
        epoch in prop_oneof![Just(0), 1020..1024u16, 4090..4096u16],
        steps in prop::collection::vec((step(), -40i64..60, 0..3usize, 1..100u64), 1..300),
    ) {
        const BUCKET: u64 = 1_000;
        let span = Duration::from_nanos(BUCKET) * buckets;
        let window = TimeWindow::builder(span).buckets(buckets).lanes(3).shards(shards).build();
        // Buckets of a microsecond are the shortest that are allowed.
        let window = window?;
        window.go_to_epoch(epoch);
        let mut model = NaiveTime { ticks: u64::from(buckets), epoch, ..NaiveTime::default() };
        let mut now = start;
        for (step, jump, lane, weight) in steps {
            // Mostly small steps, now and then a leap either way.
            let jump = if jump.abs() > 35 { jump * 1_000 } else { jump * 40 };
            now = now.saturating_add_signed(jump);
            let (at, clock) = (Instant::from_nanos(now), now / BUCKET);
            match step {
                Step::Record => {
                    prop_assert_eq!(window.record(at, lane, weight), model.record(clock, lane, weight));
                }
                Step::RecordIn { ago } => {
                    let epoch = (model.epoch + tickets::EPOCHS - ago) % tickets::EPOCHS;
                    let taken = window.record_in(epoch, at, lane, weight);
                    prop_assert_eq!(taken, model.record_in(epoch, clock, lane, weight));
                }
                Step::Reset => {
                    model.epoch = (model.epoch + 1) % tickets::EPOCHS;
                    prop_assert_eq!(window.reset(), model.epoch);
                }
            }
            prop_assert_eq!(window.epoch(), model.epoch);
            prop_assert_eq!(window.bucket_number(at), clock + model.offset);
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
            prop_assert_eq!(window.lifetime(lane), model.lifetime(lane));
        }
        prop_assert_eq!(window.late(), model.late);
    }
}

#[test]
fn a_cell_stays_at_its_largest_count() {
    let window = TimeWindow::builder(Duration::from_secs(1)).build().unwrap();
    window.record(Instant::ORIGIN, 0, u64::MAX);
    window.record(Instant::ORIGIN, 0, 5);
    assert_eq!(window.sum(Instant::ORIGIN, 0), (1 << 39) - 1);
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
        for step in [1, ring * 100, ring * LAPS / 4, ring * LAPS] {
            let window =
                TimeWindow::builder(bucket * buckets).buckets(buckets).lanes(2).build().unwrap();
            assert!(window.record(Instant::ORIGIN, 0, 9));
            let start = Instant::ORIGIN;
            let mut laps = 0;
            for lap in 0..(ring * LAPS / step) + 2 {
                let now = start + Duration::from_micros(step * lap);
                window.record(now, 1, 1);
                laps += 1;
                let stale = window.sum(now, 0);
                assert!(stale == 0 || lap * step < u64::from(buckets), "{buckets} {step} {lap}");
            }
            assert_eq!([0, 1].map(|lane| window.lifetime(lane)), [9, laps]);
        }
    }
}

#[test]
fn an_outcome_does_not_come_back_after_a_silence_however_long() {
    for buckets in [1u32, 3, 4] {
        let bucket = Duration::from_micros(1);
        let ring = u64::from(buckets.next_power_of_two());
        for laps in [100, LAPS / 4, LAPS, 2 * LAPS, 16 * LAPS] {
            let later = Instant::from_nanos(ring * laps * 1_000);
            let window = TimeWindow::builder(bucket * buckets).buckets(buckets).lanes(2).build();
            let window = window.unwrap();
            window.record(Instant::ORIGIN, 0, 9);
            assert_eq!(window.sums(later), [0, 0], "read {laps} laps later");
            window.record(later, 1, 1);
            assert_eq!(window.sums(later), [0, 1], "recorded {laps} laps later");
            window.record(later, 0, 1);
            assert_eq!(window.sums(later), [1, 1], "recorded {laps} laps later");
            assert_eq!([0, 1, 2].map(|lane| window.lifetime(lane)), [10, 1, 0]);
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

#[test]
fn an_outcome_does_not_come_back_when_its_epoch_comes_round_again() {
    let window = TimeWindow::builder(Duration::from_secs(1)).lanes(2).shards(2).build().unwrap();
    let now = Instant::ORIGIN + Duration::from_secs(5);
    assert!(window.record_in(0, now, 0, 9));
    for round in 1..=2 * u32::from(tickets::EPOCHS) + 2 {
        let before = window.epoch();
        let epoch = u16::try_from(round % u32::from(tickets::EPOCHS)).unwrap();
        assert_eq!((window.reset(), window.epoch()), (epoch, epoch));
        assert_eq!(window.sums(now), [0, 0], "epoch {epoch}");
        assert!(!window.record_in(before, now, 1, 1));
        assert!(window.record_in(epoch, now, 1, 1));
        assert_eq!(window.sums(now), [0, 1]);
        assert_eq!((window.lifetime(0), window.lifetime(1)), (9, u64::from(round)));
    }
}

#[test]
fn an_outcome_of_an_older_epoch_leaves_no_trace() {
    let window = TimeWindow::builder(Duration::from_secs(10)).build().unwrap();
    let at = |secs| Instant::ORIGIN + Duration::from_secs(secs);
    assert!(window.record_in(0, at(100), 0, 1));
    let epoch = window.reset();
    // Neither does it move the window on, nor is it one of those that tell of a clock set back.
    assert!(!window.record_in(0, at(200), 0, 1));
    (0..100).for_each(|_| assert!(!window.record_in(0, at(10), 0, 1)));
    assert!(window.record_in(epoch, at(101), 0, 1));
    assert_eq!((window.sum(at(101), 0), window.late(), window.lifetime(0)), (1, 0, 2));
    assert!(!window.record_in(epoch, at(101), 1, 1), "no such lane");
    assert!(!window.record_in(4096, at(101), 0, 1), "no such epoch");
}

#[test]
fn a_bucket_has_one_number_for_all_who_ask() {
    let window = TimeWindow::builder(Duration::from_secs(4)).buckets(4).build().unwrap();
    let at = |millis| Instant::ORIGIN + Duration::from_millis(millis);
    assert_eq!((window.bucket_number(at(7_999)), window.bucket_number(at(8_000))), (7, 8));
    window.record(at(7_999), 0, 3);
    assert_eq!(window.bucket_sums(at(9_000), 0), [(7, 3)]);
    // After the clock was set back it goes on.
    (0..16).for_each(|_| _ = window.record(at(1_000), 0, 1));
    assert_eq!((window.bucket_number(at(1_500)), window.bucket_number(at(2_000))), (7, 8));
}
