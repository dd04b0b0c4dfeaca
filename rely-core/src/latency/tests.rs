use core::time::Duration;

use proptest::prelude::*;

use super::*;

fn scales() -> impl Strategy<Value = LatencyScale> {
    (1..1_000_000u64, 2..1_000u64, 1..=3u8).prop_map(|(low, times, digits)| {
        let scale =
            LatencyScale::new(Duration::from_nanos(low), Duration::from_nanos(low * times), digits);
        scale.unwrap()
    })
}

#[test]
fn the_default_is_what_its_parts_make() {
    let made = LatencyScale::new(Duration::from_micros(1), Duration::from_secs(60), 2).unwrap();
    assert_eq!(made, LatencyScale::default());
    assert_eq!(made.lowest(), Duration::from_micros(1));
    assert_eq!(made.highest(), Duration::from_secs(60));
    assert_eq!(made.digits(), 2);
    assert!(LatencyWindow::new(made, Duration::from_secs(1), 0).is_err());
}

#[test]
fn scales_out_of_range_are_refused_by_name() {
    let field =
        |low, high, digits| LatencyScale::new(low, high, digits).unwrap_err().field().to_owned();
    let (us, s) = (Duration::from_micros(1), Duration::from_secs(1));
    assert_eq!(field(Duration::ZERO, s, 2), "lowest");
    assert_eq!(field(us, us, 2), "highest");
    assert_eq!(field(us, Duration::from_secs(3601), 2), "highest");
    assert_eq!(field(Duration::MAX, Duration::MAX, 2), "highest");
    assert_eq!(field(us, s, 0), "digits");
    assert_eq!(field(us, s, 4), "digits");
}

#[test]
fn nothing_has_no_quantiles() {
    let empty = LatencySnapshot::empty(LatencyScale::default());
    assert!(empty.is_empty());
    assert_eq!((empty.quantile(0.5), empty.mean(), empty.max()), (None, None, None));
    assert_eq!(empty.at_most(Duration::MAX), 0);
}

#[test]
fn latencies_over_the_scale_count_as_its_highest() {
    let window = LatencyWindow::new(LatencyScale::default(), Duration::from_secs(1), 2).unwrap();
    window.record(Instant::ORIGIN, Duration::MAX);
    window.record(Instant::ORIGIN, Duration::ZERO);
    let snapshot = window.snapshot(Instant::ORIGIN);
    assert_eq!(snapshot.count(), 2);
    assert_eq!(snapshot.at_most(Duration::from_secs(59)), 1);
    assert!(snapshot.max().unwrap() >= Duration::from_secs(60));
    assert!(snapshot.quantile(f64::NAN).is_none());
    assert_eq!(snapshot.quantile(-1.0), snapshot.quantile(0.0));
    assert_eq!(snapshot.quantile(2.0), snapshot.max());
    let later = Instant::ORIGIN + Duration::from_secs(2);
    assert!(window.snapshot(later).is_empty());
    assert!(format!("{window:?}").contains("digits: 2"));
}

proptest! {
    #[test]
    fn every_value_lies_in_its_bucket(scale in scales(), value in any::<u64>()) {
        let value = value % (saturating_nanos(scale.highest()) + 1);
        let index = scale.index(value);
        prop_assert!(index < scale.buckets());
        let (low, width) = scale.bucket(index);
        prop_assert!(low <= value && value - low < width, "{value} in {low}+{width}");
        prop_assert_eq!(scale.index(low), index);
        // Precise to the digits that were asked for, above the lowest value.
        let precise = value as f64 / 10f64.powi(i32::from(scale.digits()));
        prop_assert!(width as f64 <= precise.max(scale.lowest().as_nanos() as f64));
        prop_assert!(scale.index(u64::MAX) < scale.buckets());
    }

    #[test]
    fn merging_is_recording_both(values in prop::collection::vec(0..100_000_000u64, 1..200)) {
        let scale = LatencyScale::default();
        let make = || LatencyWindow::new(scale, Duration::from_secs(1), 1).unwrap();
        let (all, even, odd) = (make(), make(), make());
        for (i, value) in values.iter().enumerate() {
            let latency = Duration::from_nanos(*value);
            all.record(Instant::ORIGIN, latency);
            if i % 2 == 0 { &even } else { &odd }.record(Instant::ORIGIN, latency);
        }
        let mut merged = even.snapshot(Instant::ORIGIN);
        prop_assert!(merged.merge(&odd.snapshot(Instant::ORIGIN)));
        prop_assert_eq!(&merged, &all.snapshot(Instant::ORIGIN));
        let other = LatencyScale::new(Duration::from_micros(1), Duration::from_secs(60), 1).unwrap();
        prop_assert!(!merged.merge(&LatencySnapshot::empty(other)));
        let mean = values.iter().sum::<u64>() as f64 / values.len() as f64;
        let ours = merged.mean().unwrap().as_nanos() as f64;
        prop_assert!((ours - mean).abs() <= mean / 100.0 + 512.0);
    }
}

#[cfg(feature = "hdrhistogram")]
proptest! {
    #[test]
    fn it_agrees_with_hdrhistogram_bucket_for_bucket(
        scale in scales(),
        values in prop::collection::vec((any::<u64>(), 0..64u32), 1..300),
        quantiles in prop::collection::vec(0.0..=1.0f64, 10),
    ) {
        let window = LatencyWindow::new(scale, Duration::from_secs(1), 1).unwrap();
        let low = u64::try_from(scale.lowest().as_nanos()).unwrap();
        let high = u64::try_from(scale.highest().as_nanos()).unwrap();
        let mut theirs = hdrhistogram::Histogram::<u64>::new_with_bounds(low, high, scale.digits()).unwrap();
        for (value, shift) in values {
            let value = (value >> shift) % (high + 1);
            window.record(Instant::ORIGIN, Duration::from_nanos(value));
            theirs.record(value).unwrap();
        }
        let snapshot = window.snapshot(Instant::ORIGIN);
        prop_assert_eq!(theirs.distinct_values(), scale.buckets());
        let ours = snapshot.to_hdrhistogram().unwrap();
        for (a, b) in ours.iter_all().zip(theirs.iter_all()) {
            prop_assert_eq!(a.value_iterated_to(), b.value_iterated_to());
            prop_assert_eq!(a.count_at_value(), b.count_at_value());
        }
        for q in quantiles.into_iter().chain([0.0, 0.5, 0.99, 1.0]) {
            let value = u64::try_from(snapshot.quantile(q).unwrap().as_nanos()).unwrap();
            prop_assert_eq!(value, theirs.value_at_quantile(q), "q {}", q);
        }
    }
}
