use core::num::NonZeroUsize;
use core::time::Duration;

use futures::FutureExt;
use rely_core::event::Delivery;
use rely_core::{Clock, Instant, Level, Verdict};

use super::super::*;
use crate::{Detector, Sample, Seasonal};

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

fn bad() -> Observation {
    Observation::new(Level::Unhealthy)
}

fn one_rule() -> AlertsBuilder {
    Alerts::builder("test").rule(AlertRule::new("latency")).route(Route::to("pager"))
}

#[test]
fn what_could_not_work_is_refused_by_its_path() {
    let refused = |builder: AlertsBuilder| builder.build().unwrap_err().field().to_owned();
    let rule = |change: fn(&mut AlertRule)| {
        let mut rule = AlertRule::new("other");
        change(&mut rule);
        one_rule().rule(rule)
    };
    let route = |change: fn(&mut Route)| {
        let mut route = Route::to("pager");
        route.name = "other".to_owned();
        change(&mut route);
        one_rule().route(route)
    };
    let nan = Thresholds { enter: f64::NAN, leave: 1.0 };
    assert_eq!(refused(Alerts::builder("a")), "rules");
    assert_eq!(refused(Alerts::builder("a").rule(AlertRule::new("b"))), "receivers");
    assert_eq!(refused(rule(|rule| rule.name = "latency".to_owned())), "rules.1.name");
    assert_eq!(refused(rule(|rule| rule.name.clear())), "rules.1.name");
    let found = refused(rule(|rule| rule.condition = Condition::Level(Level::Unknown)));
    assert_eq!(found, "rules.1.condition.level");
    let mut config = AlertRule::new("nan");
    config.condition = Condition::Severity(nan);
    assert_eq!(refused(one_rule().rule(config)), "rules.1.condition.enter");
    let found = refused(rule(|rule| {
        rule.condition = Condition::Score(Thresholds { enter: 0.5, leave: 0.6 });
    }));
    assert_eq!(found, "rules.1.condition.leave");
    let found = refused(rule(|rule| rule.confirm = Confirm::Count { bad: 3, of: 2 }));
    assert_eq!(found, "rules.1.confirm.count.bad");
    assert_eq!(refused(rule(|rule| rule.stale_after = Duration::ZERO)), "rules.1.stale_after");
    assert_eq!(refused(rule(|rule| rule.flap.leave = 9.0)), "rules.1.flap.leave");
    let found = refused(route(|route| route.matchers = vec![Matcher::is("a", "b")]));
    assert_eq!(found, "routes.1.matchers");
    assert_eq!(refused(route(|route| route.name = "pager".to_owned())), "routes.1.name");
    assert_eq!(refused(route(|route| route.repeat = Duration::ZERO)), "routes.1.repeat");
}

#[test]
fn readings_and_verdicts_are_seen_as_they_are() {
    let mut detector = Seasonal::builder("load").season(Duration::from_secs(10)).build().unwrap();
    let reading = detector.observe(Sample::new(at(1), 1.0));
    let seen = Observation::from(&reading);
    assert_eq!((seen.level, seen.severity), (Level::Unknown, Some(0.0)));

    let mut alerts = one_rule().build().unwrap();
    let verdict = Verdict::new(Level::Unhealthy, at(1)).valid_for(Duration::from_secs(5));
    let labels = Labels::new();
    // Too old when it came: nothing is known.
    let state = alerts.observe(at(7), "latency", &labels, &verdict);
    assert_eq!(state, Some(AlertState::Inactive));
    assert_eq!(alerts.observe(at(6), "latency", &labels, &verdict), Some(AlertState::Inactive));
    let verdict = Verdict::new(Level::Unhealthy, at(8));
    assert_eq!(alerts.observe(at(8), "latency", &labels, &verdict), Some(AlertState::Firing));
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let mut alerts = one_rule().build().unwrap();
    alerts.observe(at(100), "latency", &Labels::new(), bad());
    alerts.observe(at(10), "latency", &Labels::of([("zone", "b")]), bad());
    let effects = alerts.tick(at(5));
    let early =
        |effect: &Effect| matches!(effect, Effect::Moved { at: when, .. } if *when < at(100));
    assert!(!effects.iter().any(early), "{effects:?}");
    alerts.observe(Instant::MAX, "latency", &Labels::new(), bad());
    alerts.tick(Instant::MAX);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let config = AlertsConfig {
        max_series: 64,
        max_incidents: 8,
        rules: vec![AlertRule::new("latency")],
        receivers: vec![Receiver::new("pager")],
        routes: vec![Route { group_by: vec!["n".to_owned()], ..Route::to("pager") }],
        ..AlertsConfig::default()
    };
    let mut alerts = Alerts::builder("test").config(config).build().unwrap();
    for n in 0..20_000_u64 {
        let labels = Labels::of([("n", n.to_string())]);
        let level = if n % 3 == 0 { Level::Unhealthy } else { Level::Healthy };
        let mut seen = Observation::new(level).suspect("é".repeat(1000));
        seen.why = "x".repeat(10_000);
        alerts.observe(at(n / 10), "latency", &labels, seen);
    }
    assert!(alerts.series() <= 64);
    // The catch-all is one more.
    assert!(alerts.incidents().count() <= 9, "{}", alerts.incidents().count());
    assert!(
        alerts.held()[&Suppressed::NoRoom] > 10_000 && alerts.held()[&Suppressed::Forgotten] > 0
    );
    let effects = alerts.tick(at(3000));
    assert!(effects.len() <= Alerts::MOST_EFFECTS);
    assert!(alerts.held()[&Suppressed::EffectsLost] > 0);
    for incident in alerts.incidents() {
        assert!(incident.suspects.iter().all(|text| text.len() <= 256), "{incident}");
    }
    let notes = effects.iter().filter(|effect| matches!(effect, Effect::Notify(_))).count();
    assert!(notes <= 20, "{notes} in a storm");
}

#[test]
fn a_snapshot_is_not_taken_on_trust_and_moves_to_another_clock() {
    let mut alerts = one_rule().build().unwrap();
    alerts.observe(at(100), "latency", &Labels::new(), bad());
    alerts.tick(at(130));
    let snapshot = alerts.snapshot();
    let mut moved = one_rule().build().unwrap();
    moved.restore(snapshot.clone().rebase(at(130), at(10))).unwrap();
    assert_eq!(moved.incidents().next().unwrap().notified, Some(at(10)));
    // Nobody is called again, and the reminder comes four hours after the call.
    let notes = |effects: Vec<Effect>| {
        effects.into_iter().filter(|effect| matches!(effect, Effect::Notify(_))).count()
    };
    assert_eq!(notes(moved.tick(at(4 * 3600))), 0);
    assert_eq!(notes(moved.tick(at(4 * 3600 + 10))), 1);

    // A rule that there is no more takes its alert along; the incident is over.
    let mut other =
        Alerts::builder("test").rule(AlertRule::new("errors")).route(Route::to("pager"));
    other = other.receiver(Receiver::new("unused"));
    let mut other = other.build().unwrap();
    other.restore(snapshot).unwrap();
    assert_eq!(other.series(), 0);
    assert_eq!(notes(other.tick(at(131))), 1);
    assert_eq!(other.incidents().count(), 0);
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_of_another_version_or_with_a_stranger_in_it_is_refused() {
    let mut alerts = one_rule().build().unwrap();
    alerts.observe(at(100), "latency", &Labels::new(), bad());
    let text = serde_json::to_string(&alerts.snapshot()).unwrap();
    let mut restore = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        let changed = text.replacen(from, to, 1);
        let snapshot = serde_json::from_str(&changed).unwrap();
        alerts.restore(snapshot).unwrap_err().field().to_owned()
    };
    assert_eq!(restore("\"version\":1", "\"version\":2"), "snapshot.version");
    assert_eq!(restore("\"incident\":1", "\"incident\":7"), "snapshot.kept.series.incident");
    assert_eq!(restore("\"incident\":1", "\"incident\":null"), "snapshot.kept.series.incident");
    assert_eq!(restore("\"next_id\":2", "\"next_id\":1"), "snapshot.kept.incidents");
}

#[test]
fn a_desk_publishes_what_happens_and_its_driver_ends_with_it() {
    let (clock, manual) = Clock::manual();
    let desk = AlertDesk::new(one_rule().build().unwrap(), clock);
    desk.record(NonZeroUsize::new(100).unwrap());
    let mut pager = desk.subscribe(NonZeroUsize::new(100).unwrap());
    let suspects = |incident: &Incident| Some(format!("whoever broke {}", incident.first()));
    let driver = desk.driver(Duration::from_secs(1), suspects).unwrap();
    let mut driver = Box::pin(driver);
    desk.observe("latency", &Labels::new(), bad());
    let mut notes = Vec::new();
    for _ in 0..40 {
        assert!(driver.as_mut().now_or_never().is_none());
        manual.advance(Duration::from_secs(1));
    }
    let mut effects = Vec::new();
    while let Some(Delivery::Event(effect)) = pager.try_next() {
        if let Effect::Notify(note) = &*effect {
            notes.push((note.at, note.suspect.clone()));
        }
        effects.push((*effect).clone());
    }
    assert_eq!(notes, [(at(30), Some("whoever broke latency{}".to_owned()))]);
    let recording = desk.take_recording().unwrap();
    let mut again = one_rule().build().unwrap();
    assert_eq!(replay(&mut again, &recording).unwrap(), effects);
    assert!(desk.command(Command::Acknowledge { incident: 9, by: String::new() }).is_err());
    assert_eq!(desk.incidents().len(), 1);
    assert!(desk.driver(Duration::ZERO, |_: &Incident| None).is_err());
    drop(desk);
    assert!(driver.now_or_never().is_some());
}

#[test]
fn hygiene_tells_which_rules_are_worth_their_noise() {
    const DAY: u64 = 24 * 3600;
    let rule = |name: &str| AlertRule {
        keep_firing: Duration::ZERO,
        stale_after: Duration::from_secs(30 * DAY),
        owner: Some("ann".to_owned()),
        condition: Condition::Severity(Thresholds { enter: 3.0, leave: 2.0 }),
        ..AlertRule::new(name)
    };
    let route = Route {
        group_by: vec!["alert".to_owned()],
        close_after: Duration::from_secs(60),
        ..Route::to("pager")
    };
    let mut builder = Alerts::builder("test").route(route);
    for name in ["always", "useful", "ignored", "near", "far", "dead"] {
        builder = builder.rule(rule(name));
    }
    let mut alerts = builder.build().unwrap();
    let mut see = |seconds: u64, name: &str, severity: f64| {
        let mut seen = Observation::new(Level::Healthy);
        seen.severity = Some(severity);
        alerts.observe(at(seconds), name, &Labels::new(), seen);
        let ids: Vec<u64> = alerts.incidents().map(|one| one.id).collect();
        if name == "useful" && severity < 3.0 {
            for incident in ids {
                let by = "ann".to_owned();
                alerts.command(at(seconds), Command::Acknowledge { incident, by }).unwrap();
            }
        }
        alerts.tick(at(seconds));
    };
    see(0, "always", 5.0);
    for day in 0..8 {
        let all = [("useful", 4.0), ("ignored", 4.0), ("near", 2.5), ("far", 2.3)];
        for (n, (name, peak)) in (0..).zip(all) {
            let start = day * DAY + n * 2000;
            see(start + 10, name, peak);
            see(start + 50, name, peak);
            see(start + 310, name, 1.0);
            see(start + 1000, name, 1.0);
        }
    }
    let hygiene = alerts.hygiene();
    let of = |name: &str| hygiene.rules.iter().find(|rule| rule.rule == name).unwrap().clone();
    assert_eq!(of("always").findings, [Finding::AlwaysFires]);
    assert_eq!(of("useful").findings, []);
    assert_eq!(of("ignored").findings, [Finding::NeverActedOn, Finding::OverByItself]);
    assert_eq!(of("near").findings, [Finding::NeverFiresThoughNear]);
    assert_eq!(of("far").findings, []);
    assert_eq!(of("dead").findings, [Finding::NeverSeen]);
    let useful = of("useful");
    assert_eq!((useful.calls, useful.acknowledged), (8, 8));
    assert_eq!(useful.to_acknowledge, Some(Duration::from_secs(260)));
    let week = useful.calls_per_week.unwrap();
    assert!((7.0..8.1).contains(&week), "{week}");
    assert!(hygiene.to_string().contains("never fires, though its input came near"));
}

#[cfg(feature = "serde")]
#[test]
fn a_configuration_is_written_in_words_and_read_back() {
    use rely_core::config::from_deserializer;

    let read = |text: &str| {
        from_deserializer::<AlertsConfig, _>(&mut serde_json::Deserializer::from_str(text))
    };
    let config = one_rule().build().unwrap().config().as_ref().clone();
    let text = serde_json::to_string(&config).unwrap();
    assert!(text.contains(r#""keep_firing":"5m""#), "{text}");
    assert_eq!(read(&text).unwrap(), config);
    let error = read(r#"{ "rules": [{ "name": "a", "keepfiring": "5m" }] }"#).unwrap_err();
    assert!(error.to_string().starts_with("rules[0].keepfiring is an unknown field"), "{error}");
    assert!(read(r#"{ "routes": [{ "repeat": 4 }] }"#).is_err());
}

#[cfg(feature = "schema")]
#[test]
fn every_field_of_the_schema_is_described() {
    let schema = serde_json::to_value(schemars::schema_for!(AlertsConfig)).unwrap();
    let objects = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for (name, field) in objects.filter_map(|one| one.get("properties")?.as_object()).flatten() {
        assert!(field.get("description").is_some(), "{name} has no description");
    }
}
