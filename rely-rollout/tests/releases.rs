//! Rollouts that know their releases: what they refuse, what they go back to, and what they write
//! into the ledger.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::num::NonZeroUsize;
use core::task::Poll;
use core::time::Duration;

use rely_core::event::Delivery;
use rely_core::signal::ManualSignal;
use rely_core::{Clock, Instant, Level, ManualClock, Ratio, Verdict};
use rely_rollout::{
    Decision, Driver, Plan, Progress, Reason, Release, Releases, Rollout, RolloutBuilder, Split,
    Standing, Step,
};
use tokio_test::task::{self, Spawn};

const SEC: Duration = Duration::from_secs(1);

fn release(name: &'static str) -> Release {
    Release::builder(name).code(name).build().unwrap()
}

struct Day {
    clock: Clock,
    manual: ManualClock,
    health: ManualSignal,
    releases: Releases,
    v1: Release,
    v2: Release,
}

/// A service that runs v1, after a v1.1 that was set aside.
fn day() -> Day {
    let (clock, manual) = Clock::manual();
    let health = ManualSignal::new(Verdict::new(Level::Healthy, clock.now()));
    let releases = Releases::new(clock.clone());
    let (v1, aside) = (release("v1"), release("v1.1"));
    releases.adopt(&v1, "ran before the day").unwrap();
    releases.adopt(&aside, "ran before the day").unwrap();
    releases.quarantine(&aside.digest(), "a hole").unwrap();
    Day { clock, manual, health, releases, v1, v2: release("v2") }
}

impl Day {
    fn builder(&self, candidate: &Release) -> RolloutBuilder {
        Rollout::builder("orders-v2")
            .releases(&self.releases)
            .candidate(candidate.clone())
            .steps([
                Step::new(Ratio::percent(5.0).unwrap(), 10 * SEC),
                Step::new(Ratio::ONE, 10 * SEC),
            ])
            .bake(30 * SEC)
            .signal(self.health.clone())
            .clock(self.clock.clone())
    }

    fn pass(&self, driver: &mut Spawn<Driver>, time: Duration, level: Level) -> Option<Decision> {
        let end = self.clock.now() + time;
        loop {
            let next = self.manual.next_timer().map_or(end, |next| next.min(end));
            self.manual.set(next);
            self.health.set(Verdict::new(level, next));
            if driver.is_woken() {
                if let Poll::Ready(decision) = driver.poll() {
                    return Some(decision);
                }
            }
            if next == end {
                return None;
            }
        }
    }

    fn standing(&self, release: &Release) -> &'static str {
        self.releases.standing(&release.digest()).map_or("unknown", |standing| standing.as_str())
    }
}

fn drive(rollout: &Rollout) -> Spawn<Driver> {
    let mut driver = task::spawn(rollout.drive().unwrap());
    assert!(driver.poll().is_pending());
    driver
}

#[test]
fn a_good_candidate_bakes_and_becomes_what_one_goes_back_to() {
    let day = day();
    let mut changes = day.releases.subscribe(NonZeroUsize::new(8).unwrap());
    let rollout = day.builder(&day.v2).build().unwrap();
    assert_eq!(rollout.candidate(), Some(&day.v2));
    assert_eq!(day.standing(&day.v2), "candidate");
    let mut driver = drive(&rollout);
    assert_eq!(day.pass(&mut driver, 19 * SEC, Level::Healthy), None);
    assert_eq!(day.standing(&day.v2), "candidate");
    assert_eq!(day.pass(&mut driver, 30 * SEC, Level::Healthy), None);
    assert_eq!((rollout.progress(), day.standing(&day.v2)), (Progress::Baking, "baking"));
    assert_eq!(day.releases.last_known_good(0), Some(day.v1.clone()), "not yet");

    let end = day.pass(&mut driver, 2 * SEC, Level::Healthy).unwrap();
    assert_eq!((end.progress, end.at), (Progress::Promoted, Instant::ORIGIN + 50 * SEC));
    assert_eq!((end.restore, &end.reason), (None, &Reason::Baked { proven: 30 * SEC }));
    assert_eq!(day.standing(&day.v2), "good");
    assert_eq!(day.releases.last_known_good(0), Some(day.v2.clone()));

    let mut seen = Vec::new();
    while let Some(Delivery::Event(entry)) = changes.try_next() {
        seen.push((entry.to.as_str(), entry.why.to_string()));
    }
    assert_eq!(
        seen,
        [
            ("candidate", "the rollout orders-v2 is to try it".to_owned()),
            ("baking", "step 2 was healthy for 10s".to_owned()),
            ("good", "the bake was healthy for 30s".to_owned()),
        ]
    );
    let late = rollout.roll_back("the invoices are wrong").unwrap();
    assert_eq!(late.restore, Some(day.v1.digest()), "good yesterday is no excuse");
    assert_eq!(day.standing(&day.v2), "bad");
}

#[test]
fn a_bad_candidate_is_called_bad_and_the_last_known_good_is_named() {
    for healthy in [3, 13, 25] {
        let day = day();
        let rollout = day.builder(&day.v2).build().unwrap();
        let mut driver = drive(&rollout);
        assert_eq!(day.pass(&mut driver, healthy * SEC, Level::Healthy), None);
        let end = day.pass(&mut driver, 2 * SEC, Level::Unhealthy).unwrap();
        assert_eq!((end.progress, end.to), (Progress::RolledBack, Ratio::ZERO));
        assert_eq!(end.restore, Some(day.v1.digest()), "v1.1 came later and is quarantined");
        assert_eq!(rollout.decisions().last(), Some(&end));
        let standing = day.releases.standing(&day.v2.digest()).unwrap();
        let because = "the verdict was unhealthy".into();
        assert_eq!(standing, Standing::Bad { at: end.at, because });

        let refused = day.builder(&day.v2).build().unwrap_err();
        assert_eq!(refused.field(), "candidate");
        day.releases.pardon(&day.v2.digest(), "the meter was broken").unwrap();
        drop((driver, rollout));
        day.builder(&day.v2).build().unwrap();
    }
}

#[test]
fn a_candidate_that_may_not_run_is_refused() {
    let day = day();
    let refused = |builder: RolloutBuilder| builder.build().unwrap_err().to_string();
    let aside = release("v1.1");
    let text = refused(day.builder(&aside));
    assert!(text.starts_with("candidate is refused, v1.1 ("), "{text}");
    assert!(text.ends_with(", allowed: a release that is neither bad nor quarantined"), "{text}");

    let narrow = Release::builder("v3").code("v3").schema_range(2..=3).build().unwrap();
    assert_eq!(
        refused(day.builder(&narrow)),
        "candidate is for schema 2 to 3, allowed: a release for today's schema 0"
    );
    day.releases.set_schema(2);
    day.builder(&narrow).build().unwrap();

    let nowhere = "releases is without a last known good, allowed: a good release for today's \
        schema 0, adopt one first";
    let empty = Releases::new(day.clock.clone());
    assert_eq!(refused(day.builder(&day.v2).releases(&empty)), nowhere);
    empty.adopt(&day.v2, "runs").unwrap();
    assert_eq!(refused(day.builder(&day.v2).releases(&empty)), nowhere, "not back to itself");

    let alone = Rollout::builder("r").signal(day.health.clone());
    assert_eq!(
        refused(alone.candidate(day.v2.clone())),
        "releases is missing, allowed: a ledger, as the rollout has a candidate"
    );
    let alone = Rollout::builder("r").signal(day.health.clone());
    assert_eq!(
        refused(alone.releases(&day.releases)),
        "candidate is missing, allowed: a release, as the rollout has a ledger"
    );
    assert_eq!(day.standing(&day.v2), "unknown", "no refusal leaves a trace");
}

#[test]
fn a_candidate_set_aside_during_its_rollout_is_taken_back_at_the_next_look() {
    for (healthy, progress) in [(5, Progress::Running), (30, Progress::Baking)] {
        let day = day();
        let rollout = day.builder(&day.v2).build().unwrap();
        let mut driver = drive(&rollout);
        assert_eq!(day.pass(&mut driver, healthy * SEC, Level::Healthy), None);
        assert_eq!(rollout.progress(), progress);
        day.releases.quarantine(&day.v2.digest(), "a hole").unwrap();
        let end = day.pass(&mut driver, SEC, Level::Healthy).unwrap();
        assert_eq!(end.reason, Reason::Barred { why: "quarantined: a hole".into() });
        assert_eq!(end.restore, Some(day.v1.digest()));
        assert_eq!(day.standing(&day.v2), "quarantined", "not merely bad");
    }
}

#[test]
fn it_waits_while_there_is_nothing_to_go_back_to_and_still_goes_back_when_that_is_gone() {
    let day = day();
    let rollout = day.builder(&day.v2).build().unwrap();
    day.releases.bad(&day.v1.digest(), "late errors").unwrap();
    let mut driver = drive(&rollout);
    assert_eq!(day.pass(&mut driver, 60 * SEC, Level::Healthy), None);
    assert_eq!(rollout.progress(), Progress::Waiting);
    let fixed = release("v1.2");
    day.releases.adopt(&fixed, "fixed by hand").unwrap();
    assert_eq!(day.pass(&mut driver, SEC, Level::Healthy), None);
    assert_eq!(rollout.progress(), Progress::Running);

    day.releases.bad(&fixed.digest(), "not fixed").unwrap();
    let back = rollout.roll_back("enough").unwrap();
    assert_eq!((back.to, back.restore), (Ratio::ZERO, None));
}

#[test]
fn the_bake_has_a_default_with_releases_and_none_without() {
    let day = day();
    let plan = Plan { steps: vec![Step::new(Ratio::ONE, SEC)], ..Plan::default() };
    let rollout = day.builder(&day.v2).plan(plan.clone()).build().unwrap();
    let mut driver = drive(&rollout);
    let end = day.pass(&mut driver, 3600 * SEC, Level::Healthy).unwrap();
    assert_eq!((end.at - Instant::ORIGIN), 1801 * SEC);

    let began = day.clock.now();
    let bare = Rollout::builder("bare").plan(plan).clock(day.clock.clone());
    let bare = bare.signal(day.health.clone()).build().unwrap();
    let end = day.pass(&mut drive(&bare), 3600 * SEC, Level::Healthy).unwrap();
    assert_eq!((end.at - began, end.restore), (SEC, None));
    assert_eq!(bare.candidate(), None);
}

#[test]
fn a_good_release_that_is_rolled_out_again_is_the_newest_good_one() {
    let day = day();
    day.releases.adopt(&day.v2, "was rolled out yesterday").unwrap();
    assert_eq!(day.releases.last_known_good(0), Some(day.v2.clone()));
    let rollout = day.builder(&day.v1).build().unwrap();
    assert_eq!(day.standing(&day.v1), "good", "what it has proven stays");
    let end = day.pass(&mut drive(&rollout), 60 * SEC, Level::Healthy).unwrap();
    assert_eq!(end.progress, Progress::Promoted);
    assert_eq!(day.releases.last_known_good(0), Some(day.v1.clone()));
}

#[test]
fn what_never_had_a_call_or_is_merely_not_proven_loses_nothing_that_it_has_earned() {
    let day = day();
    day.releases.adopt(&day.v2, "was rolled out yesterday").unwrap();
    let rollout = day.builder(&day.v1).build().unwrap();
    day.health.set(Verdict::new(Level::Unhealthy, day.clock.now()));
    let mut driver = task::spawn(rollout.drive().unwrap());
    assert!(driver.poll().is_ready(), "an outage of something else");
    assert_eq!(rollout.progress(), Progress::RolledBack);
    assert_eq!(day.standing(&day.v1), "good", "it had no call");
    let new = release("v3");
    let never = day.builder(&new).build().unwrap();
    assert!(task::spawn(never.drive().unwrap()).poll().is_ready());
    assert_eq!(day.standing(&new), "candidate", "neither had this one");

    let rollout = day.builder(&day.v1).build().unwrap();
    day.health.set(Verdict::new(Level::Healthy, day.clock.now()));
    let end = day.pass(&mut drive(&rollout), 3600 * SEC, Level::Unknown).unwrap();
    assert!(matches!(end.reason, Reason::Unproven { .. }), "{end}");
    assert_eq!(day.standing(&day.v1), "good", "a night without calls");
    assert_eq!(end.restore, Some(day.v2.digest()));

    let rollout = day.builder(&new).build().unwrap();
    day.health.set(Verdict::new(Level::Healthy, day.clock.now()));
    let end = day.pass(&mut drive(&rollout), 3600 * SEC, Level::Unknown).unwrap();
    assert!(matches!(end.reason, Reason::Unproven { .. }), "{end}");
    assert_eq!(day.standing(&new), "bad", "it had calls and has proven nothing, ever");
}

#[test]
fn a_candidate_that_the_ledger_forgot_is_known_again_when_it_proves_good() {
    let day = day();
    let rollout = day.builder(&day.v2).build().unwrap();
    let mut driver = drive(&rollout);
    for number in 0..1000 {
        let other = Release::builder("other").code(format!("{number}")).build().unwrap();
        day.releases.candidate(&other, "one of many").unwrap();
    }
    assert_eq!(day.standing(&day.v2), "unknown");
    let end = day.pass(&mut driver, 60 * SEC, Level::Healthy).unwrap();
    assert_eq!(end.progress, Progress::Promoted);
    assert_eq!(day.releases.last_known_good(0), Some(day.v2.clone()));
}

#[test]
fn it_waits_while_the_candidate_cannot_read_the_data() {
    let day = day();
    let narrow = Release::builder("v3").code("v3").schema_range(0..=1).build().unwrap();
    let rollout = day.builder(&narrow).build().unwrap();
    day.releases.set_schema(2);
    let mut driver = drive(&rollout);
    assert_eq!(day.pass(&mut driver, 60 * SEC, Level::Healthy), None);
    assert_eq!(rollout.progress(), Progress::Waiting);
    day.releases.set_schema(1);
    assert_eq!(day.pass(&mut driver, SEC, Level::Healthy), None);
    assert_eq!(rollout.progress(), Progress::Running);
}

#[test]
fn a_rollout_that_is_refused_leaves_the_share_of_its_split() {
    let day = day();
    let split = Split::new("orders");
    split.set_share(Ratio::ONE).unwrap();
    day.releases.candidate(&day.v2, "next").unwrap();
    day.releases.bad(&day.v2.digest(), "late errors").unwrap();
    day.builder(&day.v2).split(split.clone()).build().unwrap_err();
    assert_eq!(split.share(), Ratio::ONE);
    let rollout = day.builder(&release("v3")).split(split.clone()).build().unwrap();
    assert_eq!((split.share(), rollout.progress()), (Ratio::ZERO, Progress::Waiting));
}

#[test]
fn the_driver_ends_with_its_decision_and_not_at_the_next_ask() {
    let day = day();
    let builder = day.builder(&day.v2).interval(60 * SEC).give_up(90 * SEC);
    let mut driver = drive(&builder.build().unwrap());
    let end = day.pass(&mut driver, 91 * SEC, Level::Unknown).unwrap();
    assert!(matches!(end.reason, Reason::Unproven { .. }), "{end}");
    assert!(day.clock.now() < Instant::ORIGIN + 91 * SEC);
}

#[test]
fn a_candidate_set_aside_is_taken_back_at_once_however_seldom_the_signal_is_asked() {
    let day = day();
    let builder = day.builder(&day.v2).interval(60 * SEC).give_up(90 * SEC);
    let rollout = builder.build().unwrap();
    let mut driver = drive(&rollout);
    day.releases.candidate(&release("v3"), "of no concern").unwrap();
    assert!(driver.poll().is_pending() && !driver.is_woken());
    day.releases.quarantine(&day.v2.digest(), "a hole").unwrap();
    assert!(driver.is_woken());
    assert!(driver.poll().is_ready());
    assert_eq!(rollout.split().share(), Ratio::ZERO);
}

#[test]
fn what_one_rollout_finds_bad_every_other_one_takes_back() {
    let day = day();
    let here = day.builder(&day.v2).build().unwrap();
    let sick = ManualSignal::new(Verdict::new(Level::Healthy, day.clock.now()));
    let there = day.builder(&day.v2).signal(sick.clone()).build().unwrap();
    let (mut first, mut second) = (drive(&here), drive(&there));
    sick.set(Verdict::new(Level::Unhealthy, day.clock.now()));
    day.manual.advance(SEC);
    assert!(second.poll().is_ready());
    assert!(first.is_woken() && first.poll().is_ready());
    assert_eq!((here.split().share(), here.progress()), (Ratio::ZERO, Progress::RolledBack));
    let reason = here.decisions().pop().unwrap().reason;
    assert_eq!(reason, Reason::Barred { why: "bad: the verdict was unhealthy".into() });
    let entries = day.releases.entries();
    let bad = entries.iter().filter(|entry| entry.to.as_str() == "bad").count();
    assert_eq!(bad, 1, "said once");
}
