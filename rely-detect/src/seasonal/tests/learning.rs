use super::*;

#[test]
fn a_season_and_twenty_samples_warm_it_up_and_until_then_nothing_is_known() {
    let mut series = Series::new(1, Noise::Normal, 0.1);
    let mut detector = builder().build().unwrap();
    for n in 1..=32 {
        assert!(!detector.is_warm(), "{n}");
        let reading = detector.observe(series.next());
        assert_eq!((reading.level, reading.p_value), (Level::Unknown, None), "{n}: {reading}");
        assert_eq!(reading.expected.is_some(), n > 12, "{n}: {reading}");
    }
    let reading = detector.observe(series.next());
    assert_eq!(reading.level, Level::Healthy, "{reading}");
    assert!((reading.resolution.unwrap() - 1.0 / 21.0).abs() < 1e-12, "{reading:?}");
}

#[test]
fn one_spike_ends_within_a_few_samples_and_does_not_hide_the_next() {
    let mut series = Series::new(5, Noise::Normal, 0.1);
    let mut detector = warm(&mut series, 120);
    let spike = detector.observe(series.times(20.0));
    assert_eq!((spike.level, spike.why), (Level::Unhealthy, Why::Alarm), "{spike}");
    assert!(spike.is_extrapolated() && spike.to_string().contains("extrapolated below"), "{spike}");
    let ends = (0..20).position(|_| detector.observe(series.next()).level == Level::Healthy);
    assert!(ends <= Some(6), "{ends:?}");
    for _ in 0..24 {
        let reading = detector.observe(series.next());
        assert!(reading.expected < Some(70.0), "{reading}");
    }
    assert_eq!(detector.observe(series.times(20.0)).level, Level::Unhealthy);
}

#[test]
fn a_shift_that_lasts_is_learnt_in_the_time_that_was_set_and_not_before() {
    for factor in [20.0, 0.01] {
        let mut series = Series::new(4, Noise::Normal, 0.05);
        let mut detector =
            builder().side(Side::Both).relearn_after(Duration::from_secs(20)).build().unwrap();
        for _ in 0..200 {
            detector.observe(series.next());
        }
        let levels: Vec<_> =
            (0..200).map(|_| detector.observe(series.times(factor)).level).collect();
        let bad = levels.iter().take_while(|level| **level == Level::Unhealthy).count();
        assert!((78..=84).contains(&bad), "{factor}: {bad}");
        let healthy = levels[bad..].iter().filter(|level| **level == Level::Healthy).count();
        assert!(healthy >= 110, "{factor}: {healthy} of {}", levels.len() - bad);
    }
}

#[test]
fn what_is_accepted_is_ordinary_at_once() {
    let mut series = Series::new(4, Noise::Normal, 0.05);
    let mut detector = warm(&mut series, 200);
    let mut raised = || {
        let sample = series.next();
        Sample { value: sample.value + 300.0, ..sample }
    };
    for _ in 0..8 {
        assert_eq!(detector.observe(raised()).level, Level::Unhealthy);
    }
    detector.accept();
    for _ in 0..24 {
        let reading = detector.observe(raised());
        assert_eq!(reading.level, Level::Healthy, "{reading}");
    }
    // Without a deviation there is nothing to accept.
    let before = detector.clone();
    detector.accept();
    assert_eq!(detector, before);
}

#[test]
fn an_outlier_while_it_warms_up_is_forgotten_in_two_seasons() {
    let mut series = Series::new(6, Noise::Normal, 0.05);
    let mut detector = builder().build().unwrap();
    for n in 0..60 {
        detector.observe(if n == 4 { series.times(50.0) } else { series.next() });
    }
    for _ in 0..12 {
        let sample = series.next();
        let reading = detector.observe(sample);
        assert!((reading.expected.unwrap() - sample.value).abs() < 15.0, "{reading}");
    }
}

#[test]
fn incidents_that_come_again_and_again_do_not_widen_the_band() {
    // A second of 100 ms every fifteen, over 10 ± 1 ms.
    let mut rng = Rng::seeded(5);
    let mut detector = Seasonal::builder("queue")
        .season(Duration::from_secs(2))
        .slots(8)
        .side(Side::High)
        .tolerance_share(Ratio::ZERO)
        .build()
        .unwrap();
    let mut widths = Vec::new();
    for n in 0..60 * 20_u32 {
        let incident = n >= 60 && n % 60 < 4;
        let value = if incident { 100.0 } else { 10.0 + 0.3 * normal(&mut rng) };
        let reading = detector.observe(Sample::of(Instant::ORIGIN + STEP * n, value, 10));
        if incident {
            assert_eq!(reading.level, Level::Unhealthy, "{n}: {reading}");
        }
        if n % 60 == 59 {
            widths.push(reading.band.unwrap().high - reading.expected.unwrap());
        }
    }
    // An incident in a whole memory is taken for chance, and makes the band twice as wide.
    assert!(widths.iter().all(|width| *width < 2.5), "{widths:.2?}");
}

#[test]
fn what_comes_back_at_the_same_time_of_each_season_is_learnt_for_that_time() {
    // Five slots of a season rise, for less time than any deviation has to last.
    for (relearn, seasons) in [(12, 5), (30, 11)] {
        let mut rng = Rng::seeded(9);
        let builder = builder().side(Side::Both).tolerance_share(Ratio::ZERO);
        let builder = builder.relearn_after(Duration::from_secs(relearn));
        let mut detector = builder.build().unwrap();
        let mut alarmed = Vec::new();
        for n in 0..12 * 60_u32 {
            let (season, slot) = (n / 12, n % 12);
            let job = season >= 20 && (3..8).contains(&slot);
            let value = if job { 60.0 } else { 40.0 } + normal(&mut rng);
            let reading = detector.observe(Sample::new(Instant::ORIGIN + STEP * n, value));
            if job && slot > 3 && reading.level == Level::Unhealthy {
                alarmed.push(season - 20);
            }
        }
        alarmed.dedup();
        let expected: Vec<_> = (0..seasons).collect();
        assert_eq!(alarmed, expected, "{relearn}");
    }
}

#[test]
fn after_a_shift_samples_of_few_calls_leave_the_band_as_wide_as_before() {
    let mut rng = Rng::seeded(3);
    let builder = Seasonal::builder("x").without_season(STEP).tolerance_share(Ratio::ZERO);
    let mut detector = builder.relearn_after(STEP * 200).build().unwrap();
    let mut width = |n: u32, level: f64| {
        // Three in four are means of a hundredth of the calls.
        let count = if n % 4 == 0 { 10_000 } else { 100 };
        let spread = (10_000.0 / count as f64).sqrt();
        let value = level + spread * normal(&mut rng);
        let at = Instant::ORIGIN + STEP * n;
        let band = detector.observe(Sample::of(at, value, count)).band;
        band.filter(|_| n % 4 == 0).map(|band| band.high - band.low)
    };
    let before = (0..1_000).filter_map(|n| width(n, 1_000.0)).last().unwrap();
    let after = (1_000..1_240).filter_map(|n| width(n, 2_000.0)).last().unwrap();
    assert!(after < 1.5 * before, "{after} {before}");
}
