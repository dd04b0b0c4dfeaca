use proptest::prelude::*;
use rely_core::Ratio;

use super::{ThrottleConfig, ThrottleCounts, is_rejected, rejection};

fn ppm(ppm: u32) -> Ratio {
    Ratio::from_ppm_clamped(ppm)
}

#[test]
fn the_share_is_that_of_the_rule() {
    // multiplier, minimum, accepted, failed, neutral, rejected: parts per million
    let cases = [
        (2.0, 1, [0, 0, 0, 0], 0),
        (2.0, 1, [1, 0, 0, 0], 0),
        (2.0, 1, [0, 1, 0, 0], 500_000),
        // Half accepted is just enough, one less is not.
        (2.0, 1, [50, 50, 0, 0], 0),
        (2.0, 1, [50, 51, 0, 0], 9_803),
        (2.0, 1, [49, 50, 0, 0], 10_000),
        (2.0, 1, [20, 79, 0, 0], 590_000),
        // Rejections here are requests too.
        (2.0, 1, [20, 20, 0, 59], 590_000),
        (2.0, 1, [50, 0, 0, 50], 0),
        (2.0, 1, [49, 0, 0, 50], 10_000),
        // The most that is rejected, just met and passed.
        (2.0, 1, [0, 9, 0, 0], 900_000),
        (2.0, 1, [0, 8, 0, 0], 888_888),
        (2.0, 1, [0, 1_000, 0, 0], 900_000),
        // The minimum just met and just missed; calls without evidence do not help to meet it.
        (2.0, 10, [0, 9, 0, 0], 0),
        (2.0, 10, [0, 10, 0, 0], 900_000),
        (2.0, 10, [0, 9, 1_000, 0], 0),
        (2.0, 10, [0, 1, 0, 9], 900_000),
        // Other multipliers.
        (1.0, 1, [99, 0, 0, 0], 0),
        (1.0, 1, [98, 1, 0, 0], 10_000),
        (1.1, 1, [90, 9, 0, 0], 0),
        (1.1, 1, [89, 10, 0, 0], 11_000),
        (1_000.0, 1, [1, 999, 0, 0], 0),
        (1_000.0, 1, [1, 1_000, 0, 0], 998),
        // Calls without evidence count as those with, or as accepted where there are none.
        (2.0, 1, [50, 50, 1_000, 0], 0),
        (2.0, 1, [20, 80, 100, 0], 597_014),
        (2.0, 1, [0, 0, 50, 50], 0),
        (2.0, 1, [0, 0, 49, 50], 10_000),
        (2.0, 1, [5, 0, 44, 50], 10_000),
        (2.0, 1, [u64::MAX, u64::MAX, u64::MAX, u64::MAX], 0),
        (2.0, 1, [0, u64::MAX, 0, 0], 900_000),
    ];
    for (multiplier, minimum_requests, [accepted, failed, neutral, rejected], expected) in cases {
        let config = ThrottleConfig { multiplier, minimum_requests, ..ThrottleConfig::default() };
        let counts = ThrottleCounts { accepted, failed, neutral, rejected };
        assert_eq!(rejection(&counts, &config), ppm(expected), "{multiplier} {counts:?}");
    }
}

#[test]
fn a_draw_decides_by_the_share_exactly() {
    assert!(!is_rejected(Ratio::ZERO, 0));
    assert!(is_rejected(Ratio::ONE, u64::MAX));
    assert!(is_rejected(ppm(1), 0));
    assert!(!is_rejected(ppm(999_999), u64::MAX));
    // Half of all numbers are below the middle.
    assert!(is_rejected(ppm(500_000), (1 << 63) - 1));
    assert!(!is_rejected(ppm(500_000), 1 << 63));
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, 0..10_000_u64, any::<u64>()]
}

proptest! {
    #[test]
    fn the_share_is_bounded_and_falls_with_accepts_and_rises_with_failures(
        multiplier in 1.0..1_000.0,
        max in 1..1_000_000_u32,
        (accepted, failed, neutral, rejected) in (any_count(), any_count(), any_count(), any_count()),
    ) {
        let max_rejection = ppm(max);
        let config =
            ThrottleConfig { multiplier, max_rejection, minimum_requests: 1, ..Default::default() };
        let counts = ThrottleCounts { accepted, failed, neutral, rejected };
        let share = rejection(&counts, &config);
        prop_assert!(share <= max_rejection);
        let any = accepted | failed | rejected > 0;
        let more = ThrottleCounts { accepted: accepted.saturating_add(1), ..counts };
        prop_assert!(!any || rejection(&more, &config) <= share);
        let worse = ThrottleCounts { failed: failed.saturating_add(1), ..counts };
        prop_assert!(rejection(&worse, &config) >= share);
    }

    #[test]
    fn with_evidence_from_all_it_is_the_formula_of_the_book(
        multiplier in 1.0..10.0_f64,
        accepted in 0..10_000_u32,
        failed in 0..10_000_u32,
        rejected in 0..10_000_u32,
    ) {
        let multiplier = (multiplier * 1e6_f64).round() / 1e6;
        let max_rejection = ppm(999_999);
        let config =
            ThrottleConfig { multiplier, max_rejection, minimum_requests: 1, ..Default::default() };
        let counts = ThrottleCounts {
            accepted: accepted.into(),
            failed: failed.into(),
            neutral: 0,
            rejected: rejected.into(),
        };
        let requests = f64::from(accepted + failed + rejected);
        let expected = ((requests - multiplier * f64::from(accepted)) / (requests + 1.0)).max(0.0);
        prop_assert!((rejection(&counts, &config).as_f64() - expected).abs() < 2e-6);
    }
}
