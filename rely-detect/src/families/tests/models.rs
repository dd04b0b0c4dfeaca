//! What each family says for itself.

use rely_core::Level;

use super::*;
use crate::calibrated::{Model, Threshold};
use crate::families::{Adwin, Baseline, Cusum, Dspot, EwmaBand, PageHinkley, RobustZ};
use crate::families::{WeeklyRatio, WeeklyRatioConfig};
use crate::{Detector, Side, Why};

fn at(n: u32) -> Instant {
    Instant::ORIGIN + STEP * n
}

#[test]
fn a_median_and_its_spread_do_not_mind_a_third_of_wild_values() {
    let (mut model, mut series) = (RobustZ::default(), Series::new(Kind::Plain, 1));
    for n in 1..600 {
        let wild = if n % 3 == 0 { 1e6 } else { 0.0 };
        model.learn(&Sample::new(at(n), series.value() + wild));
    }
    let assessed = model.assess(&Sample::new(at(600), 210.0)).unwrap();
    assert!((assessed.expected - 200.0).abs() < 1.5, "{assessed:?}");
    // The wild third widens what the median distance says, to that of the middle three quarters.
    let mut clean = RobustZ::default();
    (1..600).for_each(|n| clean.learn(&Sample::new(at(n), series.value())));
    let assessed = clean.assess(&Sample::new(at(600), 210.0)).unwrap();
    assert!((assessed.scale - 1.0).abs() < 0.25 && (assessed.deviation - 10.0).abs() < 3.0);
}

#[test]
fn a_window_holds_the_last_day_at_any_step() {
    for seconds in [1, 60, 300, 3600] {
        let mut model = RobustZ::default();
        let days = 3 * 86_400 / seconds;
        for n in 1..=days {
            let day = f64::from(u32::try_from(n * seconds / 86_400).unwrap());
            model.learn(&Sample::new(Instant::ORIGIN + Duration::from_secs(n * seconds), day));
        }
        let end = Instant::ORIGIN + Duration::from_secs(3 * 86_400 + 1);
        let assessed = model.assess(&Sample::new(end, 2.0)).unwrap();
        assert!((assessed.expected - 2.0).abs() < 1e-9, "{seconds} s: {assessed:?}");
    }
}

#[test]
fn a_band_follows_by_time_and_not_by_samples() {
    let mut levels = Vec::new();
    for seconds in [1, 10, 60] {
        let mut model = EwmaBand::default();
        let sample =
            |n: u64, value| Sample::new(Instant::ORIGIN + Duration::from_secs(n * seconds), value);
        let four_hours = 4 * 3600 / seconds;
        (0..four_hours).for_each(|n| model.learn(&sample(n, 0.0)));
        (four_hours..four_hours * 5 / 4).for_each(|n| model.learn(&sample(n, 100.0)));
        levels.push(model.level());
    }
    // An hour is one time constant.
    assert!(levels.iter().all(|level| (level - 63.2).abs() < 2.0), "{levels:?}");
}

fn week_of(hour: u32) -> f64 {
    100.0 + 50.0 * (TAU * f64::from(hour % 24) / 24.0).sin() + f64::from(hour % 168 / 24) * 10.0
}

#[test]
fn a_weekly_ratio_knows_the_time_of_the_week_and_forgives_one_bad_week() {
    let mut model = WeeklyRatio::default();
    let hour = |n: u32| Instant::ORIGIN + Duration::from_secs(3600) * n + Duration::from_secs(1800);
    for n in 0..168 * 5 {
        let sample = Sample::new(hour(n), week_of(n));
        assert_eq!(model.assess(&sample).is_some(), n >= 168, "{n}");
        // The fourth week is an incident.
        let value = if n / 168 == 3 { 0.0 } else { sample.value };
        model.learn(&Sample { value, ..sample });
    }
    // What an absent week took from the level is back within weeks, and its values never counted.
    for n in 168 * 5..168 * 8 {
        model.learn(&Sample::new(hour(n), week_of(n)));
    }
    for n in 168 * 8..168 * 9 {
        let sample = Sample::new(hour(n), 1.5 * week_of(n));
        let assessed = model.assess(&sample).unwrap();
        assert!((assessed.deviation - 0.5).abs() < 0.1, "{n}: {assessed:?}");
    }
}

#[test]
fn little_traffic_is_no_alarm_and_the_plain_rule_is_the_operators() {
    let config = WeeklyRatioConfig {
        baseline: Baseline::PastWeek,
        minimum: 10.0,
        ..WeeklyRatioConfig::default()
    };
    let mut rule = Threshold::new("calls", config.build().unwrap(), 0.5).unwrap().side(Side::High);
    let hour = |n: u32| Instant::ORIGIN + Duration::from_secs(3600) * n;
    for n in 0..400 {
        let level = rule.observe(Sample::new(hour(n), 2.0)).level;
        assert_ne!(level, Level::Unhealthy);
    }
    // Expected are two; under the least traffic of ten up to seven pass.
    let table = [(6.9, Level::Degraded), (7.1, Level::Unhealthy), (0.0, Level::Healthy)];
    for (value, level) in table {
        let reading = rule.clone().observe(Sample::new(hour(400), value));
        assert_eq!(reading.level, level, "{value}");
    }
    assert_eq!(rule.observe(Sample::new(hour(399), 1.0)).why, Why::Late);
    assert_eq!(rule.observe(Sample::missing(hour(401))).why, Why::NotANumber);
    assert!(Threshold::new("", RobustZ::default(), 0.0).is_err());
}

#[test]
fn beyond_a_spot_lies_the_risk_that_was_asked_for() {
    for kind in [Kind::Plain, Kind::Heavy] {
        let mut model =
            crate::families::DspotConfig { risk: 1e-3, ..Default::default() }.build().unwrap();
        let (mut beyond, mut judged) = (0_u32, 0_u32);
        for sample in Series::new(kind, 5).take(60_000) {
            if let Some(assessed) = model.assess(&sample).filter(|_| sample.at > at(2000)) {
                beyond += u32::from(assessed.deviation > 1.0);
                judged += 1;
            }
            model.learn(&sample);
        }
        // Two tails.
        let ratio = f64::from(beyond) / f64::from(judged) / 2e-3;
        assert!((0.4..2.5).contains(&ratio), "{kind:?}: {ratio}");
    }
    assert!(Dspot::default().assess(&Sample::new(at(1), 1.0)).is_none());
}

#[test]
fn an_adaptive_window_grows_and_drops_what_is_over() {
    let (mut model, mut series) = (Adwin::default(), Series::new(Kind::Plain, 6));
    (1..4000).for_each(|n| model.learn(&Sample::new(at(n), series.value())));
    assert!(model.drops() <= 1 && model.width() > 3000.0, "{} {}", model.drops(), model.width());
    for n in 4000..4200 {
        model.learn(&Sample::new(at(n), series.value() + 3.0));
    }
    assert!(model.drops() >= 1 && model.width() < 400.0, "{}", model.width());
    assert!((model.mean() - 203.0).abs() < 0.5, "{}", model.mean());
    // The memory is that of five buckets of each size.
    (0..20_000).for_each(|n| model.learn(&Sample::new(at(5000 + n), series.value())));
    assert!(model.heap_bytes() < 4096);
}

fn finds<M: Model>(mut detector: crate::families::Changes<M>, shift: f64) {
    let mut series = Series::new(Kind::Plain, 7);
    for sample in series.by_ref().take(3000) {
        detector.observe(sample);
    }
    let before = detector.found();
    let (began, mut found, mut first) = (series.n + 1, 0, None);
    for sample in series.take(100) {
        let reading = detector.observe(Sample { value: sample.value + shift, ..sample });
        found += u32::from(reading.level == Level::Unhealthy);
        first = first.or(detector.last().filter(|change| change.found > at(began)));
        assert!((0.0..=1.0).contains(&reading.score));
    }
    assert!(found >= 1 && detector.found() == before + u64::from(found), "{found}");
    let change = first.unwrap();
    assert_eq!(change.side(), if shift > 0.0 { Side::High } else { Side::Low });
    assert!(change.began >= at(began - 8) && change.began <= at(began + 4), "{change:?}");
    assert!((change.to - change.from - shift).abs() < 1.0, "{change:?}");
    // Re-anchored.
    let expected = detector.observe(Sample::new(at(100_000), 200.0)).expected.unwrap();
    assert!((expected - 200.0 - shift).abs() < 0.8, "{expected}");
}

#[test]
fn small_shifts_that_last_are_found_with_their_beginning_and_size() {
    for shift in [2.0, -2.0, 1.5] {
        finds(Cusum::detector("").unwrap(), shift);
        finds(PageHinkley::page_hinkley("").unwrap(), shift);
    }
}

#[test]
fn what_alternates_does_not_fall_in_step_with_a_window() {
    let mut detector = RobustZ::detector("").build().unwrap();
    for n in 0..4000_u32 {
        let reading = detector.observe(Sample::new(at(n + 1), f64::from(n % 2 + 1)));
        assert!(reading.level != rely_core::Level::Unhealthy, "{n}: {reading}");
    }
}

#[test]
fn a_series_that_was_at_rest_may_begin_to_move() {
    let mut detector = Dspot::detector("").build().unwrap();
    let mut bad = 0;
    for n in 0..4032_u32 {
        let noise = f64::from(n.wrapping_mul(2_654_435_761) >> 20) / 512.0;
        let value = if n < 2016 { 50.0 } else { 50.0 + noise };
        let reading = detector.observe(Sample::new(at(n + 1), value));
        bad += u32::from(n > 3000 && reading.level == rely_core::Level::Unhealthy);
    }
    assert!(bad < 20, "{bad}");
}
