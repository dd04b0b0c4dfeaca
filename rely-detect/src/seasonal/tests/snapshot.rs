use super::*;

#[test]
fn a_snapshot_that_does_not_fit_is_refused() {
    let mut series = Series::new(1, Noise::Normal, 0.05);
    let snapshot = warm(&mut series, 60).snapshot();
    let refused = |builder: SeasonalBuilder, snapshot: &SeasonalSnapshot| {
        builder.restore(snapshot.clone()).unwrap_err().field().to_owned()
    };
    assert_eq!(refused(builder().slots(24), &snapshot), "snapshot.kept.profile");
    assert_eq!(refused(builder().season(SEASON * 2), &snapshot), "snapshot.season_nanos");
    assert!(builder().alpha(0.01).memory(40).restore(snapshot).is_ok());
}

#[test]
fn on_another_clock_the_season_goes_on() {
    let mut series = Series::new(7, Noise::Normal, 0.05);
    let detector = warm(&mut series, 100);
    let (stored_at, restarted) = (series.start + Duration::from_secs(25), Instant::from_nanos(17));
    let mut moved = builder().restore(detector.snapshot().rebase(stored_at, restarted)).unwrap();
    for _ in 0..24 {
        let sample = series.next();
        let at = restarted + (sample.at - stored_at);
        let reading = moved.observe(Sample { at, ..sample });
        assert!((reading.expected.unwrap() - sample.value).abs() < 9.0, "{reading}");
    }
}

proptest! {
    #[test]
    fn a_restored_detector_goes_on_as_if_nothing_had_happened(
        samples in samples(),
        slots in 1..20_u32,
        stop in 0..200_usize,
    ) {
        let builder = || Seasonal::builder("any").season(SEASON).slots(slots).warm_up(10).memory(32);
        let mut whole = builder().build().unwrap();
        let (before, after) = samples.split_at(stop.min(samples.len()));
        for sample in before {
            whole.observe(*sample);
        }
        let snapshot = whole.snapshot();
        #[cfg(feature = "serde")]
        let snapshot = {
            let text = serde_json::to_string(&snapshot).unwrap();
            let read: SeasonalSnapshot = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &snapshot);
            read
        };
        let mut restored = builder().restore(snapshot).unwrap();
        for sample in after {
            let (one, other) = (whole.observe(*sample), restored.observe(*sample));
            // Not a number is not equal to itself.
            prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
        }
        prop_assert_eq!(whole, restored);
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_that_nobody_made_is_refused_or_does_no_harm() {
    let mut series = Series::new(1, Noise::Normal, 0.05);
    let mut detector = warm(&mut series, 60);
    for _ in 0..3 {
        detector.observe(series.times(20.0));
    }
    let honest = serde_json::to_value(detector.snapshot()).unwrap();
    let (huge, most) = (serde_json::json!(1e300), serde_json::json!(u64::MAX));
    let table = [
        ("/version", &serde_json::json!(2), true),
        ("/kept/offset", &huge, true),
        ("/kept/owed", &serde_json::json!(-1.0), true),
        ("/kept/evidence", &huge, true),
        ("/kept/usual_count", &serde_json::json!(-1.0), true),
        ("/kept/anchor", &most, true),
        ("/kept/refused/slot", &serde_json::json!(12), true),
        ("/kept/refused/samples", &serde_json::json!(0), true),
        ("/kept/run/residuals/0/0", &huge, true),
        ("/kept/run/residuals/0/1", &serde_json::json!(1.5), true),
        ("/kept/profile/3/recent/0", &huge, true),
        ("/kept/profile/3/refused", &serde_json::json!([0, 0, 0, 0, 0, 0]), true),
        ("/residuals/0", &huge, true),
        ("/kept/profile/3/refused", &serde_json::json!([1e150]), false),
        ("/kept/profile/3/times", &serde_json::json!(u32::MAX), false),
        ("/kept/samples", &most, false),
        ("/kept/refused/samples", &most, false),
        ("/kept/refused/lap", &most, false),
        ("/residuals", &serde_json::json!([]), false),
    ];
    for (place, value, refused) in table {
        let mut hostile = honest.clone();
        *hostile.pointer_mut(place).expect(place) = value.clone();
        let snapshot: SeasonalSnapshot = serde_json::from_value(hostile).unwrap();
        let restored = Seasonal::builder("x").season(SEASON).slots(12).restore(snapshot);
        assert_eq!(restored.is_err(), refused, "{place}");
        if let Ok(mut restored) = restored {
            let mut series = series.clone();
            for _ in 0..40 {
                let reading = restored.observe(series.next());
                assert!(reading.band.is_none_or(|band| band.low <= band.high), "{place}");
            }
        }
    }
}
