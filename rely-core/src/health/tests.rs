use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::{Component, DegradationLevel, Health, HealthError, HealthReport, Impact};
use crate::{Instant, Level, Verdict};

const NOW: Instant = Instant::from_nanos(1_000_000_000);
const LEVELS: [Level; 4] = [Level::Healthy, Level::Degraded, Level::Unhealthy, Level::Unknown];

fn verdict(level: Level) -> Verdict {
    Verdict::new(level, NOW)
}

fn after(seconds: u64) -> Instant {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn each_cell_of_the_table() {
    use DegradationLevel::{Critical, Normal, Reduced};
    let critical = Component::critical("part");
    let capability = Component::capability("part", "extra");
    let table = [
        (critical.clone(), [Normal, Reduced, Critical, Critical], [true; 4]),
        (critical.tolerates_unknown(), [Normal, Reduced, Critical, Reduced], [true; 4]),
        (capability.clone(), [Normal, Reduced, Reduced, Reduced], [true, true, false, false]),
        (
            capability.tolerates_unknown(),
            [Normal, Reduced, Reduced, Reduced],
            [true, true, false, true],
        ),
    ];
    for (component, expected, on) in table {
        for (index, level) in LEVELS.into_iter().enumerate() {
            let health = Health::new();
            health.add(component.clone()).unwrap();
            health.observe("part", verdict(level)).unwrap();
            let report = health.evaluate(NOW);
            assert_eq!(report.level, expected[index], "{component:?} {level}");
            assert_eq!(report.is_on("extra"), on[index], "{component:?} {level}");
            assert_eq!(report.is_ready(), expected[index] != Critical);
            assert_eq!(report.http_status(), if report.is_ready() { 200 } else { 503 });
        }
    }
}

#[test]
fn a_service_is_not_ready_before_a_critical_component_was_heard_of() {
    let health = Health::new();
    assert_eq!(health.evaluate(NOW).level, DegradationLevel::Normal);
    health.add(Component::critical("database")).unwrap();
    let report = health.evaluate(NOW);
    assert!(!report.is_ready());
    assert_eq!(report.to_string(), "critical: database is unknown (nothing was observed yet)");
}

#[test]
fn old_verdicts_read_unknown() {
    let health = Health::new();
    health.add(Component::critical("database")).unwrap();
    let healthy = verdict(Level::Healthy).valid_for(Duration::from_secs(5));
    health.observe("database", healthy).unwrap();
    assert!(health.evaluate(after(5)).is_ready());
    let report = health.evaluate(after(6));
    assert!(!report.is_ready());
    assert!(report.components[0].verdict.reason.contains("stale"), "{report}");
}

#[test]
fn a_verdict_on_older_evidence_does_not_replace_a_newer_one() {
    let health = Health::new();
    health.add(Component::critical("database")).unwrap();
    health.observe("database", Verdict::new(Level::Unhealthy, after(2))).unwrap();
    health.observe("database", Verdict::new(Level::Healthy, after(1))).unwrap();
    assert!(!health.evaluate(after(3)).is_ready());
    health.observe("database", Verdict::new(Level::Healthy, after(2))).unwrap();
    assert!(health.evaluate(after(3)).is_ready());
}

#[test]
fn what_was_set_by_hand_counts_until_released_or_expired() {
    let health = Health::new();
    health.add(Component::critical("database")).unwrap();
    health.observe("database", verdict(Level::Healthy)).unwrap();
    health.force("database", verdict(Level::Unhealthy).because("maintenance")).unwrap();
    health.observe("database", verdict(Level::Healthy)).unwrap();
    let report = health.evaluate(NOW);
    assert!(report.components[0].forced);
    assert_eq!(report.to_string(), "critical: database is unhealthy (maintenance)");
    health.release("database").unwrap();
    assert!(health.evaluate(NOW).is_ready());

    let short = verdict(Level::Unhealthy).valid_for(Duration::from_secs(1));
    health.force("database", short).unwrap();
    assert!(!health.evaluate(after(1)).is_ready());
    let report = health.evaluate(after(2));
    assert!(report.is_ready() && !report.components[0].forced);
}

#[test]
fn a_source_is_asked_outside_of_the_lock_and_only_when_it_counts() {
    let health = Health::new();
    let asked = Arc::new(AtomicU32::new(0));
    let (inner, count) = (health.clone(), Arc::clone(&asked));
    let source = move |now| {
        count.fetch_add(1, Ordering::Relaxed);
        let _ = inner.observe("other", Verdict::new(Level::Healthy, now));
        Verdict::new(Level::Degraded, now)
    };
    health.add_source(Component::critical("engine"), source).unwrap();
    let other = health.clone();
    other.add(Component::capability("other", "extra")).unwrap();
    assert_eq!(health.evaluate(NOW).level, DegradationLevel::Reduced);
    assert!(health.evaluate(NOW).is_on("extra"));
    assert_eq!(asked.load(Ordering::Relaxed), 2);

    health.force("engine", verdict(Level::Healthy)).unwrap();
    assert_eq!(health.evaluate(NOW).level, DegradationLevel::Normal);
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let error = health.observe("engine", verdict(Level::Healthy));
    assert_eq!(error, Err(HealthError::HasSource("engine".into())));
    health.remove("engine").unwrap();
}

#[test]
fn names_are_checked() {
    let health = Health::new();
    health.add(Component::critical("database")).unwrap();
    let error = health.add(Component::capability("database", "x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "name is \"database\", allowed: a name that no other component has"
    );
    for name in ["", "a:b"] {
        assert_eq!(health.add(Component::critical(name)).unwrap_err().field(), "name");
        let error = health.add(Component::capability("part", name)).unwrap_err();
        assert_eq!(error.field(), "importance.capability");
    }
    let missing = HealthError::NoSuchComponent("nobody".into());
    assert_eq!(health.observe("nobody", verdict(Level::Healthy)), Err(missing.clone()));
    assert_eq!(health.force("nobody", verdict(Level::Healthy)), Err(missing.clone()));
    assert_eq!(health.release("nobody"), Err(missing.clone()));
    assert_eq!(health.remove("nobody"), Err(missing));
    health.remove("database").unwrap();
    assert!(health.evaluate(NOW).components.is_empty());
}

#[test]
fn a_capability_of_several_components_is_off_once() {
    let report = |level| {
        ["first", "second"]
            .map(|name| Component::capability(name, "extra").judge(verdict(level), NOW))
    };
    let mut components = report(Level::Unhealthy).to_vec();
    assert_eq!(HealthReport::of(NOW, components.clone()).off, ["extra"]);
    components[0] = report(Level::Healthy)[0].clone();
    assert_eq!(HealthReport::of(NOW, components).off, ["extra"]);
}

fn any_component() -> impl Strategy<Value = (Component, Level)> {
    ("[a-z]{1,3}", any::<bool>(), any::<bool>(), 0..4_usize).prop_map(
        |(name, critical, tolerates_unknown, level)| {
            let component = if critical {
                Component::critical(name)
            } else {
                Component::capability(name.clone(), name)
            };
            (Component { tolerates_unknown, ..component }, LEVELS[level])
        },
    )
}

proptest! {
    #[test]
    fn one_more_component_never_makes_it_better(
        components in proptest::collection::vec(any_component(), 1..8),
    ) {
        let reports: Vec<_> = components
            .iter()
            .map(|(component, level)| component.judge(verdict(*level), NOW))
            .collect();
        let all = HealthReport::of(NOW, reports.clone());
        let without = HealthReport::of(NOW, reports[1..].to_vec());
        prop_assert!(all.level >= without.level);
        prop_assert!(without.off.iter().all(|off| all.off.contains(off)));
        // Normal means that each was seen to be healthy.
        let healthy = components.iter().all(|(_, level)| *level == Level::Healthy);
        prop_assert_eq!(all.level == DegradationLevel::Normal, healthy);
        prop_assert_eq!(all.off.is_empty(), !reports.iter().any(|r| r.impact == Impact::Off));
    }
}

#[cfg(feature = "json")]
mod json {
    use serde_json::{Value, json};

    use super::*;

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn both_documents_have_their_documented_shape() {
        let health = Health::new();
        health.add(Component::critical("database")).unwrap();
        health.add(Component::capability("engine", "recommendations")).unwrap();
        health.observe("database", verdict(Level::Healthy).because("fine")).unwrap();
        let bad = verdict(Level::Unhealthy)
            .because("too many failures")
            .with_samples(120)
            .with_score(0.5)
            .with_evidence("failure_share", 0.25)
            .with_evidence("p99_seconds", f64::INFINITY);
        health.observe("engine", bad).unwrap();
        let report = health.evaluate(after(2));

        let small = json!({ "status": "warn", "level": "reduced", "off": ["recommendations"] });
        assert_eq!(parse(&report.readiness_json()), small);
        let expected = json!({
            "status": "warn",
            "level": "reduced",
            "off": ["recommendations"],
            "output": "reduced: engine is unhealthy (too many failures)",
            "checks": {
                "database": [{
                    "status": "pass", "level": "healthy", "importance": "critical",
                    "forced": false, "samples": 0, "score": null,
                    "ageSeconds": 2.0, "sinceSeconds": 2.0,
                }],
                "engine": [{
                    "status": "fail", "level": "unhealthy", "importance": "capability",
                    "capability": "recommendations", "output": "too many failures",
                    "forced": false, "samples": 120, "score": 0.5,
                    "ageSeconds": 2.0, "sinceSeconds": 2.0,
                }],
                "engine:failure_share": [{ "observedValue": 0.25 }],
                "engine:p99_seconds": [{ "observedValue": null }],
            },
        });
        assert_eq!(parse(&report.detail_json()), expected);
    }

    #[test]
    fn a_critical_service_fails_and_a_normal_one_passes() {
        let health = Health::new();
        health.add(Component::critical("database")).unwrap();
        let status = |text: &str| parse(text)["status"].clone();
        assert_eq!(status(&health.evaluate(NOW).detail_json()), "fail");
        health.observe("database", verdict(Level::Healthy)).unwrap();
        let report = health.evaluate(NOW);
        assert_eq!(status(&report.readiness_json()), "pass");
        assert!(parse(&report.detail_json()).get("output").is_none());
    }

    #[test]
    fn a_report_reads_back() {
        let health = Health::new();
        health.add(Component::capability("engine", "extra").tolerates_unknown()).unwrap();
        let report = health.evaluate(NOW);
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<HealthReport>(&text).unwrap(), report);
    }
}
