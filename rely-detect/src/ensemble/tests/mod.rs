mod calibration;
mod series;
mod snapshot;

use core::time::Duration;

use proptest::prelude::*;
use rely_core::rng::Rng;
use rely_core::{Instant, Level};

use super::*;
use crate::{Band, Side};

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const FIVE: Duration = Duration::from_secs(300);

/// Nearly normal: the sum of twelve.
pub(super) fn noise(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.unit_f64()).sum::<f64>() - 6.0
}

/// Shows it a value each `step`, after whatever it has seen.
pub(super) fn show<M: Model>(
    detector: &mut Online<M>,
    step: Duration,
    values: impl IntoIterator<Item = f64>,
) -> Vec<Reading> {
    let mut at = detector.state.last.unwrap_or(Instant::ORIGIN);
    let mut observe = |value| {
        at += step;
        detector.observe(Sample::new(at, value))
    };
    values.into_iter().map(&mut observe).collect()
}

/// The number of alarms, not of samples in alarm.
pub(super) fn alarms(readings: &[Reading]) -> usize {
    let bad = |reading: &Reading| reading.level == Level::Unhealthy;
    let first = readings.first().is_some_and(bad);
    usize::from(first) + readings.windows(2).filter(|pair| !bad(&pair[0]) && bad(&pair[1])).count()
}

pub(super) fn quiet(level: f64, width: f64, n: usize) -> Vec<f64> {
    let mut rng = Rng::seeded(9);
    (0..n).map(|_| level + width * noise(&mut rng)).collect()
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let mut detector = Ensemble::builder("x").min_count(5).build().unwrap();
    let at = Instant::from_nanos(1_000_000);
    detector.observe(Sample::of(at, 3.0, 9));
    let before = detector.clone();
    let later = Instant::from_nanos(2_000_000);
    for (sample, why) in [
        (Sample::missing(later), Why::NotANumber),
        (Sample::of(later, f64::INFINITY, 9), Why::NotANumber),
        (Sample::of(later, -2e150, 9), Why::NotANumber),
        (Sample::of(later, 3.0, 4), Why::TooFew),
        (Sample::of(at, 3.0, 9), Why::Late),
        (Sample::of(Instant::ORIGIN, 3.0, 9), Why::Late),
    ] {
        let reading = detector.observe(sample);
        assert_eq!((reading.why, reading.level, reading.p_value), (why, Level::Unknown, None));
        assert_eq!((reading.severity, reading.causes.first()), (0.0, None));
        assert!(detector == before, "{why:?}");
    }
}

#[test]
fn it_judges_once_it_has_seen_enough() {
    fn first<M: Model>(mut detector: Online<M>) -> (usize, Why) {
        let readings = show(&mut detector, MINUTE, quiet(10.0, 1.0, 400));
        let judged = readings.iter().position(|reading| reading.p_value.is_some()).unwrap();
        assert!(detector.is_warm());
        (judged, readings[judged - 1].why)
    }
    let warming = |n| Why::WarmingUp { have: n, need: n };
    assert_eq!(first(Ensemble::new("x")), (150, warming(150)));
    assert_eq!(first(Novelty::new("x")), (150, warming(150)));
    assert_eq!(first(Forecast::new("x")), (150, warming(150)));
    assert_eq!(first(Light::new("x")), (16, warming(16)));
    assert_eq!(first(Ensemble::builder("x").warm_up(60).build().unwrap()), (60, warming(60)));
}

#[test]
fn it_takes_up_no_more_than_it_says_and_nothing_more_once_warm() {
    fn most<M: Model>(mut detector: Online<M>) -> (usize, usize) {
        let mut rng = Rng::seeded(2);
        let mut sizes = Vec::new();
        for n in 0..6000 {
            let value = 50.0 * noise(&mut rng) * f64::from(n % 97);
            show(&mut detector, FIVE, [value]);
            sizes.push(detector.bytes());
        }
        assert!(sizes[800..].iter().all(|size| *size == sizes[800]));
        (*sizes.iter().max().unwrap(), sizes[5999])
    }
    for (most, limit) in [
        (most(Ensemble::new("x")), 24_000),
        (most(Novelty::new("x")), 24_000),
        (most(Forecast::new("x")), 24_000),
        (most(Light::new("x")), 1_000),
    ] {
        assert!(most.0 <= limit && most.1 > limit / 5, "{most:?}");
    }
}

#[test]
fn bad_settings_are_named() {
    for (builder, field) in [
        (Ensemble::builder("x").false_alarm_every(Duration::ZERO), "false_alarm_every"),
        (Ensemble::builder("x").min_count(0), "min_count"),
        (Ensemble::builder("x").warm_up(19), "warm_up"),
    ] {
        assert!(builder.build().unwrap_err().to_string().contains(field));
    }
}

#[test]
fn a_reading_says_which_channel_spoke_and_what_was_expected() {
    let mut detector = Ensemble::new("x");
    show(&mut detector, FIVE, quiet(100.0, 1.0, 1000));
    let reading = show(&mut detector, FIVE, [160.0])[0];
    assert_eq!((reading.level, reading.why), (Level::Unhealthy, Why::Alarm), "{reading}");
    let Band { low, high } = reading.band.unwrap();
    assert!((90.0..99.0).contains(&low) && (101.0..110.0).contains(&high), "{low} {high}");
    assert!((97.0..103.0).contains(&reading.expected.unwrap()));
    assert_eq!(reading.causes.iter().count(), 2);
    assert!(reading.causes.iter().all(|(_, surprise)| surprise > 2.0), "{:?}", reading.causes);
    assert!(reading.surprise() > 2.4 && reading.severity > 1.0 && reading.score >= 1.0);
}

#[test]
fn only_the_side_that_is_trouble_counts() {
    for (side, high, low) in
        [(Side::Both, true, true), (Side::High, true, false), (Side::Low, false, true)]
    {
        for (value, alarm) in [(160.0, high), (40.0, low)] {
            let mut detector = Ensemble::builder("x").side(side).build().unwrap();
            show(&mut detector, FIVE, quiet(100.0, 1.0, 1000));
            let reading = show(&mut detector, FIVE, [value])[0];
            assert_eq!(reading.level == Level::Unhealthy, alarm, "{side:?} {value}: {reading}");
        }
    }
}

#[test]
fn what_is_no_number_cannot_be_accepted() {
    let mut detector = Ensemble::new("x");
    show(&mut detector, FIVE, quiet(100.0, 1.0, 1000));
    let before = detector.clone();
    [f64::NAN, f64::INFINITY, -1e200].into_iter().for_each(|value| detector.accept(value));
    assert!(detector == before);
    detector.accept(300.0);
    assert!(detector != before);
}

#[test]
fn a_clone_goes_on_as_the_original() {
    let values = quiet(100.0, 1.0, 3000);
    let mut detector = Ensemble::builder("x").warm_up(20).build().unwrap();
    show(&mut detector, FIVE, values[..100].iter().copied());
    let mut clone = detector.clone();
    let rest = || values[100..].iter().copied();
    assert_eq!(show(&mut detector, FIVE, rest()), show(&mut clone, FIVE, rest()));
    assert!(detector == clone);
}

#[test]
fn times_of_any_size_will_do() {
    let steps = [1, 3_600_000_000_000, 365 * 24 * 3_600_000_000_000];
    for (step, start) in steps.into_iter().flat_map(|step| [(step, 0), (step, u64::MAX / 2)]) {
        let (mut ensemble, mut light) = (Ensemble::new("x"), Light::new("x"));
        let mut at = start;
        for n in 0..1000_u32 {
            at = at.saturating_add(step);
            // The last two are the end of time, one of them late.
            let at = Instant::from_nanos(if n > 997 { u64::MAX } else { at });
            let sample = Sample::of(at, f64::from(n % 7), u64::MAX);
            for reading in [ensemble.observe(sample), light.observe(sample)] {
                assert!(reading.p_value.is_none_or(|p| p > 0.0 && p <= 1.0), "{reading:?}");
            }
        }
    }
}

/// Values of every size, and what is no value at all.
fn any_values() -> impl Strategy<Value = Vec<(u64, f64)>> {
    let value = prop_oneof![
        6 => -100.0..100.0_f64,
        2 => Just(0.0),
        1 => any::<f64>(),
        1 => (-150.0..150.0_f64).prop_map(|power| 10.0_f64.powf(power)),
    ];
    let step = prop_oneof![8 => Just(60), 1 => 0..5_u64, 1 => 0..10_000_000_u64];
    prop::collection::vec((step, value), 1..500)
}

fn holds<M: Model>(mut detector: Online<M>, samples: &[(u64, f64)]) {
    let mut at = Instant::ORIGIN;
    for (seconds, value) in samples {
        at += Duration::from_secs(*seconds);
        let reading = detector.observe(Sample::new(at, *value));
        assert!(reading.p_value.is_none_or(|p| p > 0.0 && p <= 1.0), "{reading:?}");
        assert!(reading.severity.is_finite() && reading.severity >= 0.0, "{reading:?}");
        assert!((0.0..=1.0).contains(&reading.score), "{reading:?}");
        assert!(reading.expected.is_none_or(f64::is_finite), "{reading:?}");
        assert!(reading.band.is_none_or(|band| band.low <= band.high), "{reading:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_says_something_sound_whatever_comes(samples in any_values()) {
        holds(Ensemble::builder("x").warm_up(20).build().unwrap(), &samples);
        holds(Novelty::new("x"), &samples);
        holds(Light::new("x"), &samples);
    }

    #[test]
    fn the_unit_does_not_matter(power in -40..40_i32, seed in 0..100_u64) {
        let factor = 2.0_f64.powi(power);
        let mut rng = Rng::seeded(seed);
        let values: Vec<f64> = (0..600).map(|_| 5.0 + noise(&mut rng)).collect();
        let mut one = Ensemble::new("x");
        let mut other = Ensemble::new("x");
        let readings = show(&mut one, FIVE, values.iter().copied());
        let scaled = show(&mut other, FIVE, values.iter().map(|value| value * factor));
        let p = |readings: &[Reading]| readings.iter().map(|r| r.p_value).collect::<Vec<_>>();
        prop_assert_eq!(p(&readings), p(&scaled));
    }
}
