//! Storms, odd orders, and snapshots that somebody made up.

use core::time::Duration;

use rely_core::{Instant, Level};

use super::super::*;
use crate::slo::Severity;

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

fn bad() -> Observation {
    Observation::new(Level::Unhealthy)
}

fn good() -> Observation {
    Observation::new(Level::Healthy)
}

fn service(name: impl Into<String>) -> Labels {
    Labels::of([("service", name.into())])
}

fn route() -> Route {
    let group_by = vec!["service".to_owned()];
    Route { group_by, group_wait: Duration::from_secs(10), ..Route::to("pager") }
}

/// Rules that fire at once and end at once.
fn builder() -> AlertsBuilder {
    let rule = |name: &str| AlertRule { keep_firing: Duration::ZERO, ..AlertRule::new(name) };
    let ticket = AlertRule { severity: Severity::Ticket, ..rule("ticket") };
    Alerts::builder("test").rule(rule("latency")).rule(rule("zdb")).rule(ticket).route(route())
}

fn notes(effects: Vec<Effect>) -> Vec<Notification> {
    let note = |effect| match effect {
        Effect::Notify(note) => Some(*note),
        _ => None,
    };
    effects.into_iter().filter_map(note).collect()
}

fn kinds(effects: Vec<Effect>) -> Vec<(String, NotifyKind)> {
    notes(effects).into_iter().map(|note| (note.receiver, note.kind)).collect()
}

#[test]
fn a_storm_of_one_cause_is_one_page_and_no_work_for_each_pair() {
    // Each pair of the storm looked at for each alert would take hours.
    let inhibition = Inhibition {
        source: vec![Matcher::is("alert", "zdb")],
        target: vec![Matcher::is("alert", "latency")],
        equal: Vec::new(),
    };
    for silenced in [false, true] {
        let mut alerts = builder().inhibition(inhibition.clone()).build().unwrap();
        if silenced {
            let silence = Silence::new([Matcher::is("alert", "zdb")], at(0), at(999), "ann", "");
            alerts.command(at(0), Command::Silence { id: "a".into(), silence }).unwrap();
        }
        alerts.observe(at(1), "zdb", &service("db"), bad());
        for n in 0..4_000 {
            alerts.observe(at(1), "latency", &service(n.to_string()), bad());
        }
        assert_eq!(alerts.incidents().count(), 1);
        let expected = if silenced { vec![] } else { vec![("pager".to_owned(), NotifyKind::New)] };
        assert_eq!(kinds(alerts.tick(at(30))), expected);
        // Whatever is told of its end is bounded too.
        for n in 0..4_000 {
            alerts.observe(at(40), "latency", &service(n.to_string()), good());
        }
        alerts.observe(at(40), "zdb", &service("db"), good());
        assert!(alerts.tick(at(5_000)).len() <= Alerts::MOST_EFFECTS);
        assert_eq!(alerts.incidents().count(), 0);
    }
}

#[test]
fn a_storm_of_many_causes_is_as_many_pages_as_a_receiver_takes() {
    let mut alerts = builder().build().unwrap();
    for n in 0..10_000 {
        alerts.observe(at(1), "latency", &service(n.to_string()), bad());
    }
    assert!(alerts.incidents().count() <= alerts.config().max_incidents + 1);
    let limit = alerts.config().receivers[0].limit as usize;
    let told: usize = (0..10).map(|second| notes(alerts.tick(at(second + 11))).len()).sum();
    assert_eq!(told, limit);
}

#[test]
fn a_cause_that_fires_last_is_no_other_incident() {
    let mut alerts = builder().build().unwrap();
    alerts.observe(at(1), "latency", &service("a"), bad().caused_by("zdb{service=db}"));
    alerts.observe(at(2), "zdb", &service("db"), bad());
    assert_eq!(alerts.incidents().count(), 1);
    assert_eq!(notes(alerts.tick(at(60))).len(), 1);
}

#[test]
fn an_incident_that_is_long_over_takes_no_alert_though_nobody_ticked() {
    let mut alerts = builder().build().unwrap();
    alerts.observe(at(0), "latency", &service("a"), bad());
    assert_eq!(notes(alerts.tick(at(10))).len(), 1);
    alerts.observe(at(20), "latency", &service("a"), good());
    let over = 20 + route().close_after.as_secs();
    // At the moment itself it belongs to it, and is no call.
    let mut just = alerts.clone();
    just.observe(at(over), "latency", &service("a"), bad());
    assert_eq!(just.incidents().next().map(|one| one.id), Some(1));
    alerts.observe(at(over + 1), "latency", &service("a"), bad());
    assert_eq!(alerts.incidents().map(|one| one.id).collect::<Vec<_>>(), [2]);
    let told = kinds(alerts.tick(at(over + 60)));
    let pager = |kind| ("pager".to_owned(), kind);
    assert_eq!(told, [pager(NotifyKind::Resolved), pager(NotifyKind::New)]);
}

#[test]
fn all_hear_of_the_end_or_nobody_does() {
    let second = Receiver { limit: 1, per: Duration::from_secs(10_000), ..Receiver::new("second") };
    let step = Escalation { after: Duration::from_secs(10), receiver: "second".to_owned() };
    let rule = AlertRule { keep_firing: Duration::ZERO, ..AlertRule::new("latency") };
    let route = Route { escalation: vec![step], ..route() };
    let mut alerts =
        Alerts::builder("test").rule(rule).receiver(second).route(route).build().unwrap();
    alerts.observe(at(0), "latency", &service("a"), bad());
    assert_eq!(notes(alerts.tick(at(10))).len(), 1);
    assert_eq!(notes(alerts.tick(at(20))).len(), 1);
    alerts.observe(at(30), "latency", &service("a"), good());
    // The second one has heard enough for now, so the incident is not over for the first one either.
    assert_eq!(kinds(alerts.tick(at(3_000))), []);
    alerts.observe(at(3_001), "latency", &service("a"), bad());
    let told = kinds(alerts.tick(at(4_000)));
    assert_eq!(told, [("pager".to_owned(), NotifyKind::Update)]);
}

#[test]
fn a_merge_keeps_who_looks_after_it_and_calls_for_what_is_more_urgent() {
    let open = |rule: &str| {
        let mut alerts = builder().build().unwrap();
        alerts.observe(at(0), rule, &service("a"), bad().caused_by("deploy"));
        assert_eq!(notes(alerts.tick(at(10))).len(), 1);
        let command = Command::Acknowledge { incident: 1, by: "ann".to_owned() };
        alerts.command(at(11), command).unwrap();
        alerts.observe(at(12), "latency", &service("b"), bad());
        alerts.command(at(12), Command::Merge { from: 1, into: 2 }).unwrap();
        // What the first one was known by leads to the other one, even before it is closed.
        alerts.observe(at(12), "latency", &service("c"), bad().caused_by("deploy"));
        let told = notes(alerts.tick(at(40))).into_iter().filter(Notification::is_page);
        let told = told.map(|note| (note.incident, note.kind)).collect::<Vec<_>>();
        assert_eq!(alerts.incidents().map(|one| one.id).collect::<Vec<_>>(), [2]);
        let by = alerts.incident(2).and_then(|one| one.acknowledged.clone()).map(|one| one.by);
        assert_eq!(by.as_deref(), Some("ann"));
        told
    };
    assert_eq!(open("zdb"), []);
    // Only a ticket was told before.
    assert_eq!(open("ticket"), [(2, NotifyKind::Escalated)]);
}

#[test]
fn a_silence_ends_when_it_should_on_a_clock_that_began_later() {
    let silenced = |every: Option<u64>| {
        let mut alerts = builder().build().unwrap();
        let matchers = [Matcher::is("service", "a")];
        let silence = Silence::new(matchers, at(1_000), at(1_100), "ann", "");
        let silence = match every {
            Some(every) => silence.every(Duration::from_secs(every)),
            None => silence,
        };
        alerts.command(at(0), Command::Silence { id: "a".into(), silence }).unwrap();
        alerts
    };
    let is_told = |alerts: &Alerts, second: u64| {
        let mut alerts = alerts.clone();
        alerts.observe(at(second), "latency", &service("a"), bad());
        alerts.tick(at(second));
        !notes(alerts.tick(at(second + 10))).is_empty()
    };
    // The other clock was 5 at 1 080 of this one, so that it ends at 25, and comes back at 325.
    for every in [None, Some(400)] {
        let mut moved = silenced(None);
        moved.restore(silenced(every).snapshot().rebase(at(1_080), at(5))).unwrap();
        assert!(!is_told(&moved, 10), "{every:?}");
        assert!(is_told(&moved, 26), "{every:?}");
        assert_eq!(is_told(&moved, 330), every.is_none());
        assert_eq!(is_told(&moved, 400), every.is_none());
        assert!(is_told(&moved, 430));
        // Taken back as one.
        moved.command(at(6), Command::Expire { id: "a".into() }).unwrap();
        assert!(is_told(&moved, 10));
    }
    // One that is over on the other clock is gone.
    let mut moved = silenced(None);
    moved.restore(silenced(None).snapshot().rebase(at(2_000), at(5))).unwrap();
    assert_eq!(moved.silences().count(), 0);
    let many = Silence::new(
        [Matcher { label: "a".into(), any_of: vec![String::new(); 10_000], not: false }],
        at(0),
        at(1),
        "ann",
        "",
    );
    let refused = moved.command(at(6), Command::Silence { id: "b".into(), silence: many });
    assert_eq!(refused, Err(CommandError::BadSilence));
}

#[test]
fn the_ends_of_time_are_no_harm() {
    let mut alerts = builder().build().unwrap();
    for now in
        [Instant::ORIGIN, Instant::from_nanos(1), Instant::from_nanos(u64::MAX - 1), Instant::MAX]
    {
        for seen in [bad(), good(), Observation::default(), bad()] {
            alerts.observe(now, "latency", &service("a"), seen);
            alerts.tick(now);
            let _ = alerts.deadline();
        }
    }
    let moved = alerts.snapshot().rebase(Instant::MAX, Instant::ORIGIN);
    builder().build().unwrap().restore(moved).unwrap();
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_full_of_the_largest_numbers_is_refused_or_does_no_harm() {
    let mut alerts = builder().build().unwrap();
    alerts.observe(at(100), "latency", &service("a"), bad());
    alerts.tick(at(130));
    alerts.observe(at(131), "latency", &service("b"), bad());
    let value = serde_json::to_value(alerts.snapshot()).unwrap();
    let mut places = Vec::new();
    numbers(&value, String::new(), &mut places);
    assert!(places.len() > 50, "{places:?}");
    let mut refused = Vec::new();
    for place in places {
        let mut changed = value.clone();
        *changed.pointer_mut(&place).unwrap() = u64::MAX.into();
        let Ok(snapshot) = serde_json::from_value(changed) else { continue };
        let mut other = builder().build().unwrap();
        if other.restore(snapshot).is_err() {
            refused.push(place);
            continue;
        }
        for second in [140, 200, 900, 5_000, 40_000] {
            for seen in [bad(), good(), Observation::default()] {
                other.observe(at(second), "latency", &service("a"), seen.clone());
                other.observe(at(second), "zdb", &service("c"), seen);
            }
            let ids: Vec<u64> = other.incidents().map(|one| one.id).collect();
            for incident in ids {
                let command = Command::Acknowledge { incident, by: "ann".to_owned() };
                other.command(at(second), command).unwrap();
            }
            other.observe(at(second), "nothing", &service("a"), bad());
            other.tick(at(second));
            let _ = other.deadline();
        }
        assert!(other.hygiene().to_string().contains("latency"));
    }
    // Told in the future, a receiver would never be told again.
    for field in
        ["/kept/told/pager/sent/0", "/kept/incidents/1/opened", "/kept/incidents/1/notified"]
    {
        assert!(refused.iter().any(|place| place == field), "{field} {refused:?}");
    }
}

#[cfg(feature = "serde")]
fn numbers(value: &serde_json::Value, at: String, places: &mut Vec<String>) {
    match value {
        serde_json::Value::Number(_) => places.push(at),
        serde_json::Value::Array(all) => {
            for (n, one) in all.iter().enumerate() {
                numbers(one, format!("{at}/{n}"), places);
            }
        }
        serde_json::Value::Object(all) => {
            for (key, one) in all {
                numbers(one, format!("{at}/{key}"), places);
            }
        }
        _ => {}
    }
}
