use super::*;

fn leak() -> Leak {
    Leak::builder("heap").limit(4000.0).build().unwrap()
}

/// Days from the begin of a leak on the fifth day to its alarm; never before.
fn found(seed: u64, per_day: f64) -> Option<f64> {
    let (mut memory, mut leak) = (Memory::new(seed), leak());
    while memory.day() < 10.0 {
        let leaking = memory.day() - 5.0;
        let reading = leak.observe(memory.next(per_day * leaking.max(0.0)));
        if reading.level == Level::Unhealthy {
            assert!(leaking > 0.0, "seed {seed}: false alarm on day {}", memory.day());
            return Some(leaking);
        }
    }
    None
}

/// Alarms of so many days of a shape that is added to an ordinary memory.
fn alarms(seed: u64, days: f64, shape: impl Fn(f64) -> f64) -> Vec<f64> {
    let (mut memory, mut leak) = (Memory::new(seed), leak());
    let (mut alarms, mut before) = (Vec::new(), Level::Unknown);
    while memory.day() < days {
        let more = shape(memory.day());
        let level = leak.observe(memory.next(more)).level;
        if level == Level::Unhealthy && before != level {
            alarms.push(memory.day());
        }
        before = level;
    }
    alarms
}

#[test]
fn a_leak_is_found_in_time() {
    // MB a day on a GB, and in how many days; the last is one percent an hour.
    for (per_day, within, least) in [(25.0, 4.0, 12), (100.0, 1.5, 12), (240.0, 1.0, 12)] {
        let found = (0..12).filter_map(|seed| found(seed, per_day));
        let in_time = found.filter(|days| *days <= within).count();
        assert!(in_time >= least, "{per_day} MB/d: {in_time} of 12 within {within} days");
    }
}

#[test]
fn months_of_saw_tooth_give_no_alarm() {
    for seed in 0..8 {
        assert_eq!(alarms(100 + seed, 30.0, |_| 0.0), [0.0; 0], "seed {seed}");
    }
}

#[test]
fn what_is_no_leak_gives_no_alarm() {
    let week = |day: f64| if day % 7.0 < 5.0 { 60.0 + 60.0 * (day * TAU).sin() } else { 0.0 };
    for seed in 0..2 {
        assert_eq!(alarms(seed, 21.0, week), [0.0; 0], "weekends");
        assert_eq!(
            alarms(seed, 21.0, |day| 150.0 * (day * 24.0 / 7.0).fract()),
            [0.0; 0],
            "7 h saw"
        );
        assert_eq!(alarms(seed, 21.0, |day| 100.0 * f64::from(day > 9.3)), [0.0; 0], "step");
        assert_eq!(alarms(seed, 21.0, |day| 300.0 * day.fract()), [0.0; 0], "daily restart");
    }
}

#[test]
fn a_saw_tooth_of_days_is_an_alarm_once_at_most() {
    for seed in 0..2 {
        let alarms = alarms(seed, 24.0, |day| 150.0 * (day / 2.3).fract());
        assert!(alarms.iter().all(|day| *day < 2.3), "{alarms:?}");
    }
}

#[test]
fn slope_and_end_lie_in_their_intervals() {
    let (mut slopes, mut ends) = (0, 0);
    for seed in 0..12 {
        let (mut memory, mut leak) = (Memory::new(seed), leak());
        while memory.day() < 8.0 {
            let leaking = (memory.day() - 5.0).max(0.0);
            leak.observe(memory.next(120.0 * leaking));
        }
        let growth = leak.growth().expect("an alarm");
        let per_day = |slope: f64| slope * 86_400.0;
        let (low, high) = (growth.low.map(per_day).unwrap(), growth.high.map(per_day).unwrap());
        assert!((110.0..130.0).contains(&per_day(growth.per_second)), "{growth}");
        slopes += u32::from((low..high).contains(&120.0));
        let began = growth.since.since_origin().as_secs_f64() / 86_400.0;
        assert!((4.5..5.5).contains(&began), "{began}");
        // The limit is met by the wave's and the saw-tooth's highest, 75 and 180 over the level.
        let end = leak.exhaustion().unwrap();
        let day = |at: Instant| at.since_origin().as_secs_f64() / 86_400.0;
        let truth = 5.0 + (4000.0 - 1255.0) / 120.0;
        assert!((day(end.at) - truth).abs() < 2.5, "{end}: {} for {truth}", day(end.at));
        ends += u32::from((day(end.low)..day(end.high.unwrap())).contains(&truth));
    }
    assert!(slopes >= 10 && ends >= 8, "{slopes} slopes and {ends} ends of 12");
}

#[test]
fn a_restart_ends_an_alarm_and_starts_afresh() {
    let (mut memory, mut leak) = (Memory::new(1), leak());
    let leaking = |memory: &Memory| 800.0 * (memory.day() - 3.0).max(0.0);
    let mut level = Level::Unknown;
    while memory.day() < 5.0 {
        let leaked = leaking(&memory);
        level = leak.observe(memory.next(leaked)).level;
    }
    assert_eq!(level, Level::Unhealthy);
    let mut marked = leak.clone();
    marked.restarted();
    assert!(!marked.is_warm() && marked.growth().is_none());
    // Two wild samples are no restart, three low ones are.
    for (nth, expected) in [Level::Unhealthy, Level::Unhealthy, Level::Unknown].iter().enumerate() {
        let sample = Sample { value: 500.0, ..memory.next(0.0) };
        assert_eq!(leak.observe(sample).level, *expected, "sample {nth}");
    }
    assert!(!leak.is_warm() && leak.exhaustion().is_none());
}

#[test]
fn an_alarm_ends_after_the_leak() {
    let alarm = |day: f64| 150.0 * (day - 5.0).clamp(0.0, 2.0);
    let (mut memory, mut leak) = (Memory::new(2), leak());
    let mut levels = Vec::new();
    while memory.day() < 12.0 {
        let more = alarm(memory.day());
        levels.push(leak.observe(memory.next(more)).level);
    }
    assert_eq!(levels[usize::try_from(7 * DAY).unwrap()], Level::Unhealthy);
    assert_eq!(levels.last(), Some(&Level::Healthy));
}

#[test]
fn growth_within_the_tolerance_is_none() {
    let mut leak = Leak::builder("disk")
        .tolerance_share(rely_core::Ratio::from_ppm_clamped(20_000))
        .build()
        .unwrap();
    let mut seen = Vec::new();
    for hour in 0..24 * 14_u32 {
        let at = Instant::ORIGIN + MINUTE * (60 * hour);
        let reading = leak.observe(Sample::new(at, 1000.0 + f64::from(hour) * 0.6));
        seen.push(reading.why);
    }
    assert!(seen.contains(&Why::Tolerated), "{:?}", seen.last());
    assert!(!seen.contains(&Why::Alarm));
}

#[test]
fn bad_samples_change_nothing_and_gaps_are_gaps() {
    let (mut memory, mut leak) = (Memory::new(3), leak());
    while memory.day() < 3.0 {
        leak.observe(memory.next(0.0));
    }
    let before = leak.clone();
    let at = Instant::ORIGIN + MINUTE * 5000;
    let table = [
        (Sample::missing(at), Why::NotANumber),
        (Sample::new(at, f64::INFINITY), Why::NotANumber),
        (Sample::of(at, 1.0, 0), Why::TooFew),
        (Sample::new(Instant::ORIGIN, 1.0), Why::Late),
    ];
    for (sample, why) in table {
        let reading = leak.observe(sample);
        assert_eq!((reading.why, reading.level), (why, Level::Unknown));
        assert_eq!(leak, before);
    }
    // Half a day without samples, and on it goes.
    (0..DAY / 2).for_each(|_| {
        memory.next(0.0);
    });
    assert_eq!(leak.observe(memory.next(0.0)).level, Level::Healthy);
    // A month: nothing is known any more.
    (0..30 * DAY).for_each(|_| {
        memory.next(0.0);
    });
    assert_eq!(leak.observe(memory.next(0.0)).level, Level::Unknown);
    assert!(leak.bytes() < 6_000, "{}", leak.bytes());
}

#[test]
fn a_leak_is_found_with_a_sample_each_five_minutes_or_ten_seconds() {
    for (every, seconds) in [(5, 300.0), (1, 60.0)] {
        let (mut memory, mut leak) = (Memory::new(4), leak());
        while memory.day() < 6.0 {
            let leaking = (memory.day() - 5.0).max(0.0);
            let sample = memory.next(240.0 * leaking);
            if memory.minute % every == 0 {
                leak.observe(sample);
            }
        }
        assert!(leak.growth().is_some(), "{seconds}");
    }
}

#[test]
fn the_reading_and_its_words() {
    let (mut memory, mut leak) = (Memory::new(5), leak());
    let mut last = None;
    while memory.day() < 7.0 {
        let leaking = (memory.day() - 5.0).max(0.0);
        last = Some(leak.observe(memory.next(240.0 * leaking)));
    }
    let reading = last.unwrap();
    assert_eq!(reading.why, Why::Alarm);
    assert!(reading.severity > 3.0 && reading.score > 0.99, "{reading:?}");
    assert!(reading.since < reading.sample.at && reading.expected < Some(1300.0));
    let words = leak.growth().unwrap().to_string();
    assert!(words.starts_with("grows by ") && words.contains(" an hour ("), "{words}");
    let words = leak.exhaustion().unwrap().to_string();
    assert!(words.starts_with("reaches 4000 in ") && words.contains(" days to "), "{words}");
}
