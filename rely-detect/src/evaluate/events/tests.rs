#![allow(clippy::single_range_in_vec_init)] // a list of labels may hold one

use core::ops::Range;

use proptest::prelude::*;
use rely_core::Instant;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// A series of 1000 rows whose scores are 0 but at some rows.
fn series(name: &str, step_secs: u64, labels: &[Range<usize>], scored: &[(usize, f64)]) -> Judged {
    let mut judged = Judged::new(name);
    for row in 0..1_000 {
        let score = scored.iter().find(|(at, _)| *at == row).map_or(0.0, |(_, score)| *score);
        judged.push(Instant::from_nanos(row as u64 * step_secs * 1_000_000_000), score);
    }
    labels.iter().for_each(|label| judged.label(label.clone()));
    judged
}

fn at_one(judged: &Judged) -> (usize, usize, usize) {
    let outcome = Curve::new([judged], &Rules::default()).at(1.0);
    (outcome.found, outcome.events, outcome.false_episodes)
}

#[test]
fn an_event_is_found_in_its_first_rows_only_and_counts_once() {
    for (step, rows, found) in [
        (60, vec![500], 1),
        (60, vec![507], 1),
        (60, vec![508], 0),
        (300, vec![507], 1),
        (301, vec![503], 1),
        (3600, vec![503], 1),
        (3600, vec![504], 0),
        (60, vec![500, 503, 540], 1),
    ] {
        let flags: Vec<_> = rows.iter().map(|row| (*row, 1.0)).collect();
        let judged = series("a", step, &[500..550], &flags);
        assert_eq!(at_one(&judged), (found, 1, 0), "step {step}, flagged {rows:?}");
    }
}

#[test]
fn false_flags_near_one_another_are_one_episode() {
    for (rows, episodes) in [
        (vec![300], 1),
        (vec![300, 310], 1),
        (vec![300, 311], 2),
        (vec![300, 320, 310], 1),
        (vec![300, 305, 700, 711], 3),
        (vec![499], 1),
        (vec![499, 501], 1),
        (vec![100], 0),
    ] {
        let flags: Vec<_> = rows.iter().map(|row| (*row, 1.0)).collect();
        let judged = series("a", 60, &[500..550], &flags);
        assert_eq!(at_one(&judged).2, episodes, "flagged {rows:?}");
    }
}

#[test]
fn what_begins_in_the_first_rows_is_left_out_as_a_whole() {
    let judged = series("a", 60, &[140..160, 300..310], &[(145, 1.0), (155, 1.0), (300, 1.0)]);
    assert_eq!(at_one(&judged), (1, 1, 0));
}

#[test]
fn the_figures_are_what_they_are_called() {
    let judged = series(
        "a",
        60,
        &[200..205, 300..305, 400..405, 500..505],
        &[(200, 9.0), (300, 8.0), (400, 7.0), (600, 7.5)],
    );
    let curve = Curve::new([&judged], &Rules::default());
    let best = curve.best();
    assert_eq!((best.threshold, best.found, best.false_episodes), (7.0, 3, 1));
    for (value, expected) in [
        (best.recall(), 0.75),
        (best.precision(), 0.75),
        (best.f1(), 0.75),
        // 850 minutes were scored.
        (best.false_episodes_per(DAY), 1440.0 / 850.0),
    ] {
        assert!((value - expected).abs() < 1e-12, "{value}, not {expected}");
    }
    assert_eq!(curve.quiet(DAY).found, 2, "a false episode in 850 minutes is too many");
    assert_eq!(curve.quiet(Duration::from_secs(60 * 850)).found, 3);
    assert!(curve.at(10.0).f1().abs() < 1e-12);
}

#[test]
fn to_flag_nearly_everything_is_no_way_to_be_quiet() {
    let mut judged = Judged::new("a");
    (0..1_000).for_each(|n| judged.push(Instant::from_nanos(n * 60_000_000_000), 1.0));
    judged.label(500..510);
    let curve = Curve::new([&judged], &Rules::default());
    assert_eq!((curve.outcomes().len(), curve.best().found), (1, 0));
    let unlimited = Rules { flagged_percent: 100, ..Rules::default() };
    assert_eq!(Curve::new([&judged], &unlimited).best().found, 1);
}

#[test]
fn halves_are_fixed_by_the_name() {
    // The published test vectors of 64-bit FNV-1a: "" cbf29ce484222325, "a" af63dc4c8601ec8c,
    // "foobar" 85944171f73967e8.
    assert!(is_odd("") && !is_odd("a") && !is_odd("foobar"));
    assert!(is_odd("b") != is_odd("c"));
}

#[test]
fn a_threshold_is_scored_on_the_half_that_it_was_not_chosen_on() {
    let odd = series("", 60, &[500..510], &[(500, 5.0), (700, 2.0), (800, 2.0)]);
    let even = series("a", 60, &[500..510], &[(500, 2.0)]);
    let both = swapped(&[odd, even], &Rules::default(), Curve::best);
    assert_eq!((both.odd.threshold, both.odd.found, both.odd.false_episodes), (2.0, 1, 2));
    assert_eq!((both.even.threshold, both.even.found, both.even.false_episodes), (5.0, 0, 0));
    let all = both.all();
    assert_eq!((all.found, all.events, all.false_episodes), (1, 2, 2));
}

/// Episodes counted the plain way.
fn episodes(judged: &Judged, rules: &Rules, threshold: f64) -> usize {
    let labelled = |row: usize| judged.labels().any(|label| label.contains(&row));
    let is_false = |row: &usize| {
        *row >= rules.skipped(judged) && judged.scores()[*row] >= threshold && !labelled(*row)
    };
    let rows: Vec<usize> = (0..judged.len()).filter(is_false).collect();
    let apart = rows.windows(2).filter(|pair| pair[1] - pair[0] > rules.join).count();
    apart + usize::from(!rows.is_empty())
}

proptest! {
    #[test]
    fn the_sweep_counts_as_a_plain_count_does(
        scores in prop::collection::vec(prop_oneof![4 => Just(0.0), 1 => 0.0..5.0], 40..400),
        label in (0_usize..400, 1_usize..60),
        join in 0_usize..20,
    ) {
        let mut judged = Judged::new("any");
        for (n, score) in (0..).zip(&scores) {
            judged.push(Instant::from_nanos(n * 1_000_000_000), *score);
        }
        judged.label(label.0..label.0 + label.1);
        let rules = Rules { join, flagged_percent: 100, ..Rules::default() };
        let curve = Curve::new([&judged], &rules);
        for outcome in &curve.outcomes()[1..] {
            prop_assert_eq!(outcome.false_episodes, episodes(&judged, &rules, outcome.threshold));
            prop_assert!(outcome.found <= outcome.events);
            prop_assert!(curve.best().f1() >= outcome.f1());
        }
    }
}
