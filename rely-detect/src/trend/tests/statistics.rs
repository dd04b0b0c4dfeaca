use proptest::prelude::*;
use rely_core::rng::Rng;

use super::*;

#[test]
fn the_test_agrees_with_hand_and_book() {
    // S by counting; n(n-1)(2n+5)/18 less t(t-1)(2t+5)/18 of each group of ties.
    let table: [(&[f64], i64, f64); 6] = [
        (&[], 0, 0.0),
        (&[1.0], 0, 0.0),
        (&[1.0, 2.0, 3.0, 4.0], 6, 4.0 * 3.0 * 13.0 / 18.0),
        (&[4.0, 3.0, 2.0, 1.0], -6, 4.0 * 3.0 * 13.0 / 18.0),
        (&[1.0, 1.0, 1.0, 1.0], 0, 0.0),
        (&[1.0, 2.0, 2.0, 3.0], 5, (4.0 * 3.0 * 13.0 - 2.0 * 9.0) / 18.0),
    ];
    for (values, s, variance) in table {
        let test = mann_kendall(values);
        assert_eq!(test.s, s, "{values:?}");
        assert!((test.variance - variance).abs() < 1e-9, "{values:?}: {}", test.variance);
    }
    // z = (28 - 1) / sqrt(65.33) for eight values that rise: p = 0.00084.
    let test = mann_kendall(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    assert!((test.z - 3.3404).abs() < 1e-3 && (test.p_value - 0.000_837).abs() < 1e-5, "{test:?}");
    assert!((test.p_rising() - 0.5 * test.p_value).abs() < 1e-12);
    assert_eq!(mann_kendall(&[f64::NAN, 1.0, 2.0]).s, 1);
}

#[test]
fn slopes_and_their_interval_are_those_of_hand() {
    // Slopes 1, 1, 1 between neighbours, 1, 1 and 1 farther out, but for a wild last value.
    let points = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 9.0)];
    // 1, 1, 1, 3, 4, 7: the median lies between 1 and 3.
    let line = theil_sen(&points).unwrap();
    assert_eq!((line.slope, line.at(0.0)), (2.0, -0.5));
    let test = mann_kendall(&[0.0, 1.0, 2.0, 9.0]);
    // C = 0.67 * 2.944 = 1.97: ranks 2 and 5 of the sorted slopes.
    assert_eq!(sen_interval(&points, &test, 0.67), (1.0, 4.0));
    assert_eq!(sen_interval(&points, &test, 9.0), (f64::NEG_INFINITY, f64::INFINITY));
    assert_eq!(theil_sen(&[(1.0, 1.0), (1.0, 2.0)]), None);
}

#[test]
fn p_values_hold_with_and_without_resemblance() {
    let mut rng = Rng::seeded(1);
    let (mut plain, mut alike, mut corrected) = (0, 0, 0);
    for _ in 0..1000 {
        let white: Vec<f64> = (0..60).map(|_| normal(&mut rng)).collect();
        plain += u32::from(mann_kendall(&white).p_value < 0.05);
        let mut state = 0.0;
        let slow: Vec<f64> = white
            .iter()
            .map(|noise| {
                state = 0.5 * state + noise;
                state
            })
            .collect();
        alike += u32::from(mann_kendall(&slow).p_value < 0.05);
        corrected += u32::from(mann_kendall_autocorrelated(&slow).p_value < 0.05);
    }
    assert!((30..75).contains(&plain), "{plain}");
    assert!(alike > 180 && corrected < 130, "{alike} {corrected}");
}

proptest! {
    #[test]
    fn the_window_agrees_with_the_functions(values in prop::collection::vec(-5_i8..5, 0..60)) {
        let mut window = TrendWindow::new(20);
        for (second, value) in values.iter().enumerate() {
            window.push(Instant::ORIGIN + Duration::from_secs(second as u64 + 1), f64::from(*value));
        }
        window.push(Instant::ORIGIN, 1.0);
        window.push(Instant::MAX, f64::NAN);
        let kept: Vec<f64> = values[values.len().saturating_sub(20)..].iter().map(|v| f64::from(*v)).collect();
        prop_assert_eq!(window.mann_kendall(), mann_kendall(&kept));
        prop_assert_eq!(window.mann_kendall_autocorrelated(), mann_kendall_autocorrelated(&kept));
        let points: Vec<(f64, f64)> = kept.iter().enumerate().map(|(n, v)| (n as f64, *v)).collect();
        prop_assert_eq!(window.theil_sen(), theil_sen(&points));
        let (low, high) = window.slope_interval();
        if let Some(line) = window.theil_sen() {
            prop_assert!(low <= line.slope && line.slope <= high);
        }
    }

    #[test]
    fn scale_and_level_change_no_test(values in prop::collection::vec(-1e6..1e6, 3..40)) {
        let other: Vec<f64> = values.iter().map(|value: &f64| 2.0 * value + 1024.0).collect();
        let (one, two) = (mann_kendall(&values), mann_kendall(&other));
        prop_assert_eq!(one.s, two.s);
        let falling: Vec<f64> = values.iter().rev().copied().collect();
        prop_assert_eq!(mann_kendall(&falling).s, -one.s);
    }
}
