//! Series as services have them.

use super::*;

const PER_DAY: u32 = 288;

/// Traffic over a day, with a lunch break, from about 20 to 100; half of it at the weekend.
fn traffic(n: u32, rng: &mut Rng, weekend: bool, shift: f64) -> f64 {
    let phase = (f64::from(n % PER_DAY) / f64::from(PER_DAY) + shift).fract();
    let day = (core::f64::consts::TAU * (phase - 0.25)).sin();
    let lunch = if (0.5..0.53).contains(&phase) { 10.0 } else { 0.0 };
    let level = if weekend { 0.4 } else { 1.0 };
    level * (60.0 + 40.0 * day - lunch) + noise(rng)
}

fn is_weekend(n: u32) -> bool {
    n / PER_DAY % 7 >= 5
}

fn weeks(days: u32, rng: &mut Rng) -> Vec<f64> {
    (0..days * PER_DAY).map(|n| traffic(n, rng, is_weekend(n), 0.0)).collect()
}

#[test]
fn a_season_alone_is_no_alarm() {
    let mut rng = Rng::seeded(31);
    let mut detector = Ensemble::new("x");
    let readings = show(&mut detector, FIVE, weeks(28, &mut rng));
    let late = &readings[14 * PER_DAY as usize..];
    assert!(alarms(late) <= 4, "{}", alarms(late));
    // It is in the season that the forecast is right.
    let off = |reading: &Reading| (reading.sample.value - reading.expected.unwrap()).abs();
    let mean = late.iter().map(off).sum::<f64>() / late.len() as f64;
    assert!(mean < 1.5, "{mean}");
    // What would be ordinary by day is an alarm by night.
    let reading = show(&mut detector, FIVE, [95.0])[0];
    assert_eq!(reading.level, Level::Unhealthy, "{reading}");
}

#[test]
fn daylight_saving_is_survived() {
    for shift in [1.0 / 24.0, 23.0 / 24.0] {
        let mut rng = Rng::seeded(32);
        let mut detector = Ensemble::new("x");
        show(&mut detector, FIVE, weeks(28, &mut rng));
        let moved = (0..7 * PER_DAY).map(|n| traffic(n, &mut rng, is_weekend(n), shift));
        let moved: Vec<f64> = moved.collect();
        let readings = show(&mut detector, FIVE, moved);
        // The mix finds its way within hours, the profile of the day being off by up to ten.
        let off = |reading: &Reading| (reading.sample.value - reading.expected.unwrap()).abs();
        let mean = readings[72..288].iter().map(off).sum::<f64>() / 216.0;
        assert!(mean < 2.0, "{mean}");
        let bad = readings.iter().filter(|reading| reading.level == Level::Unhealthy).count();
        assert!(
            alarms(&readings) <= 3 && bad < PER_DAY as usize / 2,
            "{} {bad}",
            alarms(&readings)
        );
    }
}

#[test]
fn a_holiday_is_survived() {
    // A Monday that is like a Sunday, a Friday like a Saturday, and a Wednesday.
    for holiday in [0, 2, 4] {
        let mut rng = Rng::seeded(33);
        let mut detector = Ensemble::new("x");
        show(&mut detector, FIVE, weeks(28, &mut rng));
        let week = (0..7 * PER_DAY)
            .map(|n| traffic(n, &mut rng, is_weekend(n) || n / PER_DAY == holiday, 0.0));
        let week: Vec<f64> = week.collect();
        let readings = show(&mut detector, FIVE, week);
        // The day is unlike others, so it may be told once as it begins, but not all day long.
        assert!(alarms(&readings) <= 4, "{holiday}: {}", alarms(&readings));
    }
}

#[test]
fn one_unit_on_a_constant_does_not_matter() {
    let mut detector = Ensemble::new("x");
    let constant = show(&mut detector, FIVE, [1000.0; 1000]);
    assert!(constant.iter().all(|reading| reading.severity < 1e-3));
    assert_eq!(alarms(&constant), 0);
    let slight = show(&mut detector, FIVE, [1001.0])[0];
    assert!(slight.severity < 0.1, "{}", slight.severity);
    show(&mut detector, FIVE, [1000.0; 50]);
    let gross = show(&mut detector, FIVE, [5000.0])[0];
    assert!(gross.severity > 2.4, "{}", gross.severity);
}

#[test]
fn two_spikes_close_together_are_both_seen() {
    let mut detector = Ensemble::new("x");
    show(&mut detector, FIVE, quiet(100.0, 1.0, 1200));
    let readings = show(&mut detector, FIVE, [170.0, 100.0, 175.0]);
    for n in [0, 2] {
        assert!(readings[n].surprise() > 2.4, "{n}: {}", readings[n]);
        assert_eq!(readings[n].why, Why::Alarm);
    }
    assert!(readings[1].surprise() < readings[2].surprise());
}

#[test]
fn an_outage_is_unhealthy_until_it_is_over() {
    let mut detector = Ensemble::new("x");
    show(&mut detector, MINUTE, quiet(100.0, 2.0, 1200));
    let outage = show(&mut detector, MINUTE, quiet(2.0, 0.5, 60));
    assert!(outage.iter().all(|reading| reading.level == Level::Unhealthy), "{}", outage[0]);
    assert_eq!(outage[59].since, outage[0].sample.at);
    let after = show(&mut detector, MINUTE, quiet(100.0, 2.0, 60));
    let back = after.iter().position(|reading| reading.level == Level::Healthy).unwrap();
    assert!(back <= 30, "{back}");
    assert!(after[back + 5..].iter().all(|reading| reading.level != Level::Unhealthy));
}

#[test]
fn a_level_shift_is_learnt_anew() {
    let make = || {
        let mut detector = Ensemble::new("x");
        show(&mut detector, MINUTE, quiet(100.0, 1.0, 1200));
        detector
    };
    let mut detector = make();
    let shifted = show(&mut detector, MINUTE, quiet(180.0, 1.0, 600));
    let relearnt = shifted.iter().position(|reading| reading.why == Why::Relearnt).unwrap();
    assert!((60..200).contains(&relearnt), "{relearnt}");
    assert!(shifted[..relearnt].iter().all(|reading| reading.level == Level::Unhealthy));
    assert_eq!(alarms(&shifted[relearnt + 1..]), 0);
    let expected = shifted[599].expected.unwrap();
    assert!((178.0..182.0).contains(&expected), "{expected}");
    // Somebody may say so at once.
    let mut detector = make();
    let seen = show(&mut detector, MINUTE, quiet(180.0, 1.0, 10));
    assert_eq!(seen[9].level, Level::Unhealthy);
    detector.accept(180.0);
    let after = show(&mut detector, MINUTE, quiet(180.0, 1.0, 200));
    assert!(alarms(&after) <= 1 && after[199].level == Level::Healthy, "{}", alarms(&after));
}

#[test]
fn after_a_gap_it_goes_on_from_where_the_series_is() {
    let mut detector = Ensemble::new("x");
    show(&mut detector, MINUTE, quiet(100.0, 1.0, 1200));
    let gap = Instant::from_nanos(40 * 24 * 3600 * 1_000_000_000);
    assert_eq!(detector.observe(Sample::new(gap, 100.5)).level, Level::Healthy);
    let readings = show(&mut detector, MINUTE, quiet(100.0, 1.0, 300));
    assert_eq!(alarms(&readings), 0);
}

#[test]
fn steps_may_be_of_any_length_and_uneven() {
    for step in [Duration::from_millis(10), Duration::from_secs(1), Duration::from_secs(3600)] {
        let mut rng = Rng::seeded(34);
        let mut detector = Ensemble::new("x");
        let mut at = Instant::ORIGIN;
        let mut readings = Vec::new();
        for _ in 0..3000 {
            at += step.mul_f64(0.5 + rng.unit_f64());
            readings.push(detector.observe(Sample::new(at, 50.0 + noise(&mut rng))));
        }
        let (bad, weeks) = (alarms(&readings[800..]), 2200.0 * step.as_secs_f64() / 604_800.0);
        let at = at + step;
        let reading = detector.observe(Sample::new(at, 150.0));
        assert!(
            bad as f64 <= 3.0 + 2.0 * weeks && reading.level == Level::Unhealthy,
            "{step:?} {bad} {reading}"
        );
    }
}
