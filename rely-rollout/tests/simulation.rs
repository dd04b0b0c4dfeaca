//! A whole rollout in manual time: traffic through the router, a meter at the candidate, a signal
//! over the meter, and the driver that acts on it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::num::NonZeroUsize;
use core::task::Poll;
use core::time::Duration;

use rely_core::event::Delivery;
use rely_core::meter::{Meter, Point};
use rely_core::signal::ManualSignal;
use rely_core::{Clock, Instant, Level, ManualClock, Ratio, Verdict};
use rely_rollout::{
    Decision, Driver, Key, Plan, Progress, Reason, Rollout, RolloutBuilder, Split, Step,
};
use tokio_test::task::{self, Spawn};
use tower::{Layer, ServiceExt, service_fn};

const SEC: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);
const CALLS_PER_TICK: u64 = 20;

fn percent(percent: f64) -> Ratio {
    Ratio::percent(percent).unwrap()
}

fn builder(clock: &Clock) -> RolloutBuilder {
    Rollout::builder("orders-v2")
        .steps([
            Step::new(percent(5.0), 60 * SEC),
            Step::new(percent(50.0), 60 * SEC),
            Step::new(Ratio::ONE, 120 * SEC),
        ])
        .give_up(90 * SEC)
        .clock(clock.clone())
}

fn metered(clock: &Clock) -> (Point, impl Fn(Instant) -> Verdict + Send + Sync + use<>) {
    let meter = Meter::builder("orders").window(10 * SEC).clock(clock.clone()).build().unwrap();
    let point = meter.point("candidate");
    let calls = point.clone();
    let health = move |now: Instant| match calls.tally(now) {
        tally if tally.counted() < 20 => Verdict::unknown(now, "too few calls"),
        tally if tally.failure_share() >= Some(0.1) => {
            Verdict::new(Level::Unhealthy, now).because("too many calls fail")
        }
        _ => Verdict::new(Level::Healthy, now),
    };
    (point, health)
}

/// Polls the driver as an executor would: when it was woken.
fn run(driver: &mut Spawn<Driver>) -> Option<Decision> {
    if !driver.is_woken() {
        return None;
    }
    match driver.poll() {
        Poll::Ready(end) => Some(end),
        Poll::Pending => None,
    }
}

/// Sends 200 calls a second for up to ten minutes; the candidate fails all its calls from the
/// `breaks` on. Returns how it ended, and how many calls failed.
fn simulate(breaks: Duration) -> (Rollout, Decision, u64) {
    let (clock, manual) = Clock::manual();
    let (point, health) = metered(&clock);
    let rollout = builder(&clock).signal(health).build().unwrap();
    let stable = service_fn(|_: u64| async { Ok(()) });
    let broken_from = Instant::ORIGIN + breaks;
    let reads = clock.clone();
    let candidate = point.layer().layer(service_fn(move |_: u64| {
        let broken = reads.now() >= broken_from;
        async move { if broken { Err("broken") } else { Ok(()) } }
    }));
    let service =
        rollout.split().service(stable, candidate).sticky_by(|user: &u64| Key::from(*user));
    let mut driver = task::spawn(rollout.drive().unwrap());
    assert!(driver.poll().is_pending());
    let mut failed = 0;
    for call in 0..600 * 10 * CALLS_PER_TICK {
        if call % CALLS_PER_TICK == 0 {
            manual.advance(TICK);
            if let Some(end) = run(&mut driver) {
                return (rollout, end, failed);
            }
        }
        let result = futures::executor::block_on(service.clone().oneshot(call));
        failed += u64::from(result.is_err());
    }
    panic!("no end after ten minutes: {:?}", rollout.status());
}

#[test]
fn a_good_candidate_is_promoted_as_soon_as_the_plan_allows() {
    let (rollout, end, failed) = simulate(Duration::MAX);
    assert_eq!((end.progress, end.to, failed), (Progress::Promoted, Ratio::ONE, 0));
    assert_eq!(rollout.split().share(), Ratio::ONE);
    // Two seconds until the first percents have their twenty calls, one interval to notice.
    let took = end.at - Instant::ORIGIN;
    assert!((240 * SEC..=245 * SEC).contains(&took), "{took:?}");
    let shares: Vec<_> = rollout.decisions().iter().map(|decision| decision.to).collect();
    assert_eq!(shares, [percent(5.0), percent(50.0), Ratio::ONE, Ratio::ONE]);
    let status = rollout.status();
    assert_eq!((status.step, status.since, status.deadline), (None, end.at, None));
}

#[test]
fn a_candidate_that_breaks_is_taken_back_within_seconds() {
    for (breaks, most_failed) in [(30 * SEC, 40), (100 * SEC, 400), (200 * SEC, 800)] {
        let (rollout, end, failed) = simulate(breaks);
        assert_eq!((end.progress, end.to), (Progress::RolledBack, Ratio::ZERO));
        assert_eq!(rollout.split().share(), Ratio::ZERO);
        let reaction = (end.at - Instant::ORIGIN) - breaks;
        assert!(reaction <= 4 * SEC, "{reaction:?}");
        assert!((1..=most_failed).contains(&failed), "{failed} calls failed");
        assert_eq!(end.bad_since, Some(end.at), "by the first verdict");
        let Reason::Unhealthy { verdict } = end.reason else { panic!("{:?}", end.reason) };
        assert_eq!(verdict.reason, "too many calls fail");
    }
}

struct Manual {
    clock: Clock,
    manual: ManualClock,
    health: ManualSignal,
    rollout: Rollout,
}

fn manual() -> Manual {
    let (clock, manual) = Clock::manual();
    let health = ManualSignal::new(Verdict::new(Level::Healthy, clock.now()));
    let rollout = builder(&clock).signal(health.clone()).build().unwrap();
    Manual { clock, manual, health, rollout }
}

impl Manual {
    /// Lets time pass from timer to timer, with the signal saying the same at each of them.
    fn pass(&self, driver: &mut Spawn<Driver>, time: Duration, level: Level) -> Option<Decision> {
        let end = self.clock.now() + time;
        loop {
            let next = self.manual.next_timer().map_or(end, |next| next.min(end));
            self.manual.set(next);
            self.health.set(Verdict::new(level, next));
            if let Some(decision) = run(driver) {
                return Some(decision);
            }
            if next == end {
                return None;
            }
        }
    }
}

#[test]
fn the_driver_sleeps_between_asks_and_gives_up_on_the_dot() {
    let it = manual();
    let mut driver = task::spawn(it.rollout.drive().unwrap());
    assert!(driver.poll().is_pending());
    assert_eq!(it.manual.next_timer(), Some(Instant::ORIGIN + SEC));
    assert_eq!(it.pass(&mut driver, 10 * SEC, Level::Healthy), None);
    let end = it.pass(&mut driver, 100 * SEC, Level::Unknown).unwrap();
    // Proven up to 10 s; from then on the allowance of 90 s runs.
    assert_eq!(end.at, Instant::ORIGIN + 100 * SEC + Duration::from_nanos(1));
    assert!(matches!(end.reason, Reason::Unproven { .. }), "{end:?}");
    assert_eq!(it.rollout.split().share(), Ratio::ZERO);
    assert_eq!(it.manual.timers(), 0, "the end leaves no timer");
}

#[test]
fn commands_take_effect_at_once_and_wake_the_driver() {
    let it = manual();
    let mut events = it.rollout.subscribe(NonZeroUsize::new(16).unwrap());
    let mut driver = task::spawn(it.rollout.drive().unwrap());
    assert!(driver.poll().is_pending());
    assert!(!driver.is_woken());

    assert_eq!(it.rollout.pause().unwrap().reason, Reason::Paused);
    assert_eq!(it.rollout.pause(), None);
    assert!(driver.is_woken());
    assert!(driver.poll().is_pending());
    assert_eq!(it.pass(&mut driver, 200 * SEC, Level::Healthy), None);
    assert!(it.rollout.status().paused);
    assert_eq!(it.rollout.split().share(), percent(5.0));

    assert!(it.rollout.resume().is_some());
    assert!(it.pass(&mut driver, SEC, Level::Healthy).is_none());
    assert_eq!(it.rollout.split().share(), percent(50.0));

    assert!(it.rollout.roll_back("wrong invoices").is_some());
    assert_eq!(it.rollout.split().share(), Ratio::ZERO, "before anybody polls");
    let end = run(&mut driver).unwrap();
    assert_eq!(end.reason, Reason::ByHand { why: "wrong invoices".into() });
    assert_eq!(it.rollout.roll_back("again"), None);

    let mut seen = Vec::new();
    while let Some(Delivery::Event(decision)) = events.try_next() {
        seen.push((*decision).clone());
    }
    assert_eq!(seen, it.rollout.decisions());
    let numbers: Vec<_> = seen.iter().map(|decision| decision.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn without_a_driver_the_share_stays_and_another_one_may_take_over() {
    let it = manual();
    assert!(!it.rollout.status().driven);
    let mut driver = task::spawn(it.rollout.drive().unwrap());
    let error = it.rollout.drive().unwrap_err();
    assert_eq!(error.to_string(), "the rollout orders-v2 already has a driver");
    assert!(driver.poll().is_pending());
    drop(driver);
    assert_eq!(it.manual.timers(), 0);
    assert!(!it.rollout.status().driven);

    it.manual.advance(30 * SEC);
    it.health.set(Verdict::new(Level::Unhealthy, it.clock.now()));
    assert_eq!(it.rollout.split().share(), percent(5.0), "nobody watches");
    let mut driver = task::spawn(it.rollout.drive().unwrap());
    assert!(it.rollout.status().driven);
    assert!(driver.poll().is_ready());
    assert_eq!(it.rollout.split().share(), Ratio::ZERO);
}

#[test]
fn taking_back_works_without_a_driver_and_after_the_promotion() {
    let it = manual();
    let mut driver = task::spawn(it.rollout.drive().unwrap());
    assert!(driver.poll().is_pending());
    let end = it.pass(&mut driver, 300 * SEC, Level::Healthy).unwrap();
    assert_eq!((end.progress, end.at), (Progress::Promoted, Instant::ORIGIN + 240 * SEC));
    drop(driver);
    assert!(it.rollout.roll_back("wrong invoices").is_some());
    assert_eq!(it.rollout.split().share(), Ratio::ZERO);
    assert_eq!(it.rollout.progress(), Progress::RolledBack);
    let late = task::spawn(it.rollout.drive().unwrap()).poll();
    assert!(matches!(late, Poll::Ready(end) if end.progress == Progress::RolledBack));
}

#[test]
fn a_bad_signal_keeps_the_candidate_from_any_call() {
    let it = manual();
    let mut events = it.rollout.subscribe(NonZeroUsize::new(16).unwrap());
    it.health.set(Verdict::new(Level::Unhealthy, it.clock.now()));
    assert!(task::spawn(it.rollout.drive().unwrap()).poll().is_ready());
    let Some(Delivery::Event(only)) = events.try_next() else { panic!("no decision") };
    assert_eq!((only.from, only.to), (Ratio::ZERO, Ratio::ZERO));
    assert_eq!(events.try_next(), None);
}

#[test]
fn a_rollout_that_cannot_work_is_refused() {
    let healthy = |now: Instant| Verdict::new(Level::Healthy, now);
    let refused = |builder: RolloutBuilder| builder.build().unwrap_err().to_string();
    let builder = || Rollout::builder("orders-v2");
    assert_eq!(refused(builder()), "signal is missing, allowed: a signal, it is required");
    let empty = builder().steps([]).signal(healthy);
    assert_eq!(refused(empty), "steps is 0, allowed: 1 to 100 steps");
    let plan = Plan { give_up: SEC, ..Plan::default() };
    let hasty = builder().plan(plan).signal(healthy);
    assert_eq!(refused(hasty), "give_up is 1s, allowed: more than the interval of 1s");

    let split = Split::new("orders");
    let first = builder().split(split.clone()).signal(healthy).build().unwrap();
    let second = builder().split(split.clone()).signal(healthy);
    assert_eq!(
        refused(second),
        "split is controlled by orders-v2, allowed: one that no other rollout decides about"
    );
    assert!(split.set_share(Ratio::ONE).is_err());
    drop(first);
    split.set_share(Ratio::ONE).unwrap();
}
