use rely_core::{Level, Ratio};

use super::*;
use crate::Detector;
use crate::calibrated::{Calibrated, CalibratedBuilder, Model};
use crate::families::{Adwin, Cusum, Dspot, EwmaBand, PageHinkley, RobustZ, WeeklyRatio};

/// Alarms a week from when it is warm, over three months of three seeds.
fn alarms<D: Detector>(make: impl Fn() -> D, kind: Kind) -> f64 {
    let (mut alarms, mut judged) = (0_u32, 0_u32);
    for seed in 0..3 {
        let (mut detector, mut was) = (make(), false);
        for sample in Series::new(kind, seed).take(13 * A_WEEK) {
            let level = detector.observe(sample).level;
            let is = level == Level::Unhealthy;
            alarms += u32::from(is && !was);
            judged += u32::from(level != Level::Unknown);
            was = is;
        }
    }
    f64::from(alarms) * A_WEEK as f64 / f64::from(judged)
}

/// Holds a detector to a factor of two for each kind of series that it is meant for.
fn holds<D: Detector>(name: &str, make: impl Fn() -> D, meant: &[Kind]) {
    for kind in meant {
        let a_week = alarms(&make, *kind);
        println!("{name}, {kind:?}: {a_week:.2} a week");
        assert!((0.5..2.0).contains(&a_week), "{name}, {kind:?}: {a_week} a week");
    }
}

fn built<M: Model>(builder: CalibratedBuilder<M>) -> Calibrated<M> {
    builder.tolerance_share(Ratio::ZERO).build().unwrap()
}

use Kind::{Correlated, Drifting, Heavy, Plain, Seasonal};

#[test]
fn a_moving_band_keeps_to_its_false_alarms() {
    let all = [Plain, Seasonal, Heavy, Correlated, Drifting];
    holds("EwmaBand", || built(EwmaBand::detector("")), &all);
}

#[test]
fn a_tail_keeps_to_its_false_alarms() {
    let all = [Plain, Seasonal, Heavy, Correlated, Drifting];
    holds("Dspot", || built(Dspot::detector("")), &all);
}

#[test]
fn an_adaptive_window_keeps_to_its_false_alarms() {
    let all = [Plain, Seasonal, Heavy, Correlated, Drifting];
    holds("Adwin", || built(Adwin::detector("")), &all);
}

#[test]
fn a_robust_z_score_keeps_to_its_false_alarms() {
    holds("RobustZ", || built(RobustZ::detector("")), &[Plain, Heavy, Correlated, Drifting]);
}

#[test]
fn a_weekly_ratio_keeps_to_its_false_alarms() {
    let meant = [Plain, Seasonal, Heavy, Correlated];
    holds("WeeklyRatio", || built(WeeklyRatio::detector("")), &meant);
}

#[test]
fn changes_are_found_in_vain_as_rarely_as_asked_for() {
    holds("Cusum", || Cusum::detector("").unwrap(), &[Plain, Heavy]);
    holds("PageHinkley", || PageHinkley::page_hinkley("").unwrap(), &[Plain, Heavy]);
}

#[test]
fn a_setting_is_a_setting() {
    let daily = || EwmaBand::detector("").false_alarm_every(STEP * 288);
    let a_week = alarms(|| built(daily()), Plain);
    assert!((3.5..14.0).contains(&a_week), "{a_week}");
}
