//! A snapshot may come from anywhere: each number in it is replaced by others, each list by shorter and
//! longer ones. What comes of it is refused, or does no harm.
#![cfg(feature = "serde")]
// Helpers of tests are tests, which clippy cannot see here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use core::time::Duration;

use rely_core::{ConfigError, Instant};
use rely_detect::families::{
    Adwin, Changes, Cusum, Dspot, EwmaBand, RobustZ, WeeklyRatio, WeeklyRatioConfig,
};
use rely_detect::fleet::Fleet;
use rely_detect::{Calibrated, Detector, Ensemble, Light, Sample, Seasonal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const STEP: Duration = Duration::from_secs(1800);

fn at(n: u32) -> Instant {
    Instant::ORIGIN + STEP * n
}

/// Noise, a spike now and then, and an outage as the last thing.
fn value(n: u32, last: u32) -> f64 {
    let noise = f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 512.0;
    match n {
        _ if n + 4 > last => 500.0,
        _ if n % 97 == 0 => 300.0,
        _ => 100.0 + noise,
    }
}

/// Where each leaf and each list is; of a long list the first two and the last.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            found.push(path.to_owned());
            let ends = [0, 1, list.len().saturating_sub(1)];
            for n in (0..list.len()).filter(|n| ends.contains(n)) {
                places(&list[n], &format!("{path}/{n}"), found);
            }
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, &format!("{path}/{name}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

fn replacements(honest: &Value) -> Vec<Value> {
    match honest {
        Value::Array(list) => {
            let twice: Vec<_> = list.iter().chain(list).cloned().collect();
            let first: Vec<_> = list.iter().take(1).cloned().collect();
            let many: Vec<_> = list.iter().cycle().take(200_000).cloned().collect();
            vec![json!([]), json!(first), json!(twice), json!(many)]
        }
        _ => vec![
            json!(0),
            json!(1),
            json!(u8::MAX),
            json!(u16::MAX),
            json!(u32::MAX),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(-1.0),
            json!(1e-320),
            json!(1e150),
            json!(f64::MAX),
            json!(-f64::MAX),
            json!(null),
            json!(true),
        ],
    }
}

/// Restores all kinds of broken snapshots, and hands those that were not refused to `use_it`.
fn attack<S, D>(
    name: &str,
    honest: &S,
    restore: impl Fn(S) -> Result<D, ConfigError>,
    use_it: impl Fn(D, &str),
) where
    S: Serialize + DeserializeOwned,
{
    let honest = serde_json::to_value(honest).unwrap();
    let mut found = Vec::new();
    places(&honest, "", &mut found);
    let (mut refused, mut taken) = (0, 0);
    for place in found.iter().filter(|place| !place.is_empty()) {
        for replacement in replacements(honest.pointer(place).unwrap()) {
            let mut hostile = honest.clone();
            let told = format!("{name}{place} := {:.40}", replacement.to_string());
            *hostile.pointer_mut(place).unwrap() = replacement;
            let restored = serde_json::from_value::<S>(hostile).ok().map(&restore);
            match restored {
                Some(Ok(restored)) => {
                    taken += 1;
                    use_it(restored, &told);
                }
                _ => refused += 1,
            }
        }
    }
    assert!(refused > taken / 4, "{name}: {refused} refused, {taken} taken");
}

fn unharmed<D: Detector>(mut detector: D, from: u32, told: &str) {
    for n in from..from + 80 {
        let reading = detector.observe(Sample::new(at(n), value(n, from + 60)));
        assert!(reading.p_value.is_none_or(|p| p > 0.0 && p <= 1.0), "{told}: {reading:?}");
        assert!(reading.severity.is_finite() && reading.severity >= 0.0, "{told}: {reading:?}");
        assert!((0.0..=1.0).contains(&reading.score), "{told}: {reading:?}");
        assert!(reading.expected.is_none_or(f64::is_finite), "{told}: {reading:?}");
        assert!(reading.band.is_none_or(|band| band.low <= band.high), "{told}: {reading:?}");
    }
    assert!(detector.bytes() < 2_500_000, "{told}: {} bytes", detector.bytes());
}

fn shown<D: Detector>(mut detector: D, samples: u32) -> D {
    (1..samples).for_each(|n| {
        detector.observe(Sample::new(at(n), value(n, samples)));
    });
    detector
}

#[test]
fn ensembles_take_no_snapshot_on_trust() {
    for samples in [60, 200, 900] {
        let honest = shown(Ensemble::new("x"), samples).snapshot();
        let use_it = |detector, told: &str| unharmed(detector, samples, told);
        attack("ensemble", &honest, |read| Ensemble::builder("x").restore(read), use_it);
    }
    let honest = shown(Light::new("x"), 300).snapshot();
    let use_it = |detector, told: &str| unharmed(detector, 300, told);
    attack("light", &honest, |read| Light::builder("x").restore(read), use_it);
}

macro_rules! family {
    ($name:ident, $model:ty, $builder:expr) => {
        #[test]
        fn $name() {
            let builder = || $builder.warm_up(40);
            for samples in [30, 600] {
                let honest = shown(builder().build().unwrap(), samples).snapshot();
                let use_it = |detector: Calibrated<$model>, told: &str| {
                    unharmed(detector, samples, told);
                };
                attack(stringify!($model), &honest, |read| builder().restore(read), use_it);
            }
        }
    };
}

family!(a_moving_band_takes_no_snapshot_on_trust, EwmaBand, EwmaBand::detector("x"));
family!(a_robust_z_score_takes_no_snapshot_on_trust, RobustZ, RobustZ::detector("x"));
family!(a_tail_takes_no_snapshot_on_trust, Dspot, Dspot::detector("x"));
family!(an_adaptive_window_takes_no_snapshot_on_trust, Adwin, Adwin::detector("x"));
family!(
    a_weekly_ratio_takes_no_snapshot_on_trust,
    WeeklyRatio,
    Calibrated::builder(
        "x",
        WeeklyRatioConfig { slots: 14, ..WeeklyRatioConfig::default() }.build().unwrap()
    )
);

#[test]
fn sums_of_residuals_take_no_snapshot_on_trust() {
    let honest = shown(Cusum::detector("x").unwrap(), 600).snapshot();
    let restore = |read| Changes::restore(EwmaBand::detector("x"), read);
    // Without its own configuration nothing fits, so the inner model is that of the default.
    let honest_of_default = {
        let inner = EwmaBand::detector("x").build().unwrap();
        shown(Changes::new(inner), 600).snapshot()
    };
    assert!(restore(honest).is_err());
    let use_it = |detector, told: &str| unharmed(detector, 600, told);
    attack("changes", &honest_of_default, restore, use_it);
}

#[test]
fn a_season_takes_no_snapshot_on_trust() {
    let builder = || Seasonal::builder("x").season(STEP * 48).slots(24);
    for samples in [40, 600] {
        let honest = shown(builder().build().unwrap(), samples).snapshot();
        let use_it = |detector, told: &str| unharmed(detector, samples, told);
        attack("seasonal", &honest, |read| builder().restore(read), use_it);
    }
}

#[test]
fn a_fleet_takes_no_snapshot_on_trust() {
    let values = |n: u32| (0..5_u32).map(move |zone| (zone, value(n * 5 + zone, u32::MAX)));
    let mut fleet = Fleet::builder("x").build().unwrap();
    for n in 1..100 {
        fleet.observe(at(n), values(n));
    }
    let use_it = |mut fleet: Fleet<u32>, told: &str| {
        for n in 100..180 {
            let reading = fleet.observe(at(n), values(n));
            assert!(reading.spread.is_none_or(|spread| spread > 0.0), "{told}: {reading:?}");
            assert!(reading.differing.iter().all(|one| one.evidence.is_finite()), "{told}");
        }
        assert!(fleet.bytes() < 100_000, "{told}");
    };
    attack("fleet", &fleet.snapshot(), |read| Fleet::builder("x").restore(read), use_it);
}
