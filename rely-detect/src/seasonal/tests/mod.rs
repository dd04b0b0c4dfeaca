mod calibration;
mod learning;
mod snapshot;

use core::f64::consts::TAU;
use core::time::Duration;

use proptest::prelude::*;
use rely_core::rng::Rng;
use rely_core::{Instant, Level, Ratio};

use super::*;

const STEP: Duration = Duration::from_millis(250);
const SEASON: Duration = Duration::from_secs(3);

/// Noise of mean zero and about unit spread.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Noise {
    Uniform,
    Normal,
    Exponential,
    /// Student's t with three degrees of freedom.
    Heavy,
    LogNormal,
}

impl Noise {
    fn draw(self, rng: &mut Rng) -> f64 {
        match self {
            Self::Uniform => 3.46 * (rng.unit_f64() - 0.5),
            Self::Normal => normal(rng),
            Self::Exponential => -(1.0 - rng.unit_f64()).ln() - 1.0,
            Self::Heavy => {
                let chi: f64 = (0..3).map(|_| normal(rng).powi(2)).sum();
                normal(rng) / (chi / 3.0).sqrt() / 1.7
            }
            Self::LogNormal => (0.7 * normal(rng)).exp() - 1.28,
        }
    }
}

fn normal(rng: &mut Rng) -> f64 {
    (-2.0 * (1.0 - rng.unit_f64()).ln()).sqrt() * (TAU * rng.unit_f64()).cos()
}

/// A series of 250 ms samples with a wave of twelve around 40, and noise in units of that.
#[derive(Clone)]
struct Series {
    rng: Rng,
    noise: Noise,
    spread: f64,
    n: u64,
    start: Instant,
}

impl Series {
    fn new(seed: u64, noise: Noise, spread: f64) -> Self {
        let mut rng = Rng::seeded(seed);
        let start = Instant::ORIGIN + rng.between(Duration::ZERO, Duration::from_secs(1000));
        Self { rng, noise, spread, n: 0, start }
    }

    fn next(&mut self) -> Sample {
        // Timers come late, by a little.
        let late = self.rng.between(Duration::ZERO, STEP / 8);
        let at = self.start + Duration::from_millis(250 * self.n) + late;
        let wave = 40.0 + 15.0 * (self.n as f64 * TAU / 12.0).sin();
        let value = wave + 40.0 * self.spread * self.noise.draw(&mut self.rng);
        self.n += 1;
        Sample::of(at, value.max(1.0), 40 + self.rng.below(20))
    }

    fn times(&mut self, factor: f64) -> Sample {
        let sample = self.next();
        Sample { value: factor * sample.value, ..sample }
    }
}

fn builder() -> SeasonalBuilder {
    let builder = Seasonal::builder("queue latency").season(SEASON).slots(12).side(Side::High);
    builder.false_alarm_every(Duration::from_secs(3600))
}

fn warm(series: &mut Series, samples: usize) -> Seasonal {
    let mut detector = builder().build().unwrap();
    for _ in 0..samples {
        detector.observe(series.next());
    }
    detector
}

/// How many alarms begin in `samples` samples.
fn alarms(detector: &mut Seasonal, samples: usize, mut next: impl FnMut() -> Sample) -> usize {
    let mut was = false;
    (0..samples)
        .filter(|_| {
            let is = detector.observe(next()).level == Level::Unhealthy;
            is && !core::mem::replace(&mut was, is) || {
                was = is;
                false
            }
        })
        .count()
}

#[test]
fn a_season_is_expected_and_alarms_nobody() {
    let mut series = Series::new(3, Noise::Normal, 0.02);
    let mut detector = warm(&mut series, 120);
    for _ in 0..24 {
        let sample = series.next();
        let reading = detector.observe(sample);
        assert!((reading.expected.unwrap() - sample.value).abs() < 6.0, "{reading}");
        let band = reading.band.unwrap();
        assert!(band.low < reading.expected.unwrap() && reading.expected.unwrap() < band.high);
    }
    // What is ordinary at the crest is not so in the trough.
    while series.n % 12 != 9 {
        detector.observe(series.next());
    }
    let trough = series.next();
    let reading = detector.observe(Sample { value: 55.0, ..trough });
    assert_ne!(reading.level, Level::Healthy, "{reading}");
}

#[test]
fn a_fall_is_no_trouble_where_only_a_rise_is_and_the_other_way_round() {
    for (side, rise, fall) in [
        (Side::Both, Level::Unhealthy, Level::Unhealthy),
        (Side::High, Level::Unhealthy, Level::Healthy),
        (Side::Low, Level::Healthy, Level::Unhealthy),
    ] {
        let mut series = Series::new(2, Noise::Normal, 0.05);
        let mut up = builder().side(side).build().unwrap();
        for _ in 0..200 {
            up.observe(series.next());
        }
        let mut down = up.clone();
        let sample = series.next();
        assert_eq!(up.observe(Sample { value: 900.0, ..sample }).level, rise, "{side:?}");
        let reading = down.observe(Sample { value: -800.0, ..sample });
        assert_eq!(reading.level, fall, "{side:?}: {reading}");
    }
}

#[test]
fn a_series_that_never_varies_leaves_small_changes_alone() {
    let mut detector = Seasonal::builder("constant").without_season(STEP).build().unwrap();
    let mut at = Instant::ORIGIN;
    let mut observe = |value| {
        at += STEP;
        detector.observe(Sample::new(at, value))
    };
    for n in 0..100 {
        let reading = observe(100.0);
        assert_eq!(reading.level == Level::Unknown, n < 21, "{n}: {reading}");
    }
    // Met exactly, the tolerance of five percent still holds.
    assert_eq!(observe(105.0).why, Why::Tolerated);
    assert_eq!(observe(95.0).why, Why::Tolerated);
    assert_ne!(observe(140.0).why, Why::Tolerated);
    assert!(observe(1_000.0).level >= Level::Degraded);
    assert_eq!(observe(1_000.0).level, Level::Unhealthy);
}

#[test]
fn samples_that_say_nothing_change_nothing() {
    let mut series = Series::new(1, Noise::Normal, 0.05);
    let mut detector =
        Seasonal::builder("x").season(SEASON).slots(12).min_count(5).build().unwrap();
    for _ in 0..100 {
        detector.observe(series.next());
    }
    let before = detector.clone();
    let next = series.next();
    let last = before.state.kept.last.unwrap();
    let nothing = [
        (Sample { value: f64::NAN, ..next }, Why::NotANumber),
        (Sample { value: f64::INFINITY, ..next }, Why::NotANumber),
        (Sample { value: f64::NEG_INFINITY, ..next }, Why::NotANumber),
        (Sample { value: 2.0 * Sample::LIMIT, ..next }, Why::NotANumber),
        (Sample { count: 0, ..next }, Why::TooFew),
        (Sample { count: 4, ..next }, Why::TooFew),
        (Sample::missing(next.at), Why::NotANumber),
        (Sample { at: last, ..next }, Why::Late),
        (Sample { at: last - STEP, value: 1e9, ..next }, Why::Late),
        (Sample { at: Instant::ORIGIN, ..next }, Why::Late),
    ];
    for (sample, why) in nothing {
        let reading = detector.observe(sample);
        assert_eq!((reading.level, reading.why), (Level::Unknown, why));
        assert!(!reading.is_taken() && reading.p_value.is_none());
        assert_eq!(detector, before, "{why}");
    }
    assert_eq!(detector.observe(Sample { count: 5, ..next }).level, Level::Healthy);
}

#[test]
fn a_gap_keeps_what_was_learnt_and_ends_what_was_suspected() {
    let mut series = Series::new(1, Noise::Normal, 0.05);
    let mut detector = warm(&mut series, 100);
    for _ in 0..3 {
        assert_eq!(detector.observe(series.times(20.0)).level, Level::Unhealthy);
    }
    // Two seasons and a half without a sample; the phase goes on.
    series.n += 30;
    let sample = series.next();
    let reading = detector.observe(sample);
    assert_eq!(reading.level, Level::Healthy, "{reading}");
    assert!((reading.expected.unwrap() - sample.value).abs() < 10.0, "{reading}");
    // A gap shorter than a season ends nothing.
    detector.observe(series.times(20.0));
    series.n += 8;
    assert_eq!(detector.observe(series.next()).level, Level::Unhealthy);
    // The end of time is a time like any other.
    detector.observe(Sample { at: Instant::MAX, ..sample });
    assert_eq!(detector.observe(Sample { at: Instant::MAX, ..sample }).why, Why::Late);
}

#[test]
fn several_samples_in_a_slot_count_as_one_visit_and_skipped_slots_ask_their_neighbours() {
    let wave = |at: Instant| 40.0 + 15.0 * (at.since_origin().as_secs_f64() * TAU / 3.0).sin();
    for step in [50, 400, 700] {
        let mut rng = Rng::seeded(step);
        let mut detector = builder().build().unwrap();
        let mut at = Instant::ORIGIN;
        for _ in 0..400 {
            at += Duration::from_millis(step);
            detector.observe(Sample::new(at, wave(at) + normal(&mut rng)));
        }
        at += Duration::from_millis(step);
        let reading = detector.observe(Sample::new(at, wave(at)));
        assert!((reading.expected.unwrap() - wave(at)).abs() < 9.0, "{step}: {reading}");
        assert_eq!(reading.level, Level::Healthy, "{step}: {reading}");
    }
}

#[test]
fn a_flood_of_calls_does_not_make_the_next_jump_look_like_chance() {
    let mut series = Series::new(9, Noise::Normal, 0.05);
    let mut detector = warm(&mut series, 200);
    for count in [10_000, u64::MAX] {
        let flood = series.next();
        detector.observe(Sample { count, ..flood });
        let jump = detector.observe(series.times(20.0));
        assert_eq!(jump.level, Level::Unhealthy, "{count}: {jump}");
        for _ in 0..24 {
            detector.observe(series.next());
        }
    }
}

#[test]
fn a_verdict_says_what_was_expected_and_goes_stale() {
    let mut series = Series::new(1, Noise::Normal, 0.05);
    let mut detector = warm(&mut series, 100);
    let first = detector.observe(series.times(20.0));
    let second = detector.observe(series.times(20.0));
    let verdict = second.verdict(STEP * 3);
    assert_eq!((verdict.level, verdict.since), (Level::Unhealthy, first.sample.at));
    let names: Vec<_> = verdict.evidence.iter().map(|evidence| &*evidence.name).collect();
    assert_eq!(names, ["value", "expected", "band_low", "band_high", "p_value"]);
    assert!(verdict.reason.starts_with("beyond chance: "), "{}", verdict.reason);
    assert_eq!((verdict.score, verdict.samples), (Some(1.0), 102));
    assert_eq!(verdict.level_at(second.sample.at + STEP * 4), Level::Unknown);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let refused = |builder: SeasonalBuilder| builder.build().unwrap_err().field().to_owned();
    assert_eq!(refused(builder().slots(0)), "slots");
    assert_eq!(refused(builder().slots(20_161)), "slots");
    assert_eq!(refused(builder().season(Duration::ZERO)), "season");
    assert_eq!(refused(builder().season(Duration::from_secs(401 * 86_400))), "season");
    assert_eq!(refused(builder().step(Duration::from_millis(800))), "step");
    assert_eq!(refused(builder().step(Duration::ZERO)), "step");
    assert_eq!(refused(builder().alpha(0.031)), "alpha");
    assert_eq!(refused(builder().alpha(f64::NAN)), "alpha");
    assert_eq!(refused(builder().false_alarm_every(Duration::from_secs(1))), "false_alarm_every");
    assert_eq!(refused(builder().tolerance(-1.0)), "tolerance");
    assert_eq!(refused(builder().tolerance(f64::NAN)), "tolerance");
    assert_eq!(refused(builder().min_count(0)), "min_count");
    assert_eq!(refused(builder().warm_up(9)), "warm_up");
    assert_eq!(refused(builder().memory(31)), "memory");
    assert_eq!(refused(builder().warm_up(600)), "warm_up");
    assert_eq!(refused(builder().relearn_after(Duration::ZERO)), "relearn_after");
    assert!(builder().step(STEP).build().is_ok() && builder().alpha(0.03).build().is_ok());
    let alpha = builder().build().unwrap().alpha();
    assert!((alpha - 0.25 / 3600.0).abs() < 1e-12);
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let value = prop_oneof![
        8 => -10.0..10.0_f64,
        1 => any::<f64>(),
        1 => Just(Sample::LIMIT),
        1 => Just(-Sample::LIMIT),
    ];
    let sample = (prop_oneof![9 => 0..600_000_000_u64, 1 => any::<u64>()], value, 0..100_u64);
    prop::collection::vec(sample, 0..200).prop_map(|samples| {
        let mut at = 0_u64;
        let step = |(wait, value, count): (u64, f64, u64)| {
            // Mostly on, now and then back.
            at = if wait % 23 == 0 { at / 2 } else { at.saturating_add(wait) };
            Sample::of(Instant::from_nanos(at), value, count)
        };
        samples.into_iter().map(step).collect()
    })
}

proptest! {
    #[test]
    fn no_samples_panic_and_readings_agree_with_themselves(
        samples in samples(),
        slots in 1..20_u32,
        side in prop_oneof![Just(Side::Both), Just(Side::High), Just(Side::Low)],
        accept in 0..200_usize,
    ) {
        let builder = || Seasonal::builder("any").season(SEASON).slots(slots).side(side).warm_up(10);
        let mut detector = builder().build().unwrap();
        for (n, sample) in samples.iter().enumerate() {
            if n == accept {
                detector.accept();
            }
            let reading = detector.observe(*sample);
            prop_assert!((0.0..=1.0).contains(&reading.score), "{}", reading.score);
            if let Some(p) = reading.p_value {
                prop_assert!(p > 0.0 && p <= 1.0, "{p}");
            }
            if let (Some(expected), Some(band)) = (reading.expected, reading.band) {
                prop_assert!(band.low <= expected && expected <= band.high, "{reading:?}");
            }
            prop_assert!(reading.since <= sample.at || !reading.is_taken());
            prop_assert!(!reading.verdict(STEP).reason.is_empty());
        }
        prop_assert!(builder().restore(detector.snapshot()).is_ok());
    }
}

#[cfg(feature = "serde")]
#[test]
fn the_configuration_is_read_in_human_words() {
    let text = r#"{"season": "1h", "slots": 60, "side": "high", "false_alarm_every": "1w"}"#;
    let mut text = serde_json::Deserializer::from_str(text);
    let config: SeasonalConfig = rely_core::config::from_deserializer(&mut text).unwrap();
    assert_eq!((config.slots, config.side), (60, Side::High));
    config.check().unwrap();
    let mut text = serde_json::Deserializer::from_str(r#"{"seasons": "1h"}"#);
    let error = rely_core::config::from_deserializer::<SeasonalConfig, _>(&mut text).unwrap_err();
    assert_eq!(error.field(), "seasons");
}
