use proptest::prelude::*;
use rely_core::{Clock, Level, Signal};

use super::*;

const AGE: Duration = Duration::from_secs(2);

fn at(secs: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(secs)
}

fn release(code: &str, timeout: &str) -> Release {
    let builder = Release::builder("r").code(code).config([("queue_timeout", timeout)]);
    builder.file("prices.csv", "tea,3").build().unwrap()
}

fn texts(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

#[test]
fn every_difference_is_named_in_the_order_of_the_instances() {
    let v1 = release("1.0", "50ms");
    let files = Release::builder("r").code("1.0").config([("queue_timeout", "50ms")]);
    let files = files.file("new.csv", "").build().unwrap();
    let more = Release::builder("r").code("1.0").file("prices.csv", "tea,3");
    let more = more.config([("queue_timeout", "50ms"), ("debug", "on")]).build().unwrap();
    let declared =
        ["b-code", "a-missing", "c-both", "d-files", "e-more", "f-stale", "g-right", "h-edge"]
            .map(|name| (name.into(), v1.clone()))
            .into();
    let observed = [
        ("z-stranger", Observed::of(&v1, at(9))),
        ("y-gone", Observed::of(&v1, at(1))),
        ("b-code", Observed::of(&release("1.1", "50ms"), at(10))),
        ("c-both", Observed::of(&release("1.1", "5s"), at(10))),
        ("d-files", Observed::of(&files, at(10))),
        ("e-more", Observed::of(&more, at(10))),
        ("f-stale", Observed::of(&release("1.1", "5s"), at(7))),
        ("g-right", Observed::of(&v1, at(11))),
        ("h-edge", Observed::of(&v1, at(8))),
    ];
    let observed = observed.map(|(name, seen)| (name.into(), seen)).into();
    assert_eq!(
        texts(&compare(&declared, &observed, at(10), AGE)),
        [
            "a-missing: never reported",
            "b-code: other code, 1.1 instead of 1.0",
            "c-both: other code, 1.1 instead of 1.0",
            "c-both: other configuration, queue_timeout",
            "d-files: other files, new.csv, prices.csv",
            "e-more: other configuration, debug",
            "f-stale: last reported 3s ago",
            "z-stranger: not declared",
        ]
    );
}

fn check() -> (DriftCheck, rely_core::ManualClock, Clock) {
    let (clock, manual) = Clock::manual();
    let check = DriftCheck::builder("orders").max_age(AGE).clock(clock.clone());
    (check.build().unwrap(), manual, clock)
}

#[test]
fn the_signal_is_healthy_by_fresh_reports_alone() {
    let (drift, manual, clock) = check();
    let says = || {
        let verdict = drift.verdict(clock.now());
        (verdict.level_at(clock.now()), verdict.reason.into_owned())
    };
    assert_eq!(says(), (Level::Unknown, "nothing is declared".to_owned()));
    let (v1, other) = (release("1.0", "50ms"), release("1.0", "5s"));
    drift.declare("a", &v1);
    drift.declare("b", &v1);
    drift.report("a", Observed::of(&v1, clock.now()));
    assert_eq!(says(), (Level::Unknown, "b: never reported".to_owned()));
    manual.advance(Duration::from_secs(1));
    drift.report("b", Observed::of(&v1, clock.now()));
    assert_eq!(says(), (Level::Healthy, "all 2 as declared".to_owned()));
    let verdict = drift.verdict(clock.now());
    assert_eq!((verdict.as_of, verdict.valid_until), (at(0), at(2)), "as old as its oldest report");
    assert_eq!(verdict.samples, 2);

    manual.advance(Duration::from_secs(2));
    assert_eq!(says(), (Level::Unknown, "a: last reported 3s ago".to_owned()));
    drift.report("b", Observed::of(&other, clock.now()));
    let (level, reason) = says();
    assert_eq!(
        (level, reason.as_str()),
        (Level::Unhealthy, "b: other configuration, queue_timeout")
    );
    drift.declare("b", &other);
    drift.report("a", Observed::of(&v1, clock.now()));
    assert_eq!(says().0, Level::Healthy, "as declared anew");

    drift.report("c", Observed::of(&v1, clock.now()));
    assert_eq!(says(), (Level::Unhealthy, "c: not declared".to_owned()));
    manual.advance(Duration::from_secs(3));
    for name in ["a", "b"] {
        drift.report(name, Observed::of(&drift.declared(name).unwrap(), clock.now()));
    }
    assert_eq!(says().0, Level::Healthy, "the stranger is gone");
    assert_eq!(drift.withdraw("b"), Some(other.clone()));
    assert_eq!(says(), (Level::Unhealthy, "b: not declared".to_owned()));
}

#[test]
fn a_verdict_names_a_few_of_many() {
    let (drift, _, clock) = check();
    for number in 0..9 {
        drift.declare(format!("i{number}"), &release("1.0", "50ms"));
        drift.report(format!("i{number}"), Observed::of(&release("1.1", "50ms"), clock.now()));
    }
    let reason = drift.verdict(clock.now()).reason.into_owned();
    assert!(reason.starts_with("i0: ") && reason.ends_with("; 6 more"), "{reason}");
}

#[test]
fn a_line_names_a_few_of_many_settings() {
    let line = |count| {
        let settings = (0..count).map(|number| format!("s{number}").into()).collect();
        Drift::Config { settings }.to_string()
    };
    assert_eq!(line(5), "other configuration, s0, s1, s2, s3, s4");
    assert_eq!(line(6), "other configuration, s0, s1, s2, s3, s4 and 1 more");
}

#[test]
fn a_report_never_goes_back_and_never_comes_from_the_future() {
    let (drift, manual, clock) = check();
    let (old, new) = (release("1.0", "50ms"), release("1.1", "50ms"));
    manual.set(at(10));
    drift.report("a", Observed::of(&new, at(9)));
    drift.report("a", Observed::of(&old, at(8)));
    assert_eq!(drift.observed("a"), Some(Observed::of(&new, at(9))));
    drift.report("a", Observed::of(&old, Instant::MAX));
    assert_eq!(drift.observed("a"), Some(Observed::of(&old, at(10))));
    drift.report("a", Observed::of(&new, clock.now()));
    assert_eq!(drift.observed("a"), Some(Observed::of(&new, at(10))), "the later of two");
}

#[test]
fn strangers_are_forgotten_and_bounded() {
    let (drift, manual, clock) = check();
    let v1 = release("1.0", "50ms");
    for number in 0..2000 {
        drift.report(format!("s{number}"), Observed::of(&v1, clock.now()));
    }
    assert_eq!(drift.differences(clock.now()).len(), 1000);
    drift.declare("mine", &v1);
    drift.report("mine", Observed::of(&v1, clock.now()));
    assert!(drift.observed("mine").is_some());
    manual.advance(Duration::from_secs(3));
    drift.report("late", Observed::of(&v1, clock.now()));
    assert_eq!(drift.observed("s0"), None);
    assert!(drift.observed("mine").is_some() && drift.observed("late").is_some());
}

#[test]
fn instances_that_come_and_go_leave_nothing_behind() {
    let (drift, manual, clock) = check();
    let v1 = release("1.0", "50ms");
    for number in 0..100 {
        let name = format!("pod-{number}");
        drift.declare(name.as_str(), &v1);
        drift.report(name.as_str(), Observed::of(&v1, clock.now()));
        manual.advance(Duration::from_secs(1));
        drift.withdraw(&name);
    }
    assert!(drift.observed("pod-99").is_some(), "it may still run");
    assert_eq!(drift.observed("pod-0"), None);
    let text = format!("{drift:?}");
    assert!(text.contains("observed: 3") || text.contains("observed: 2"), "{text}");
}

#[test]
fn an_age_of_zero_is_refused() {
    let error = DriftCheck::builder("d").max_age(Duration::ZERO).build().unwrap_err();
    assert_eq!(error.to_string(), "max_age is 0ns, allowed: more than 0ns");
}

#[cfg(feature = "serde")]
#[test]
fn a_manifest_can_be_sent() {
    let v1 = release("1.0", "50ms");
    let text = serde_json::to_string(v1.manifest()).unwrap();
    assert!(!text.contains("50ms"), "{text}");
    assert_eq!(&serde_json::from_str::<Manifest>(&text).unwrap(), v1.manifest());
    assert!(serde_json::from_str::<Manifest>(r#"{ "code": "1", "confg": {} }"#).is_err());
}

proptest! {
    #[test]
    fn no_difference_means_that_all_is_fresh_and_equal(
        declared in prop::collection::btree_map(0..4_u8, 0..3_u8, 0..4),
        observed in prop::collection::btree_map(0..4_u8, (0..3_u8, 0..6_u64), 0..4),
    ) {
        let release = |number: u8| release(&format!("{}", number / 2), &format!("{}", number % 2));
        let name = |number: &u8| -> Arc<str> { number.to_string().into() };
        let theirs: BTreeMap<_, _> =
            declared.iter().map(|(instance, number)| (name(instance), release(*number))).collect();
        let seen: BTreeMap<_, _> = observed
            .iter()
            .map(|(i, (number, secs))| (name(i), Observed::of(&release(*number), at(*secs))))
            .collect();
        let differences = compare(&theirs, &seen, at(5), AGE);
        let fresh = |secs: u64| secs >= 3;
        let right = |instance: &u8| match (declared.get(instance), observed.get(instance)) {
            (Some(number), Some((runs, secs))) => fresh(*secs) && number == runs,
            (None, Some((_, secs))) => !fresh(*secs),
            (Some(_), None) => false,
            (None, None) => true,
        };
        for instance in 0..4 {
            let named = differences.iter().any(|d| d.instance == name(&instance));
            prop_assert_eq!(named, !right(&instance));
        }
        prop_assert!(differences.is_sorted_by(|a, b| a.instance <= b.instance));
    }
}
