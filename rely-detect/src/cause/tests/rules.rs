use proptest::prelude::*;
use rely_core::Level;

use super::*;
use crate::correlate::Link;
use crate::{Reading, Sample, Why};

fn tracker() -> EpisodeTracker {
    EpisodeTracker::builder("s").quiet(2).build().unwrap()
}

#[test]
fn episodes_open_backdated_and_close_after_quiet() {
    let mut tracker = tracker();
    let table = [
        (1.0, 0.1, None),
        (2.0, 1.5, None),
        // A single ordinary sample does not part them.
        (3.0, 0.2, None),
        (4.0, 2.8, Some((true, 2.0, 2.8))),
        (5.0, 4.0, None),
        (6.0, 1.2, None),
        (7.0, 1.4, None),
        (8.0, 0.0, None),
        (8.0, 0.0, None),
        (9.0, 0.0, Some((false, 2.0, 4.0))),
        // Never severe enough.
        (10.0, 2.7, None),
        (11.0, 0.0, None),
        (12.0, 0.0, None),
        (13.0, 9.0, Some((true, 13.0, 9.0))),
    ];
    for (second, severity, expected) in table {
        let change = tracker.step(at(second), severity).map(|change| match change {
            Change::Opened(episode) => (true, episode),
            Change::Closed(episode) => {
                assert_eq!(episode.end, Some(at(7.0)));
                (false, episode)
            }
        });
        let seen = change.map(|(opened, it)| (opened, it.onset, it.peak_severity));
        assert_eq!(
            seen,
            expected.map(|(opened, onset, peak)| (opened, at(onset), peak)),
            "{second}"
        );
    }
    // One episode before, hardly forgotten in four seconds.
    assert!(tracker.current().is_some_and(|episode| (0.99..1.0).contains(&episode.earlier)));
}

#[test]
fn a_long_silence_ends_an_episode() {
    let mut tracker = tracker();
    assert!(tracker.step(at(1.0), 5.0).is_some());
    assert!(matches!(tracker.step(at(5000.0), 5.0), Some(Change::Closed(_))));
    assert!(
        matches!(tracker.step(at(5001.0), 1.0), Some(Change::Opened(it)) if it.onset == at(5000.0))
    );
    assert_eq!(tracker.step(at(5002.0), f64::NAN), None);
}

#[test]
fn readings_that_judge_nothing_change_nothing() {
    let plain = Reading::plain(Sample::new(at(3.0), 1.0), Level::Unhealthy, at(3.0), 1, Why::Alarm);
    let reading = Reading { p_value: Some(1e-5), severity: 5.0, score: 1.0, ..plain };
    let mut tracker = tracker();
    for idle in [Reading { p_value: None, ..reading }, Reading { why: Why::Late, ..reading }] {
        assert_eq!((tracker.observe(&idle), tracker.current()), (None, None));
    }
    assert!(matches!(tracker.observe(&reading), Some(Change::Opened(_))));
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let table = [
        (EpisodeTracker::builder("s").open(0.0), "open"),
        (EpisodeTracker::builder("s").close(3.0), "close"),
        (EpisodeTracker::builder("s").close(f64::NAN), "close"),
        (EpisodeTracker::builder("s").quiet(0), "quiet"),
        (EpisodeTracker::builder("s").patience(Duration::ZERO), "patience"),
    ];
    for (builder, field) in table {
        assert_eq!(builder.build().unwrap_err().field(), field);
    }
}

fn first(incident: &Incident) -> String {
    incident.rank().first().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn of_equals_the_earliest_is_first() {
    let (one, other) = (Episode::new("b", at(5.0), 4.0), Episode::new("a", at(9.0), 4.0));
    let incident = Incident::builder().episode(other.clone()).episode(one);
    assert_eq!(first(&incident), "b: deviated first, 4 s before a, severity 4.0");
    let at_once = Incident::builder().episode(Episode::new("b", at(9.0), 4.0)).episode(other);
    assert!(first(&at_once).starts_with("a: deviated with the first"));
    assert_eq!(Incident::builder().rank(), []);
}

#[test]
fn a_dependency_is_blamed_before_what_needs_it() {
    // The gateway's is more severe, and was seen first by a second, within the tolerance.
    let incident = Incident::builder()
        .tolerance(Duration::from_secs(2))
        .episode(
            Episode::new("gateway errors", at(10.0), 4.5).with_labels([("service", "gateway")]),
        )
        .episode(Episode::new("orders errors", at(11.0), 4.4).with_labels([("service", "orders")]))
        .episode(Episode::new("db latency", at(11.0), 4.3).with_labels([("service", "db")]));
    assert!(first(&incident).starts_with("gateway errors"), "{}", first(&incident));
    let chain = incident.clone().depends("gateway", "orders").depends("orders", "db");
    let words = first(&chain);
    assert!(words.ends_with("followed by 2 that depend on it or move after it"), "{words}");
    assert!(words.starts_with("db latency"));
    // A circle is nobody's fault, and ends.
    assert_eq!(chain.depends("db", "gateway").rank().len(), 3);
    let linked = incident.link(Link::known("db latency", "gateway errors", Duration::from_secs(1)));
    assert!(first(&linked).starts_with("db latency"));
}

#[test]
fn a_change_counts_before_the_onset_near_it_and_where_it_touched() {
    let labels = [("service", "orders")];
    let score = |after: f64, touched: Labels| {
        Incident::builder()
            .series("stock errors", [("service", "stock")])
            .series("gateway errors", [("service", "gateway")])
            .episode(Episode::new("orders errors", at(5000.0), 4.0).with_labels(labels))
            .event(
                ChangeEvent::new(at(5000.0 + after), ChangeKind::Deploy, "it").with_labels(touched),
            )
            .rank()
            .into_iter()
            .find(|suspect| matches!(suspect.what, What::Event { .. }))
            .map(|suspect| suspect.score)
    };
    let orders = || Labels::from(labels);
    // 0.6 + 0.4 of what deviates, less half a series of two and a half that do not.
    let full = 1.0 - 0.5 / 3.0;
    let near = |score: Option<f64>, expected: f64| {
        assert!((score.unwrap() - expected).abs() < 1e-9, "{score:?} for {expected}");
    };
    near(score(0.0, orders()), full);
    near(score(-900.0, orders()), 0.5 * full);
    near(score(-1800.0, orders()), 0.25 * full);
    near(score(0.0, Labels::new()), 0.4);
    assert_eq!(score(1.0, orders()), None);
    assert_eq!(score(-10.0, Labels::from([("service", "stock")])), None);
}

#[test]
fn a_label_needs_two_series_and_is_cleared_by_healthy_ones() {
    let series = |name: &str, second: f64| {
        Episode::new(name, at(second), 4.0).with_labels([("zone", "b"), ("service", name)])
    };
    let incident = Incident::builder().episode(series("x", 5.0)).episode(series("y", 5.0));
    let label = |incident: &Incident| {
        let is_label = |suspect: &Suspect| matches!(suspect.what, What::Label { .. });
        incident
            .rank()
            .into_iter()
            .filter(is_label)
            .map(|suspect| suspect.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(label(&incident), ["zone b: on 2 of 2 deviating series"]);
    let elsewhere = incident.clone().series("z", [("zone", "a")]);
    assert_eq!(label(&elsewhere), ["zone b: on 2 of 2 deviating series and 0 of 1 ordinary ones"]);
    let everywhere = (0..40).fold(incident, |it, n| it.series(format!("{n}"), [("zone", "b")]));
    let score =
        everywhere.rank().iter().find(|it| it.to_string().starts_with("zone")).map(|it| it.score);
    assert!(score < Some(0.02), "{score:?}");
}

fn episode() -> impl Strategy<Value = Episode> {
    let severity = prop_oneof![0.0..9.0, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)];
    let label = prop::sample::select(vec!["a", "b", "c"]);
    (0_u32..1000, 0.0..600.0, severity, label).prop_map(|(name, second, severity, zone)| {
        Episode::new(format!("s{name}"), at(second), severity).with_labels([("zone", zone)])
    })
}

proptest! {
    #[test]
    fn the_order_of_what_is_told_does_not_matter(
        mut episodes in prop::collection::vec(episode(), 0..20),
        turn in 0_usize..20,
    ) {
        // Two of one name are two tellings of one series.
        episodes.sort_by(|a, b| a.series.cmp(&b.series));
        episodes.dedup_by(|a, b| a.series == b.series);
        let rank = |episodes: &[Episode]| {
            Incident::builder().episodes(episodes.iter().cloned()).depends("a", "b").rank()
        };
        let one = rank(&episodes);
        prop_assert!(one.iter().all(|suspect| (0.0..=1.0).contains(&suspect.score)));
        let by = turn.min(episodes.len());
        episodes.rotate_left(by);
        prop_assert_eq!(&one, &rank(&episodes));
        episodes.reverse();
        prop_assert_eq!(&one, &rank(&episodes));
    }

    #[test]
    fn when_it_happens_does_not_matter(
        episodes in prop::collection::vec(episode(), 0..20), later in 0_u64..1_000_000,
    ) {
        let later = Duration::from_secs(later);
        let moved = |it: &Episode| Episode { onset: it.onset + later, ..it.clone() };
        let (one, other) = (
            Incident::builder().episodes(episodes.iter().cloned()).rank(),
            Incident::builder().episodes(episodes.iter().map(moved)).rank(),
        );
        let told = |suspects: Vec<Suspect>| suspects.into_iter().map(|it| it.to_string()).collect::<Vec<_>>();
        prop_assert_eq!(told(one), told(other));
    }
}

#[test]
fn the_longest_times_and_the_largest_numbers_are_no_harm() {
    let mut tracker = EpisodeTracker::builder("a").build().unwrap();
    let opened = tracker.step(Instant::MAX, f64::INFINITY);
    let Some(Change::Opened(episode)) = opened else { panic!("{opened:?}") };
    assert!(episode.peak_severity.is_finite());
    let incident = Incident::builder().tolerance(Duration::MAX).half_life(Duration::MAX);
    let ranked =
        incident.episode(episode).episode(Episode::new("b", Instant::ORIGIN, f64::NAN)).rank();
    assert!(ranked.iter().all(|suspect| suspect.score.is_finite()) && !ranked.is_empty());
}
