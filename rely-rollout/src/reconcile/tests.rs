//! The shell: the driver, its actuator, and the handle, in manual time.

use core::time::Duration;
use std::collections::BTreeMap;

use rely_core::ManualClock;
use rely_core::backoff::{BackoffConfig, Jitter};
use rely_core::event::Delivery;
use tokio_test::task::{self, Spawn};

use super::*;
use crate::{Observed, Release};

const SEC: Duration = Duration::from_secs(1);

fn release(timeout: &str) -> Release {
    let builder = Release::builder("v1").code("orders 1.0.0").config([("queue_timeout", timeout)]);
    builder.build().unwrap()
}

/// A platform: what runs where, how long a replacement takes, and who fails.
#[derive(Clone)]
struct Platform(Arc<Inner>);

struct Inner {
    clock: Clock,
    takes: Duration,
    runs: Mutex<BTreeMap<String, Release>>,
    fails: Mutex<u32>,
    under_way: Mutex<(u32, u32)>,
}

impl Actuator for Platform {
    async fn replace(&self, instance: &str, release: &Release) -> Result<(), BoxError> {
        let Inner { clock, takes, runs, fails, under_way } = &*self.0;
        let guard = UnderWay(under_way);
        {
            let mut under_way = lock(under_way);
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
        }
        lock(runs).remove(instance);
        clock.sleep(*takes).await;
        let mut fails = lock(fails);
        if *fails > 0 {
            *fails -= 1;
            return Err(std::io::Error::other("no room").into());
        }
        drop(fails);
        lock(runs).insert(instance.to_owned(), release.clone());
        drop(guard);
        Ok(())
    }
}

struct UnderWay<'a>(&'a Mutex<(u32, u32)>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        lock(self.0).0 -= 1;
    }
}

struct Bench {
    clock: Clock,
    manual: ManualClock,
    drift: DriftCheck,
    platform: Platform,
    reconciler: Reconciler,
    driver: Spawn<ReconcileDriver>,
    actions: Subscriber<Action>,
}

/// Zones that were declared to run 50 ms, of which the named ones were changed by hand.
fn bench(
    takes: Duration,
    changed: &[&str],
    build: impl FnOnce(ReconcilerBuilder) -> ReconcilerBuilder,
) -> Bench {
    let (clock, manual) = Clock::manual();
    let drift = DriftCheck::builder("orders").max_age(2 * SEC).clock(clock.clone());
    let drift = drift.build().unwrap();
    let (good, wrong) = (release("50ms"), release("5s"));
    let mut runs = BTreeMap::new();
    for zone in ["zone-a", "zone-b", "zone-c"] {
        drift.declare(zone, &good);
        let changed = changed.contains(&zone);
        runs.insert(zone.to_owned(), if changed { &wrong } else { &good }.clone());
    }
    let (fails, under_way) = (Mutex::default(), Mutex::default());
    let inner = Inner { clock: clock.clone(), takes, runs: Mutex::new(runs), fails, under_way };
    let platform = Platform(Arc::new(inner));
    let backoff = BackoffConfig { initial: SEC, jitter: Jitter::None, ..BackoffConfig::default() };
    let builder = Reconciler::builder("orders")
        .drift(drift.clone())
        .actuator(platform.clone())
        .interval(Duration::from_millis(200))
        .timeout(10 * SEC)
        .confirm(3 * SEC)
        .attempts(3)
        .backoff(backoff);
    let reconciler = build(builder).build().unwrap();
    let actions = reconciler.subscribe(NonZeroUsize::new(64).unwrap());
    let driver = task::spawn(reconciler.drive().unwrap());
    Bench { clock, manual, drift, platform, reconciler, driver, actions }
}

impl Bench {
    /// Lets time pass; every zone that is up reports each 100 ms.
    fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        while self.clock.now() < end {
            for (zone, runs) in lock(&self.platform.0.runs).iter() {
                self.drift.report(zone.as_str(), Observed::of(runs, self.clock.now()));
            }
            if self.driver.is_woken() || self.clock.now() == Instant::ORIGIN {
                assert!(self.driver.poll().is_pending());
            }
            self.manual.advance(Duration::from_millis(100));
        }
    }

    fn actions(&mut self) -> Vec<String> {
        let mut actions = Vec::new();
        while let Some(Delivery::Event(action)) = self.actions.try_next() {
            let at = (action.at - Instant::ORIGIN).as_secs_f64();
            let instance = action.effect.instance().unwrap_or_default();
            actions.push(format!("{at:.1} {} {instance}", action.effect.as_str()));
        }
        actions
    }

    fn in_order(&self) -> bool {
        self.drift.differences(self.clock.now() - Duration::from_millis(100)).is_empty()
    }
}

#[test]
fn what_was_changed_by_hand_is_replaced_one_after_the_other() {
    let mut it = bench(SEC, &["zone-a", "zone-c"], |builder| builder);
    it.pass(10 * SEC);
    assert!(it.in_order());
    assert_eq!(
        it.actions(),
        [
            "0.0 replace zone-a",
            "1.2 reconciled zone-a",
            "1.2 replace zone-c",
            "2.4 reconciled zone-c",
        ]
    );
    assert_eq!(*lock(&it.platform.0.under_way), (0, 1));
    let status = it.reconciler.status();
    assert_eq!((status.frozen, status.driven, status.stages), (false, true, vec![]));
}

#[test]
fn a_larger_surge_replaces_side_by_side() {
    let mut it = bench(SEC, &["zone-a", "zone-b", "zone-c"], |builder| builder.surge(2));
    it.pass(10 * SEC);
    assert!(it.in_order());
    assert_eq!(*lock(&it.platform.0.under_way), (0, 2));
}

#[test]
fn failures_are_tried_again_and_given_up_and_tried_again_on_request() {
    let mut it = bench(SEC, &["zone-b"], |builder| builder);
    *lock(&it.platform.0.fails) = 3;
    it.pass(30 * SEC);
    let expected = [
        "0.0 replace zone-b",
        "1.0 failed zone-b",
        "2.0 replace zone-b",
        "3.0 failed zone-b",
        "5.0 replace zone-b",
        "6.0 gave_up zone-b",
    ];
    assert_eq!(it.actions(), expected);
    assert_eq!(it.reconciler.status().stages, [("zone-b".into(), Stage::GaveUp)]);
    it.reconciler.retry("zone-b");
    it.pass(5 * SEC);
    assert!(it.in_order());
    let expected = ["30.0 replace zone-b", "31.2 reconciled zone-b"];
    assert_eq!(it.actions(), expected);
}

#[test]
fn a_replacement_that_hangs_is_dropped() {
    let mut it = bench(3600 * SEC, &["zone-b"], |builder| builder.attempts(2));
    it.pass(30 * SEC);
    let expected = [
        "0.0 replace zone-b",
        "10.0 abandon zone-b",
        "10.0 failed zone-b",
        "11.0 replace zone-b",
        "21.0 abandon zone-b",
        "21.0 gave_up zone-b",
    ];
    assert_eq!(it.actions(), expected);
    assert_eq!(lock(&it.platform.0.under_way).0, 0);
}

#[test]
fn going_back_does_not_wait_for_what_hangs() {
    let mut it = bench(3600 * SEC, &["zone-b"], |builder| builder);
    it.pass(SEC);
    let other = release("80ms");
    it.drift.declare("zone-b", &other);
    it.pass(SEC);
    let expected = ["0.0 replace zone-b", "1.0 abandon zone-b", "1.0 replace zone-b"];
    assert_eq!(it.actions(), expected);
    assert_eq!(*lock(&it.platform.0.under_way), (1, 1), "never two at once");
}

struct Panics;

impl Actuator for Panics {
    async fn replace(&self, instance: &str, _: &Release) -> Result<(), BoxError> {
        panic!("no {instance}")
    }
}

#[test]
fn an_actuator_that_panics_has_failed_and_takes_nobody_along() {
    let mut it = bench(SEC, &["zone-b"], |builder| builder.actuator(Panics).attempts(2));
    it.pass(5 * SEC);
    let mut why = Vec::new();
    while let Some(Delivery::Event(action)) = it.actions.try_next() {
        why.push(action.to_string());
    }
    assert_eq!(why[1], "zone-b: attempt 1 failed, the actuator panicked, no zone-b");
    assert_eq!(why[3], "zone-b: given up after attempt 2, the actuator panicked, no zone-b");
    assert!(it.reconciler.status().driven);
}

#[test]
fn nothing_new_begins_while_frozen() {
    let mut it = bench(SEC, &["zone-a", "zone-b"], |builder| builder);
    it.pass(SEC / 2);
    it.reconciler.freeze();
    it.pass(5 * SEC);
    assert_eq!(it.actions(), ["0.0 replace zone-a", "0.5 frozen ", "1.2 reconciled zone-a"]);
    assert!(it.reconciler.status().frozen);
    it.reconciler.thaw();
    it.pass(2 * SEC);
    assert!(it.in_order());
}

#[test]
fn a_release_that_its_ledger_calls_bad_is_not_deployed() {
    let (clock, _) = Clock::manual();
    let releases = Releases::new(clock);
    let good = release("50ms");
    releases.adopt(&good, "ran before").unwrap();
    releases.quarantine(&good.digest(), "a hole").unwrap();
    let mut it = bench(SEC, &["zone-a"], |builder| builder.releases(&releases));
    it.pass(5 * SEC);
    assert_eq!(it.actions(), ["0.0 refused zone-a"]);
    releases.pardon(&good.digest(), "no hole").unwrap();
    it.pass(5 * SEC);
    assert_eq!(it.actions(), ["5.0 replace zone-a", "6.2 reconciled zone-a"]);
}

#[test]
fn another_driver_takes_over_what_a_dropped_one_left() {
    let mut it = bench(SEC, &["zone-a"], |builder| builder);
    it.pass(SEC / 2);
    let error = it.reconciler.drive().unwrap_err();
    assert_eq!(error.to_string(), "the reconciler orders already has a driver");
    let again = task::spawn({
        let Bench { reconciler, driver, .. } = &mut it;
        let left = core::mem::replace(driver, task::spawn(bench_driver()));
        drop(left);
        reconciler.drive().unwrap()
    });
    it.driver = again;
    assert_eq!(lock(&it.platform.0.under_way).0, 0, "the replacement was dropped with it");
    assert!(it.driver.poll().is_pending());
    it.pass(5 * SEC);
    assert!(it.in_order());
    let expected =
        ["0.0 replace zone-a", "0.5 failed zone-a", "1.5 replace zone-a", "2.7 reconciled zone-a"];
    assert_eq!(it.actions(), expected);
}

/// A driver of something else, to stand in for a moment.
fn bench_driver() -> ReconcileDriver {
    let Bench { reconciler, driver, .. } = bench(SEC, &[], |builder| builder);
    drop(driver);
    reconciler.drive().unwrap()
}

#[test]
fn a_reconciler_without_its_parts_is_refused() {
    let refused = |builder: ReconcilerBuilder| builder.build().unwrap_err().to_string();
    let builder = || Reconciler::builder("orders");
    assert_eq!(refused(builder()), "drift is missing, allowed: a drift check, it is required");
    let drift = DriftCheck::builder("orders").build().unwrap();
    assert_eq!(
        refused(builder().drift(drift.clone())),
        "actuator is missing, allowed: an actuator, it is required"
    );
    assert_eq!(refused(builder().drift(drift).surge(0)), "surge is 0, allowed: at least 1");
}

#[test]
fn the_driver_can_go_to_another_thread() {
    fn sent<T: Send + 'static>(_: &T) {}
    sent(&bench_driver());
}
