use proptest::prelude::*;
use rely_core::rng::Rng;

use super::*;

const STEP: Duration = Duration::from_secs(1);

fn builder() -> LeakBuilder {
    Leak::builder("any").season(Duration::from_secs(40)).slots(8).seasons(4).limit(500.0)
}

fn sample() -> impl Strategy<Value = (u64, f64)> {
    let value =
        prop_oneof![20 => 90.0..110.0, 1 => Just(f64::NAN), 1 => Just(1.0), 1 => -1e150..1e150];
    (prop_oneof![30 => 1_u64..3, 1 => 0_u64..400], value)
}

proptest! {
    #[test]
    fn a_restored_detector_goes_on_as_if_nothing_had_happened(
        steps in prop::collection::vec(sample(), 0..400),
        grows in 0.0..2.0,
        stop in 0..400_usize,
    ) {
        let mut whole = builder().build().unwrap();
        let mut restored = None;
        let mut at = Instant::ORIGIN;
        for (n, (seconds, value)) in steps.iter().enumerate() {
            if n == stop {
                let snapshot = whole.snapshot();
                #[cfg(feature = "serde")]
                let snapshot: LeakSnapshot =
                    serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
                restored = Some(builder().restore(snapshot).unwrap());
            }
            at += STEP * u32::try_from(*seconds).unwrap();
            let sample = Sample::new(at, value + grows * n as f64);
            let one = whole.observe(sample);
            prop_assert!(one.p_value.is_none_or(|p| p > 0.0 && p <= 1.0));
            if let Some(restored) = &mut restored {
                prop_assert_eq!(format!("{one:?}"), format!("{:?}", restored.observe(sample)));
            }
        }
        if let Some(restored) = restored {
            prop_assert_eq!(restored, whole);
        }
    }

    #[test]
    fn the_clock_it_starts_at_does_not_matter(start in 0_u64..1_000_000_000_000, seed: u64) {
        let run = |start: Instant| {
            let (mut detector, mut rng) = (builder().build().unwrap(), Rng::seeded(seed));
            let sample = |n: u32| {
                let value = 100.0 + f64::from(n) + normal(&mut rng);
                detector.observe(Sample::new(start + STEP * n, value)).level
            };
            (0..160).map(sample).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(Instant::ORIGIN), run(Instant::from_nanos(start)));
    }
}

#[test]
fn a_snapshot_that_does_not_fit_is_refused() {
    let snapshot = builder().build().unwrap().snapshot();
    let refused =
        |builder: LeakBuilder| builder.restore(snapshot.clone()).unwrap_err().field().to_owned();
    assert_eq!(refused(builder().season(Duration::from_secs(80))), "snapshot.step_nanos");
    assert_eq!(refused(builder().season(Duration::from_secs(50)).slots(10)), "snapshot.slots");
    assert!(builder().limit(7.0).restore(snapshot).is_ok());
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let table = [
        (builder().slots(7), "slots"),
        (builder().slots(97), "slots"),
        (builder().season(Duration::ZERO), "season"),
        (builder().seasons(2), "seasons"),
        (builder().limit(f64::NAN), "limit"),
    ];
    for (builder, field) in table {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}

#[cfg(feature = "serde")]
#[test]
fn the_configuration_is_read_and_a_hostile_snapshot_is_not() {
    let config: LeakConfig = serde_json::from_str(r#"{ "season": "1m", "limit": 2e9 }"#).unwrap();
    assert_eq!((config.season, config.limit), (Duration::from_secs(60), Some(2e9)));
    assert!(serde_json::from_str::<LeakConfig>(r#"{ "saison": "1m" }"#).is_err());

    let mut detector = builder().build().unwrap();
    for n in 0..200_u32 {
        detector.observe(Sample::new(Instant::ORIGIN + STEP * n, 100.0 + f64::from(n)));
    }
    assert!(detector.growth().is_some());
    let honest = serde_json::to_value(detector.snapshot()).unwrap();
    let table = [
        ("/version", serde_json::json!(2)),
        ("/state/floors/0", serde_json::json!(1e300)),
        ("/state/floors", serde_json::json!(vec![1.0; 33])),
        ("/state/peaks", serde_json::json!(vec![1.0; 9])),
        ("/state/open/floor", serde_json::json!(1e12)),
        ("/state/open/samples", serde_json::json!(0)),
        ("/state/evidence", serde_json::json!(-1.0)),
        ("/state/p_value", serde_json::json!(2.0)),
        ("/state/usual", serde_json::json!(1e300)),
    ];
    for (place, value) in table {
        let mut hostile = honest.clone();
        *hostile.pointer_mut(place).expect(place) = value;
        let snapshot: LeakSnapshot = serde_json::from_value(hostile).unwrap();
        assert!(builder().restore(snapshot).is_err(), "{place}");
    }
}
