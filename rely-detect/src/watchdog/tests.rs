use core::time::Duration;

use proptest::prelude::*;
use rely_core::rng::Rng;
use rely_core::{Instant, Level, Signal};

use super::*;
use crate::Labels;
use crate::Sample;

fn at(seconds: f64) -> Instant {
    Instant::ORIGIN + Duration::from_secs_f64(seconds)
}

fn host(name: &str) -> Labels {
    Labels::of([("host", name)])
}

/// A watchdog that has seen a source each `step` seconds, a hundred times, with values of chance.
fn warm(step: f64, hosts: &[&str]) -> (Watchdog, f64) {
    let mut dog = Watchdog::builder("test").build().unwrap();
    let mut rng = Rng::seeded(3);
    for n in 0..100 {
        let now = at(f64::from(n) * step);
        for name in hosts {
            dog.saw(now, "load", &host(name), Sample::new(now, rng.unit_f64()));
        }
        dog.tick(now);
    }
    (dog, 99.0 * step)
}

fn dark(effects: &[WatchdogEffect]) -> Vec<(String, Option<Dark>)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            WatchdogEffect::Changed { labels, now_dark, .. } => {
                Some((labels.get("host").unwrap_or("").to_owned(), *now_dark))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn quiet_is_three_gaps_whatever_the_step() {
    for step in [0.1, 1.0, 300.0] {
        let (mut dog, last) = warm(step, &["a"]);
        assert!(dark(&dog.tick(at(last + 2.99 * step))).is_empty(), "{step}");
        let effects = dog.tick(at(last + 3.01 * step));
        assert_eq!(dark(&effects), [("a".to_owned(), Some(Dark::Quiet))], "{step}");
        let verdict = dog.verdict("load", &host("a"));
        assert_eq!(verdict.level, Level::Unhealthy, "{}", verdict.reason);
        // It is over with the next sample, and the long gap has taught nothing.
        let now = at(last + 10.0 * step);
        dog.saw(now, "load", &host("a"), Sample::new(now, 0.5));
        assert_eq!(dark(&dog.tick(now)), [("a".to_owned(), None)], "{step}");
        assert_eq!(dog.verdict("load", &host("a")).level, Level::Healthy);
        let effects = dog.tick(at(last + 13.01 * step));
        assert_eq!(dark(&effects), [("a".to_owned(), Some(Dark::Quiet))], "{step}");
    }
}

#[test]
fn one_host_of_many_has_vanished_and_all_of_them_are_quiet() {
    let (mut dog, last) = warm(10.0, &["a", "b", "c"]);
    let now = at(last + 31.0);
    for name in ["a", "c"] {
        dog.saw(now, "load", &host(name), Sample::new(now, 0.1));
    }
    assert_eq!(dark(&dog.tick(now)), [("b".to_owned(), Some(Dark::Vanished))]);
    let all = dark(&dog.tick(at(last + 100.0)));
    assert!(all.iter().all(|(_, dark)| *dark == Some(Dark::Quiet)) && all.len() == 3, "{all:?}");
}

#[test]
fn what_is_not_heard_of_for_a_day_is_no_source_any_more() {
    let (mut dog, last) = warm(10.0, &["a"]);
    dog.tick(at(last + 86_400.0));
    assert_eq!(dog.sources(), 1);
    let effects = dog.tick(at(last + 86_400.1));
    let forgotten = |effect: &WatchdogEffect| matches!(effect, WatchdogEffect::Forgotten { .. });
    assert!(effects.iter().any(forgotten), "{effects:?}");
    assert_eq!(dog.sources(), 0);
    assert_eq!(dog.verdict("load", &host("a")).level, Level::Unknown);
}

#[test]
fn flat_where_the_history_was_not() {
    // With a value of chance each time, a share of repeats of 1 in 102 or so; to the power of 5 that is
    // less than one in a thousand million.
    let (mut dog, last) = warm(1.0, &["a"]);
    let mut first = None;
    for n in 1..20 {
        let now = at(last + f64::from(n));
        dog.saw(now, "load", &host("a"), Sample::new(now, 7.0));
        if dark(&dog.tick(now)) == [("a".to_owned(), Some(Dark::Flat))] {
            first = Some(n);
        }
    }
    assert_eq!(first, Some(6), "the value came once, and then five repeats");
    let now = at(last + 20.0);
    dog.saw(now, "load", &host("a"), Sample::new(now, 8.0));
    assert_eq!(dark(&dog.tick(now)), [("a".to_owned(), None)]);
}

#[test]
fn constant_sources_and_coarse_ones_are_not_flat() {
    let mut dog = Watchdog::builder("test").build().unwrap();
    let mut rng = Rng::seeded(5);
    for n in 0..20_000 {
        let now = at(f64::from(n));
        dog.saw(now, "constant", &Labels::new(), Sample::new(now, 1.0));
        // Nine of ten are zero, as with errors that are rare.
        let rare = if rng.below(10) == 0 { 1.0 } else { 0.0 };
        dog.saw(now, "rare", &Labels::new(), Sample::new(now, rare));
        assert!(dark(&dog.tick(now)).is_empty(), "at {n}");
    }
}

#[test]
fn a_clock_that_stands_and_samples_that_come_late() {
    let (mut dog, last) = warm(1.0, &["a"]);
    let stuck = at(last);
    let mut seen = Vec::new();
    for n in 1..6 {
        let now = at(last + f64::from(n));
        dog.saw(now, "load", &host("a"), Sample::new(stuck, f64::from(n)));
        seen.extend(dark(&dog.tick(now)).into_iter().map(|(_, dark)| (n, dark)));
    }
    assert_eq!(seen, [(4, Some(Dark::Stuck))]);

    let (mut dog, last) = warm(1.0, &["a"]);
    let mut seen = Vec::new();
    for n in 1..10 {
        // Falls behind by half a second with each.
        let now = at(last + f64::from(n));
        dog.saw(now, "load", &host("a"), Sample::new(at(last + 0.5 * f64::from(n)), f64::from(n)));
        seen.extend(dark(&dog.tick(now)).into_iter().map(|(_, dark)| (n, dark)));
    }
    assert_eq!(seen.len(), 1);
    assert!(matches!(seen[0], (7..=9, Some(Dark::Late))), "{seen:?}");
}

#[test]
fn heartbeats_keep_to_their_grid_and_a_missing_answer_is_seen() {
    let builder = Watchdog::builder("test").heartbeat(Duration::from_secs(60));
    let mut dog = builder.answer_within(Duration::from_secs(30)).build().unwrap();
    assert_eq!(dog.heartbeats().level, Level::Unknown);
    let beats = |effects: Vec<WatchdogEffect>| -> Vec<u64> {
        let beat = |effect| match effect {
            WatchdogEffect::Heartbeat { beat, .. } => Some(beat),
            _ => None,
        };
        effects.into_iter().filter_map(beat).collect()
    };
    assert_eq!(beats(dog.tick(at(0.0))), [1]);
    dog.answered(at(1.0), 1);
    assert!(beats(dog.tick(at(59.9))).is_empty());
    assert_eq!(dog.deadline(), Some(at(60.0)));
    assert_eq!(beats(dog.tick(at(61.0))), [2]);
    // The grid holds, though the tick came late.
    assert_eq!(dog.deadline(), Some(at(91.0) + Duration::from_nanos(1)));
    assert!(dog.tick(at(91.0)).is_empty());
    assert_eq!(dog.heartbeats().level, Level::Healthy);
    let effects = dog.tick(at(91.001));
    assert!(matches!(effects[..], [WatchdogEffect::Unanswered { unanswered: true, .. }]));
    assert_eq!(dog.heartbeats().level, Level::Unhealthy);
    // Answers to what was never sent, or was answered before, say nothing.
    dog.answered(at(92.0), 7);
    dog.answered(at(92.0), 1);
    assert!(dog.tick(at(93.0)).is_empty());
    dog.answered(at(94.0), 2);
    let effects = dog.tick(at(94.0));
    assert!(matches!(effects[..], [WatchdogEffect::Unanswered { unanswered: false, .. }]));
    assert_eq!(beats(dog.tick(at(120.0))), [3]);
}

#[test]
fn a_loop_that_stands_still_is_unhealthy_even_if_it_never_began() {
    let pulse = Pulse::new("loop", at(10.0), Duration::from_secs(5)).unwrap();
    assert_eq!(pulse.verdict(at(15.0)).level, Level::Unknown);
    assert_eq!(pulse.verdict(at(15.1)).level, Level::Unhealthy);
    pulse.clone().beat(at(16.0));
    pulse.beat(at(3.0));
    assert_eq!(pulse.last(), Some(at(16.0)));
    assert_eq!(pulse.verdict(at(21.0)).level, Level::Healthy);
    assert_eq!(pulse.verdict(at(21.1)).since, at(21.0));
    assert!(Pulse::new("loop", at(0.0), Duration::ZERO).is_err());
}

#[test]
fn the_number_of_sources_is_bounded() {
    let config = WatchdogConfig { max_sources: 32, ..WatchdogConfig::default() };
    let mut dog = Watchdog::builder("test").config(config).build().unwrap();
    for n in 0..10_000 {
        let now = at(f64::from(n));
        dog.saw(now, "load", &host(&n.to_string()), Sample::new(now, 1.0));
        assert!(dog.sources() <= 32);
    }
    assert!(dog.lost() > 0 && dog.tick(at(10_000.0)).len() <= 130);
    let long = Labels::of([("host", "x".repeat(3000))]);
    dog.saw(at(10_001.0), "load", &long, Sample::new(at(10_001.0), 1.0));
    assert_eq!((dog.refused(), dog.sources() <= 32), (1, true));
}

proptest! {
    #[test]
    fn a_restored_watchdog_goes_on_as_if_nothing_had_been(
        seed in 0_u64..1000,
        cut in 1_usize..300,
    ) {
        let mut rng = Rng::seeded(seed);
        let mut dog = Watchdog::builder("test").build().unwrap();
        let mut other = None;
        let mut now = 0.0;
        for n in 0..300 {
            now += if rng.below(30) == 0 { 20.0 } else { rng.unit_f64() * 2.0 };
            let value = if rng.below(50) == 0 { f64::NAN } else { rng.below(3) as f64 };
            let labels = host(&rng.below(4).to_string());
            let sample = Sample::new(at(now) - Duration::from_millis(rng.below(3000)), value);
            if n == cut {
                let mut fresh = Watchdog::builder("test").build().unwrap();
                // Effects that nobody took are not kept, so both start without.
                dog.tick(at(now));
                fresh.restore(dog.snapshot()).unwrap();
                other = Some(fresh);
            }
            dog.saw(at(now), "load", &labels, sample);
            let effects = dog.tick(at(now));
            if let Some(other) = &mut other {
                other.saw(at(now), "load", &labels, sample);
                prop_assert_eq!(effects, other.tick(at(now)));
            }
        }
        if let Some(other) = other {
            // As text: a value that is not a number is not the same as itself.
            prop_assert_eq!(format!("{:?}", other.snapshot()), format!("{:?}", dog.snapshot()));
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn what_is_kept_and_configured_goes_through_text() {
    let (dog, _) = warm(1.0, &["a"]);
    let text = serde_json::to_string(&dog.snapshot()).unwrap();
    let snapshot: WatchdogSnapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(snapshot, dog.snapshot());
    let mut fresh = Watchdog::builder("test").build().unwrap();
    let other = text.replacen("\"version\":1", "\"version\":2", 1);
    let error = fresh.restore(serde_json::from_str(&other).unwrap()).unwrap_err();
    assert_eq!(error.field(), "snapshot.version");
    fresh.restore(snapshot).unwrap();
    let config: WatchdogConfig = serde_json::from_str(r#"{ "heartbeat": "30s" }"#).unwrap();
    assert_eq!(config.heartbeat, Duration::from_secs(30));
    assert!(serde_json::from_str::<WatchdogConfig>(r#"{ "hartbeat": "30s" }"#).is_err());
    let config = WatchdogConfig { quiet_after: f64::NAN, ..WatchdogConfig::default() };
    assert_eq!(config.check().unwrap_err().field(), "quiet_after");
}

#[cfg(feature = "serde")]
#[test]
fn a_source_of_no_numbers_is_kept_and_a_made_up_snapshot_is_refused() {
    let mut dog = Watchdog::builder("test").build().unwrap();
    for n in 0..3 {
        let now = at(f64::from(n) * 10.0);
        dog.saw(now, "load", &host("a"), Sample::new(now, f64::NAN));
        dog.tick(now);
    }
    let snapshot = dog.snapshot();
    let text = serde_json::to_string(&snapshot).unwrap();
    let read = |text: &str| serde_json::from_str::<WatchdogSnapshot>(text).unwrap();
    assert_eq!(read(&text), snapshot);
    let mut other = Watchdog::builder("test").build().unwrap();
    let max = u64::MAX.to_string();
    for (field, number) in [("arrived", "20000000000"), ("since", "0"), ("waiting_since", "0")] {
        let (from, to) = (format!("\"{field}\":{number}"), format!("\"{field}\":{max}"));
        assert!(text.contains(&from), "{from} in {text}");
        assert!(other.restore(read(&text.replace(&from, &to))).is_err(), "{field}");
    }
    // A heartbeat that would never come comes in time, and one that cannot be counted does no harm.
    let next = text.replace("\"beats\":1", &format!("\"beats\":{max}"));
    let next = next.replace("\"next\":30000000000", &format!("\"next\":{max}"));
    assert_ne!(next, text);
    other.restore(read(&next)).unwrap();
    assert!(other.deadline().is_some_and(|next| next <= at(20.0 + 60.0)), "{other:?}");
    assert!(!other.tick(at(1_000.0)).is_empty());
}
