use core::time::Duration;

use rely_core::rng::Rng;
use rely_core::{Instant, Level, Ratio};

use super::*;
use crate::Side;
use crate::families::EwmaBand;

const STEP: Duration = Duration::from_secs(60);

/// Values about a hundred with a standard deviation of three.
#[derive(Clone)]
struct Noise {
    rng: Rng,
    at: Instant,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self { rng: Rng::seeded(seed), at: Instant::ORIGIN }
    }

    fn sample(&mut self, off: f64) -> Sample {
        self.at += STEP;
        let sum: f64 = (0..12).map(|_| self.rng.unit_f64()).sum();
        Sample::new(self.at, 100.0 + 3.0 * (sum - 6.0) + off)
    }
}

fn builder() -> CalibratedBuilder<EwmaBand> {
    EwmaBand::detector("test")
}

fn warm(builder: CalibratedBuilder<EwmaBand>, noise: &mut Noise) -> Calibrated<EwmaBand> {
    let mut detector = builder.build().unwrap();
    for _ in 0..1000 {
        detector.observe(noise.sample(0.0));
    }
    detector
}

#[test]
fn what_cannot_be_judged_is_unknown_and_changes_nothing() {
    let mut noise = Noise::new(1);
    let detector = warm(builder().min_count(2), &mut Noise::new(1));
    // All of its samples had a count of one.
    assert!(!detector.is_warm());
    let detector = warm(builder(), &mut noise);
    let (at, later) = (noise.at, noise.at + STEP);
    let table = [
        (Sample::new(later, f64::NAN), Why::NotANumber),
        (Sample::new(later, f64::NEG_INFINITY), Why::NotANumber),
        (Sample::new(later, 2e150), Why::NotANumber),
        (Sample::missing(later), Why::NotANumber),
        (Sample::of(later, 100.0, 0), Why::TooFew),
        (Sample::new(at, 100.0), Why::Late),
        (Sample::new(at - STEP * 500, 100.0), Why::Late),
    ];
    for (sample, why) in table {
        let mut changed = detector.clone();
        let reading = changed.observe(sample);
        assert_eq!((reading.level, reading.why), (Level::Unknown, why));
        assert!(!reading.is_taken() && changed == detector, "{why}");
    }
}

#[test]
fn it_is_unknown_until_it_is_warm() {
    let (mut noise, mut detector) = (Noise::new(2), builder().warm_up(30).build().unwrap());
    let unknown = (0..100).take_while(|_| detector.observe(noise.sample(0.0)).p_value.is_none());
    // Two samples make a model.
    assert_eq!(unknown.count(), 32);
    assert!(detector.is_warm());
}

#[test]
fn an_alarm_begins_at_once_and_ends_soon() {
    let mut noise = Noise::new(3);
    let mut detector = warm(builder(), &mut noise);
    let ordinary = detector.observe(noise.sample(0.0));
    let band = ordinary.band.unwrap();
    assert!(
        band.low > 80.0 && band.low < 95.0 && band.high > 105.0 && band.high < 120.0,
        "{band:?}"
    );
    let reading = detector.observe(noise.sample(60.0));
    assert_eq!((reading.level, reading.why), (Level::Unhealthy, Why::Alarm), "{reading}");
    assert!(reading.severity > 3.0 && reading.score >= 1.0 && reading.since == noise.at);
    for _ in 0..50 {
        assert_eq!(detector.observe(noise.sample(60.0)).level, Level::Unhealthy);
    }
    // The level did not follow the alarm.
    let after: Vec<_> = (0..8).map(|_| detector.observe(noise.sample(0.0))).collect();
    assert_eq!(after[0].why, Why::Recovering);
    assert!((after[0].expected.unwrap() - 100.0).abs() < 2.0);
    assert_eq!(after[7].level, Level::Healthy);
}

#[test]
fn sides_and_tolerances_are_kept_to() {
    // Side, tolerance, what is added to the value; the level.
    let table = [
        (Side::Both, 0.0, 60.0, Level::Unhealthy),
        (Side::Both, 0.0, -60.0, Level::Unhealthy),
        (Side::High, 0.0, 60.0, Level::Unhealthy),
        (Side::High, 0.0, -60.0, Level::Healthy),
        (Side::Low, 0.0, 60.0, Level::Healthy),
        (Side::Low, 0.0, -60.0, Level::Unhealthy),
        (Side::Both, 80.0, 60.0, Level::Healthy),
    ];
    for (side, tolerance, off, level) in table {
        let mut noise = Noise::new(4);
        let mut detector = warm(builder().side(side).tolerance(tolerance), &mut noise);
        let reading = detector.observe(noise.sample(off));
        assert_eq!(reading.level, level, "{side:?} {tolerance} {off}: {reading}");
    }
}

#[test]
fn a_mean_of_few_counts_less() {
    let mut noise = Noise::new(5);
    let mut detector = builder().build().unwrap();
    for _ in 0..1000 {
        detector.observe(Sample { count: 100, ..noise.sample(0.0) });
    }
    let off = noise.sample(20.0);
    let p_value = |count| detector.clone().observe(Sample { count, ..off }).p_value.unwrap();
    assert!(p_value(100) < 0.01 && p_value(1) > 0.3);
}

#[test]
fn what_lasts_is_learnt_and_what_comes_back_is_not() {
    let mut noise = Noise::new(6);
    let lasting = builder().relearn_after(STEP * 120);
    let mut detector = warm(lasting.clone(), &mut noise);
    let readings: Vec<_> = (0..200).map(|_| detector.observe(noise.sample(40.0))).collect();
    let learnt = readings.iter().position(|reading| reading.why == Why::Relearnt);
    assert_eq!(learnt, Some(120));
    assert!(readings[121..].iter().all(|reading| reading.level != Level::Unhealthy));
    assert!((readings[199].expected.unwrap() - 140.0).abs() < 2.0);
    // An incident of an hour each half day for a month: the last one is seen, too.
    let mut detector = warm(lasting, &mut noise);
    for _ in 0..60 {
        let seen = (0..60).find(|_| detector.observe(noise.sample(40.0)).level == Level::Unhealthy);
        assert!(seen.is_some_and(|seen| seen < 3), "{seen:?}");
        for _ in 0..660 {
            detector.observe(noise.sample(0.0));
        }
    }
}

#[test]
fn accepting_ends_an_alarm_and_a_frozen_one_learns_nothing() {
    let mut noise = Noise::new(7);
    let mut detector = warm(builder(), &mut noise);
    for _ in 0..20 {
        detector.observe(noise.sample(50.0));
    }
    detector.accept();
    let accepted = (0..20).map(|_| detector.observe(noise.sample(50.0)));
    assert!(accepted.into_iter().all(|reading| reading.level != Level::Unhealthy));
    let before = detector.model().clone();
    detector.freeze();
    for _ in 0..2000 {
        detector.observe(noise.sample(80.0));
    }
    assert!(detector.is_frozen() && *detector.model() == before);
    assert_eq!(detector.observe(noise.sample(80.0)).level, Level::Unhealthy);
    detector.thaw();
    let mut relearnt = (0..50).map(|_| detector.observe(noise.sample(80.0)).why);
    assert!(relearnt.any(|why| why == Why::Relearnt));
}

#[test]
fn old_evidence_counts_no_more_after_a_gap() {
    let mut noise = Noise::new(8);
    let detector = warm(builder(), &mut noise);
    // Steps of silence, whether the alarm still stands afterwards.
    for (steps, stands) in [(0, true), (8, true), (11, false), (5000, false)] {
        let (mut detector, mut noise) = (detector.clone(), noise.clone());
        for _ in 0..5 {
            detector.observe(noise.sample(50.0));
        }
        noise.at += STEP * steps;
        let reading = detector.observe(noise.sample(0.0));
        assert_eq!(reading.level == Level::Unhealthy, stands, "{steps}: {reading}");
    }
}

#[test]
fn one_second_and_five_minutes_work_alike_and_so_do_uneven_steps() {
    for seconds in [1, 300, 0] {
        let mut noise = Noise::new(9);
        let (mut detector, mut at) = (builder().build().unwrap(), Instant::ORIGIN);
        let mut observe = |off, alarms: &mut u32| {
            let uneven = 20 + noise.rng.below(80);
            at += Duration::from_secs(if seconds > 0 { seconds } else { uneven });
            let level = detector.observe(Sample { at, ..noise.sample(off) }).level;
            *alarms += u32::from(level == Level::Unhealthy);
        };
        let (mut quiet, mut loud) = (0, 0);
        (0..3000).for_each(|_| observe(0.0, &mut quiet));
        (0..5).for_each(|_| observe(40.0, &mut loud));
        assert!(quiet < 40 && loud >= 4, "{seconds} s: {quiet} {loud}");
    }
}

#[test]
fn replicas_can_be_merged_where_the_model_can() {
    let (mut one, mut other) = (Noise::new(10), Noise::new(11));
    let mut merged = warm(builder(), &mut one);
    let before = merged.state.tail.count();
    assert!(merged.merge(&warm(builder(), &mut other)));
    assert!(merged.state.tail.count() > 1.8 * before);
    let robust = crate::families::RobustZ::detector("").build().unwrap();
    let (mut same, other) = (robust.clone(), robust.clone());
    assert!(!same.merge(&other) && same == robust);
}

#[test]
fn bad_settings_name_their_field() {
    let table = [
        (builder().false_alarm_every(Duration::from_millis(10)), "false_alarm_every"),
        (builder().tolerance(-1.0), "tolerance"),
        (builder().tolerance(f64::NAN), "tolerance"),
        (builder().min_count(0), "min_count"),
        (builder().warm_up(19), "warm_up"),
        (builder().relearn_after(Duration::ZERO), "relearn_after"),
    ];
    for (builder, field) in table {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}

#[test]
fn a_gross_change_of_something_tiny_is_rare_and_not_severe() {
    let mut detector = builder().tolerance_share(Ratio::ZERO).build().unwrap();
    let at = |n: u32| Instant::ORIGIN + STEP * n;
    for n in 1..1000 {
        detector.observe(Sample::new(at(n), 1e6));
    }
    let tiny = detector.clone().observe(Sample::new(at(1000), 1e6 + 1.0));
    let gross = detector.observe(Sample::new(at(1000), 2e6));
    assert!(tiny.surprise() > 1.0 && tiny.severity < 0.6 * gross.severity, "{tiny} {gross}");
}

#[test]
fn on_another_clock_it_goes_on() {
    let mut noise = Noise::new(12);
    let detector = warm(builder(), &mut noise);
    let (stored, restarted) = (noise.at, Instant::from_nanos(7));
    let snapshot = detector.snapshot().rebase(stored, restarted);
    let (mut moved, mut same) = (builder().restore(snapshot).unwrap(), detector);
    for _ in 0..50 {
        let sample = noise.sample(0.0);
        let at = restarted + (sample.at - stored);
        let (one, other) = (same.observe(sample), moved.observe(Sample { at, ..sample }));
        assert_eq!((one.expected, one.p_value), (other.expected, other.p_value));
    }
}
