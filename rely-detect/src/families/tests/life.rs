//! What every family has to stand.

use proptest::prelude::*;
use rely_core::Level;

use super::*;
use crate::calibrated::{Calibrated, CalibratedBuilder, Model};
use crate::families::{Adwin, Changes, Cusum, Dspot, EwmaBand, PageHinkley, RobustZ, WeeklyRatio};
use crate::families::{AdwinConfig, DspotConfig, RobustZConfig, WeeklyRatioConfig};
use crate::{Detector, Reading, Why};

fn weekly() -> CalibratedBuilder<WeeklyRatio> {
    WeeklyRatio::detector("any")
}

fn ended<D: Detector>(
    detector: &mut D,
    series: &mut Series,
    factor: f64,
    n: usize,
) -> Vec<Reading> {
    let raise = |sample: Sample| Sample { value: sample.value * factor, ..sample };
    series.take(n).map(|sample| detector.observe(raise(sample))).collect()
}

/// Learns for three weeks, is shifted for a day and a half: an alarm at once, then ordinary.
fn relearns<M: Model>(name: &str, builder: CalibratedBuilder<M>) {
    let (mut detector, mut series) = (builder.build().unwrap(), Series::new(Kind::Plain, 3));
    ended(&mut detector, &mut series, 1.0, 3 * A_WEEK);
    assert!(detector.is_warm(), "{name}");
    let shifted = ended(&mut detector, &mut series, 1.5, 432);
    let seen = shifted.iter().position(|reading| reading.level == Level::Unhealthy);
    assert!(seen < Some(2), "{name}: {seen:?}");
    assert!(shifted.iter().any(|reading| reading.why == Why::Relearnt), "{name}");
    let late = shifted[300..].iter().filter(|reading| reading.level == Level::Unhealthy).count();
    assert!(late < 30, "{name}: {late}");
    let expected = shifted[431].expected.unwrap();
    assert!((expected - 300.0).abs() < 5.0, "{name}: {expected}");
}

#[test]
fn level_shifts_are_alarms_and_then_ordinary() {
    relearns("EwmaBand", EwmaBand::detector(""));
    relearns("RobustZ", RobustZ::detector(""));
    relearns("WeeklyRatio", weekly());
    relearns("Dspot", Dspot::detector(""));
    relearns("Adwin", Adwin::detector(""));
}

/// A week of silence, then on: nothing breaks, and it is in its senses again.
fn survives_a_gap<M: Model>(name: &str, builder: CalibratedBuilder<M>) {
    let (mut detector, mut series) = (builder.build().unwrap(), Series::new(Kind::Plain, 4));
    ended(&mut detector, &mut series, 1.0, 2 * A_WEEK);
    series.n += 2016;
    let after = ended(&mut detector, &mut series, 1.0, 600);
    let alarms = after.iter().filter(|reading| reading.level == Level::Unhealthy).count();
    assert!(alarms < 12, "{name}: {alarms}");
    let gross = ended(&mut detector, &mut series, 2.0, 1);
    assert_eq!(gross[0].level, Level::Unhealthy, "{name}");
}

#[test]
fn gaps_are_survived() {
    survives_a_gap("EwmaBand", EwmaBand::detector(""));
    survives_a_gap("RobustZ", RobustZ::detector(""));
    survives_a_gap("WeeklyRatio", weekly());
    survives_a_gap("Dspot", Dspot::detector(""));
    survives_a_gap("Adwin", Adwin::detector(""));
}

#[test]
fn state_stays_as_small_as_it_says() {
    fn grown<D: Detector>(mut detector: D) -> usize {
        let mut series = Series::new(Kind::Correlated, 1);
        ended(&mut detector, &mut series, 1.0, 2 * A_WEEK);
        let before = detector.bytes();
        ended(&mut detector, &mut series, 1.0, 4 * A_WEEK);
        assert_eq!(detector.bytes(), before);
        before
    }
    // The most bytes that each may take up.
    assert!(grown(EwmaBand::detector("").build().unwrap()) <= 1024);
    assert!(grown(PageHinkley::page_hinkley("").unwrap()) <= 1536);
    assert!(grown(Cusum::detector("").unwrap()) <= 1536);
    assert!(grown(RobustZ::detector("").build().unwrap()) <= 8 * 1024);
    assert!(grown(weekly().build().unwrap()) <= 8 * 1024);
    assert!(grown(Dspot::detector("").build().unwrap()) <= 8 * 1024);
    assert!(grown(Adwin::detector("").build().unwrap()) <= 5 * 1024);
}

fn goes_on<M: Model + Clone + PartialEq + Stored>(
    builder: &CalibratedBuilder<M>,
    samples: &[Sample],
    stop: usize,
) {
    let mut whole = builder.clone().build().unwrap();
    let (before, after) = samples.split_at(stop.min(samples.len()));
    let mut prefix = builder.clone().build().unwrap();
    for sample in before {
        // What is not in yet changes nothing of what is said.
        let (one, other) = (whole.observe(*sample), prefix.observe(*sample));
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }
    let mut restored = builder.clone().restore(M::stored(whole.snapshot())).unwrap();
    for sample in after {
        let (one, other) = (whole.observe(*sample), restored.observe(*sample));
        // Not a number is not equal to itself.
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        let p = one.p_value.unwrap_or(0.5);
        assert!(p > 0.0 && p <= 1.0 && one.severity >= 0.0 && (0.0..=1.0).contains(&one.score));
        assert!(one.band.is_none_or(|band| band.low <= band.high));
    }
    assert!(whole == restored);
}

/// There and back through a file, where that is to be had.
trait Stored: Model + Sized {
    fn stored(
        snapshot: crate::calibrated::CalibratedSnapshot<Self>,
    ) -> crate::calibrated::CalibratedSnapshot<Self>;
}

macro_rules! stored {
    ($($model:ty),*) => {$(
        impl Stored for $model {
            fn stored(
                snapshot: crate::calibrated::CalibratedSnapshot<Self>,
            ) -> crate::calibrated::CalibratedSnapshot<Self> {
                #[cfg(feature = "serde")]
                let snapshot =
                    serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
                snapshot
            }
        }
    )*};
}

stored!(EwmaBand, RobustZ, WeeklyRatio, Dspot, Adwin);

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![20 => 90.0..110.0, 2 => -1e3..1e3, 1 => any::<f64>(), 1 => Just(100.0)]
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let step = prop_oneof![20 => 1..600_u64, 1 => Just(0), 1 => 0..3_000_000_u64];
    prop::collection::vec((step, value(), 0..4_u64), 0..500).prop_map(|drawn| {
        let mut at = Instant::ORIGIN;
        let sample = |(step, value, count)| {
            at += Duration::from_secs(step);
            Sample::of(at, value, count)
        };
        drawn.into_iter().map(sample).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_restored_detector_goes_on_as_if_nothing_had_happened(
        samples in samples(),
        stop in 0..500_usize,
    ) {
        goes_on(&EwmaBand::detector("").warm_up(20), &samples, stop);
        goes_on(&RobustZ::detector("").warm_up(20), &samples, stop);
        goes_on(&weekly().warm_up(20), &samples, stop);
        goes_on(&Dspot::detector("").warm_up(20), &samples, stop);
        goes_on(&Adwin::detector("").warm_up(20), &samples, stop);
    }

    #[test]
    fn sums_of_residuals_go_on_as_well(samples in samples(), stop in 0..500_usize) {
        let builder = || EwmaBand::detector("").warm_up(20);
        let mut whole = Changes::new(builder().build().unwrap());
        let (before, after) = samples.split_at(stop.min(samples.len()));
        before.iter().for_each(|sample| { whole.observe(*sample); });
        let snapshot = whole.snapshot();
        #[cfg(feature = "serde")]
        let snapshot = serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
        let mut restored = Changes::restore(builder(), snapshot).unwrap();
        for sample in after {
            let (one, other) = (whole.observe(*sample), restored.observe(*sample));
            prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        prop_assert!(whole == restored);
    }
}

#[test]
fn a_snapshot_of_another_configuration_is_refused() {
    let other = RobustZConfig { samples: 64, ..RobustZConfig::default() }.build().unwrap();
    let snapshot = Calibrated::builder("", other).build().unwrap().snapshot();
    let error = RobustZ::detector("").restore(snapshot).unwrap_err();
    assert_eq!(error.field(), "snapshot.state.model");
}

#[test]
fn bad_settings_name_their_field() {
    let field = |error: rely_core::ConfigError| error.field().to_owned();
    let robust = |samples| RobustZConfig { samples, ..RobustZConfig::default() };
    assert_eq!(field(robust(31).build().unwrap_err()), "samples");
    let weekly = WeeklyRatioConfig { weeks: 13, ..WeeklyRatioConfig::default() };
    assert_eq!(field(weekly.build().unwrap_err()), "weeks");
    let minimum = WeeklyRatioConfig { minimum: -1.0, ..WeeklyRatioConfig::default() };
    assert_eq!(field(minimum.build().unwrap_err()), "minimum");
    assert_eq!(field(AdwinConfig { confidence: 0.5 }.build().unwrap_err()), "confidence");
    let dspot = DspotConfig { risk: 0.0, ..DspotConfig::default() };
    assert_eq!(field(dspot.build().unwrap_err()), "risk");
}
