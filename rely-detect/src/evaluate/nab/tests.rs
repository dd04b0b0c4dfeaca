#![allow(clippy::single_range_in_vec_init)] // a list of windows may hold one

use proptest::prelude::*;
use rely_core::Instant;

use super::*;

/// A series whose rows come each second; `scored` rows are what they say, all others 0.
fn series(rows: usize, windows: &[core::ops::Range<usize>], scored: &[(usize, f64)]) -> Judged {
    let mut judged = Judged::new("a");
    for row in 0..rows {
        let score = scored.iter().find(|(at, _)| *at == row).map_or(0.0, |(_, score)| *score);
        judged.push(Instant::from_nanos(row as u64 * 1_000_000_000), score);
    }
    windows.iter().for_each(|window| judged.label(window.clone()));
    judged
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-3
}

#[test]
fn the_probation_is_fifteen_per_cent_and_at_most_750_rows() {
    for (rows, skipped) in
        [(0, 0), (6, 0), (7, 1), (100, 15), (4032, 604), (4999, 749), (22695, 750)]
    {
        assert_eq!(probation(rows), skipped, "{rows}");
    }
}

#[test]
fn a_find_earns_by_its_place_and_a_false_row_costs_by_its_distance() {
    // (flagged row, raw score of the standard profile) beside a window of 101 rows.
    for (row, raw) in [
        (200, 1.0),             // its beginning
        (250, 0.8517 / 0.9866), // its middle
        (300, 0.0247 / 0.9866), // its end
        (199, -1.0 - 0.11),     // just before: a full false row, and the window missed
        (301, -1.0 - 0.11 * 0.025),
        (400, -1.0 - 0.11 * 0.9866), // one width behind
        (700, -1.0 - 0.11),
        (100, -1.0), // in the probation
    ] {
        let judged = series(1_000, &[200..301], &[(row, 1.0)]);
        let score = Scorer::new([&judged]).at(Profile::STANDARD, 1.0);
        assert!(close(score.raw, raw), "row {row}: {}, not {raw}", score.raw);
    }
}

#[test]
fn only_the_earliest_flag_of_a_window_earns() {
    let judged = series(1_000, &[200..301], &[(220, 2.0), (210, 1.0), (290, 3.0)]);
    let scorer = Scorer::new([&judged]);
    let raw = |threshold| scorer.at(Profile::STANDARD, threshold).raw;
    assert!(raw(3.0) < raw(2.0) && raw(2.0) < raw(1.0));
    let alone = Scorer::new([&series(1_000, &[200..301], &[(210, 1.0)])]);
    assert!(close(raw(1.0), alone.at(Profile::STANDARD, 1.0).raw));
}

#[test]
fn profiles_weigh_the_same_flags_differently() {
    let judged = series(1_000, &[200..301, 600..701], &[(200, 2.0), (500, 2.0)]);
    let scorer = Scorer::new([&judged]);
    let raw = Profile::ALL.map(|profile| scorer.at(profile, 2.0).raw);
    assert!(close(raw[0] - raw[1], 0.11) && close(raw[0] - raw[2], 1.0), "{raw:?}");
}

#[test]
fn nothing_flagged_is_zero_and_a_scorer_without_windows_too() {
    let judged = series(1_000, &[200..301], &[]);
    for profile in Profile::ALL {
        assert!(close(Scorer::new([&judged]).at(profile, 1.0).points(), 0.0));
        assert!(close(Scorer::new([]).best(profile).points(), 0.0));
    }
    let noise = series(1_000, &[], &[(500, 4.0)]);
    let best = Scorer::new([&noise]).best(Profile::STANDARD);
    assert!(best.threshold.is_infinite() && best.false_rows == 0, "{best:?}");
}

#[test]
fn equal_scores_are_flagged_together() {
    let judged = series(1_000, &[200..301], &[(210, 1.0), (800, 1.0)]);
    let best = Scorer::new([&judged]).best(Profile::STANDARD);
    assert_eq!((best.found, best.false_rows), (1, 1));
}

#[test]
fn a_group_is_judged_by_the_threshold_of_the_others() {
    let quiet = series(1_000, &[200..301], &[(210, 2.0)]).in_group("quiet");
    let loud = series(1_000, &[200..301], &[(210, 9.0), (500, 3.0), (800, 3.0)]).in_group("loud");
    let scorer = Scorer::new([&quiet, &loud]);
    let (all, groups) = scorer.left_out(Profile::STANDARD);
    assert_eq!(groups[0].0, "loud");
    assert_eq!((groups[0].1.threshold, groups[0].1.false_rows), (2.0, 2));
    assert_eq!((groups[1].1.threshold, groups[1].1.found), (9.0, 0));
    assert_eq!((all.found, all.windows, all.false_rows), (1, 2, 2));
    assert!(all.points() < scorer.best(Profile::STANDARD).points());
}

proptest! {
    #[test]
    fn the_best_threshold_is_no_worse_than_any(
        scores in prop::collection::vec(prop_oneof![0.0..5.0, Just(2.0), Just(f64::NAN)], 1..300),
        window in (0_usize..300, 1_usize..60),
        threshold in 0.0..5.0,
    ) {
        let mut judged = Judged::new("any");
        for (n, score) in (0..).zip(&scores) {
            judged.push(Instant::from_nanos(n), *score);
        }
        judged.label(window.0..window.0 + window.1);
        let scorer = Scorer::new([&judged]);
        for profile in Profile::ALL {
            let best = scorer.best(profile);
            prop_assert!(best.raw >= scorer.at(profile, threshold).raw);
            // Found in one sweep and scored on its own it is the same.
            prop_assert!((scorer.at(profile, best.threshold).raw - best.raw).abs() < 1e-9);
            prop_assert!(best.points() <= 100.0 && best.found <= best.windows);
        }
    }
}
