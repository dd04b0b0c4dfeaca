use super::*;

#[test]
fn nine_seconds_of_samples_are_enough_to_catch_a_jump_and_to_keep_quiet_for_a_minute() {
    let runs = 200;
    // Two noises as a mean of many calls has them, two far heavier.
    let table = [
        (Noise::Normal, 6, 0),
        (Noise::Exponential, 6, 0),
        (Noise::LogNormal, 16, 0),
        (Noise::Heavy, 20, 0),
    ];
    for (noise, most_false, most_missed) in table {
        let (mut noisy, mut missed) = (0, 0);
        for seed in 0..runs {
            let mut series = Series::new(seed, noise, 0.1);
            let detector = warm(&mut series, 36);
            assert!(detector.is_warm());
            let (mut jump, mut shocked) = (series.clone(), detector.clone());
            let alarmed = |_| shocked.observe(jump.times(20.0)).level == Level::Unhealthy;
            missed += u64::from(!(0..2).any(alarmed));
            let mut quiet = detector;
            noisy += u64::from(alarms(&mut quiet, 240, || series.next()) > 0);
        }
        println!("{noise:?}: {noisy} of {runs} minutes with a false alarm, {missed} jumps missed");
        assert!(noisy <= most_false, "{noise:?}: {noisy} false");
        assert!(missed <= most_missed, "{noise:?}: {missed} missed");
    }
}

#[test]
fn p_values_are_as_rare_as_they_say_and_so_are_alarms() {
    // The shares of p <= 0.1, 0.01, 0.001 and of alarms at an alpha of 0.001, as multiples of them.
    for noise in [Noise::Uniform, Noise::Normal, Noise::Exponential, Noise::LogNormal, Noise::Heavy]
    {
        for slots in [1, 24] {
            let (mut counts, mut samples) = ([0_u32; 4], 0_u32);
            for seed in 0..3 {
                let mut rng = Rng::seeded(seed).fork([slots]);
                let slots = u32::from(slots);
                let season = Seasonal::builder("noise").season(STEP * slots).slots(slots);
                let mut detector = season.tolerance_share(Ratio::ZERO).build().unwrap();
                let mut was = false;
                for n in 0..slots * 3 + 5_000 {
                    let wave = 20.0 * (f64::from(n) * TAU / f64::from(slots)).sin();
                    let value = 100.0 + wave + noise.draw(&mut rng);
                    let reading = detector.observe(Sample::new(Instant::ORIGIN + STEP * n, value));
                    if n < slots * 3 + 600 {
                        continue;
                    }
                    samples += 1;
                    let p = reading.p_value.unwrap();
                    let is = reading.level == Level::Unhealthy;
                    let seen = [p <= 0.1, p <= 0.01, p <= 0.001, is && !was];
                    was = is;
                    for (count, seen) in counts.iter_mut().zip(seen) {
                        *count += u32::from(seen);
                    }
                }
            }
            let nominal = [0.1, 0.01, 0.001, 0.001].map(|share| share * f64::from(samples));
            let ratio: Vec<_> = counts
                .iter()
                .zip(nominal)
                .map(|(count, nominal)| f64::from(*count) / nominal)
                .collect();
            println!("{noise:?}, {slots} slots: {ratio:.2?}");
            assert!((0.7..1.15).contains(&ratio[0]), "{noise:?} {slots}: {ratio:?}");
            assert!((0.4..1.3).contains(&ratio[1]), "{noise:?} {slots}: {ratio:?}");
            assert!(ratio[2] < 2.5 && ratio[3] < 2.5, "{noise:?} {slots}: {ratio:?}");
        }
    }
}

#[test]
fn small_deviations_that_last_add_up() {
    let mut series = Series::new(8, Noise::Normal, 0.05);
    let mut detector = warm(&mut series, 400);
    // Five spreads, over the band by little or not at all.
    let alarmed = (0..12).position(|_| {
        let sample = series.next();
        let raised = Sample { value: sample.value + 10.0, ..sample };
        detector.observe(raised).level == Level::Unhealthy
    });
    assert!(alarmed <= Some(3), "{alarmed:?}");
}

#[test]
fn a_mean_of_few_calls_may_deviate_more() {
    let judge = |count| {
        let mut series = Series::new(9, Noise::Normal, 0.05);
        let mut detector = warm(&mut series, 200);
        let sample = series.next();
        detector.observe(Sample { value: sample.value + 12.0, count, ..sample })
    };
    let (many, few) = (judge(50), judge(1));
    assert!(many.p_value < Some(0.01) && few.p_value > Some(0.05), "{many} {few}");
    assert!(few.band.unwrap().high > many.band.unwrap().high);
}
