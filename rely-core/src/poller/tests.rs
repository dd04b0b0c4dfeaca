use core::future::{Future, pending, ready};
use core::time::Duration;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::channel::{mpsc, oneshot};
use proptest::prelude::*;
use tokio_test::{assert_pending, assert_ready, task};

use super::machine::{Effect, Machine, Rules};
use super::*;
use crate::Level::{Healthy, Unhealthy, Unknown};
use crate::backoff::{BackoffConfig, Jitter};
use crate::rng::Rng;
use crate::{Clock, ConfigError, Level, ManualClock, Ratio};

const SEC: Duration = Duration::from_secs(1);

fn at(secs: u32) -> Instant {
    Instant::ORIGIN + secs * SEC
}

fn backoff(initial: u32, max: u32) -> BackoffConfig {
    let (initial, max) = (initial * SEC, max * SEC);
    BackoffConfig { initial, max, jitter: Jitter::None, ..BackoffConfig::default() }
}

fn rules() -> Rules {
    Rules {
        interval: 10 * SEC,
        timeout: 4 * SEC,
        max_age: 30 * SEC,
        backoff: backoff(5, 15).build().unwrap(),
        jitter: Ratio::ZERO,
        shortest: Duration::from_millis(1),
        rng: Rng::seeded(1),
    }
}

fn healthy(secs: u32) -> Result<Verdict, Arc<str>> {
    Ok(Verdict::new(Healthy, at(secs)))
}

fn refused() -> Result<Verdict, Arc<str>> {
    Err("refused".into())
}

#[test]
fn attempts_start_an_interval_apart() {
    let mut machine = Machine::new(rules());
    assert_eq!(machine.on_timer(at(100)), Some(Effect::Ask));
    assert_eq!(machine.timer(), at(104));
    assert_eq!(machine.on_timer(at(103)), None);
    machine.on_answer(at(103), healthy(100));
    assert_eq!(machine.timer(), at(110));
    assert_eq!(machine.on_timer(at(109)), None);
    assert_eq!(machine.on_timer(at(110)), Some(Effect::Ask));
}

#[test]
fn the_wait_after_errors_doubles_up_to_its_cap_and_ends_with_an_answer() {
    let mut machine = Machine::new(rules());
    let mut now = at(0);
    for wait in [5, 10, 15, 15] {
        assert_eq!(machine.on_timer(now), Some(Effect::Ask));
        machine.on_answer(now + SEC, refused());
        assert_eq!(machine.timer() - now, (wait + 1) * SEC);
        now = machine.timer();
    }
    assert_eq!(machine.status().errors_in_a_row, 4);
    machine.on_timer(now);
    machine.on_answer(now, Ok(Verdict::new(Healthy, now)));
    machine.on_timer(now + 10 * SEC);
    machine.on_answer(now + 10 * SEC, refused());
    assert_eq!(machine.timer(), now + 15 * SEC);
    let status = machine.status();
    assert_eq!((status.answers, status.errors, status.errors_in_a_row), (1, 5, 1));
}

#[test]
fn an_answer_at_the_deadline_counts_and_one_after_it_does_not() {
    for (arrives, answers) in [(4, 1), (5, 0)] {
        let mut machine = Machine::new(rules());
        machine.on_timer(at(0));
        machine.on_answer(at(arrives), healthy(0));
        let status = machine.status();
        assert_eq!((status.answers, status.errors), (answers, 1 - answers), "{arrives}");
    }
    let mut machine = Machine::new(rules());
    machine.on_timer(at(0));
    assert_eq!(machine.on_timer(at(4)), Some(Effect::GiveUp));
    assert_eq!(machine.timer(), at(9));
    machine.on_answer(at(4), healthy(0));
    assert_eq!(machine.status().answers, 0, "nobody asked");
    assert!(machine.verdict(at(4)).reason.ends_with("1 error in a row, last: no answer within 4s"));
}

#[test]
fn a_verdict_outlives_errors_until_it_is_too_old() {
    let mut machine = Machine::new(rules());
    let verdict = machine.verdict(at(7));
    assert_eq!((verdict.level, &*verdict.reason), (Unknown, "no answer yet"));

    machine.on_timer(at(0));
    machine.on_answer(at(1), Ok(Verdict::new(Healthy, at(0)).because("fine")));
    assert_eq!(&*machine.verdict(at(1)).reason, "fine");
    machine.on_timer(at(10));
    machine.on_answer(at(11), refused());
    machine.on_timer(at(16));
    machine.on_answer(at(17), refused());

    let verdict = machine.verdict(at(30));
    assert_eq!(verdict.level, Healthy);
    assert_eq!(&*verdict.reason, "fine; 2 errors in a row, last: refused");
    let verdict = machine.verdict(at(31));
    assert_eq!((verdict.level, verdict.since), (Unknown, at(30)));
    assert!(verdict.reason.starts_with("stale: was healthy"), "{verdict:?}");
    assert!(verdict.reason.ends_with("2 errors in a row, last: refused"), "{verdict:?}");
}

#[test]
fn the_source_may_shorten_the_life_of_its_verdict_but_not_lengthen_it() {
    let end = |verdict| {
        let mut machine = Machine::new(rules());
        machine.on_timer(at(100));
        machine.on_answer(at(101), Ok(verdict));
        machine.verdict(at(101)).valid_until
    };
    assert_eq!(end(Verdict::new(Healthy, at(100))), at(130));
    assert_eq!(end(Verdict::new(Healthy, at(100)).valid_for(5 * SEC)), at(105));
    assert_eq!(end(Verdict::new(Healthy, at(90))), at(120));
    assert_eq!(end(Verdict::new(Healthy, at(9_000))), at(131));
    assert_eq!(end(Verdict::new(Healthy, at(0))), at(30), "stale on arrival");
}

#[test]
fn since_stays_while_the_level_does() {
    let mut machine = Machine::new(rules());
    let mut answer = |secs, level| {
        machine.on_timer(at(secs));
        machine.on_answer(at(secs), Ok(Verdict::new(level, at(secs))));
        machine.verdict(at(secs)).since
    };
    assert_eq!(answer(0, Healthy), at(0));
    assert_eq!(answer(10, Healthy), at(0));
    assert_eq!(answer(20, Unhealthy), at(20));
    assert_eq!(answer(30, Unhealthy), at(20));
    assert_eq!(answer(61, Unhealthy), at(61), "stale in between");
}

proptest! {
    #[test]
    fn jitter_only_shortens_and_by_no_more_than_its_share(
        ppm in 0..=1_000_000_u32,
        seed in any::<u64>(),
        nanos in 1_000_000..u64::MAX,
    ) {
        let interval = Duration::from_nanos(nanos);
        let timeout = Duration::from_nanos(1);
        let (jitter, rng) = (Ratio::from_ppm_clamped(ppm), Rng::seeded(seed));
        let mut machine = Machine::new(Rules { interval, timeout, jitter, rng, ..rules() });
        machine.on_timer(at(0));
        machine.on_answer(at(0), healthy(0));
        let wait = machine.timer() - at(0);
        prop_assert!(wait <= interval);
        prop_assert!(wait >= Duration::from_millis(1));
        prop_assert!(wait >= interval - Duration::from_nanos(jitter.of(nanos)));
    }

    /// Whatever happens, the machine always has a next step that is not in the far future, and its
    /// signal never says healthy on evidence older than the maximum age.
    #[test]
    fn it_never_stalls_and_never_vouches_for_old_evidence(
        steps in prop::collection::vec((0..3_u8, 0..8_u32), 1..100),
    ) {
        let mut machine = Machine::new(rules());
        let (mut now, mut asking, mut last) = (at(0), None, None);
        for (step, secs) in steps {
            now += secs * SEC;
            match (step, asking) {
                (0, Some(started)) => {
                    machine.on_answer(now, Ok(Verdict::new(Healthy, started)));
                    if now - started <= 4 * SEC {
                        last = asking;
                    }
                    asking = None;
                }
                (1, Some(_)) => {
                    machine.on_answer(now, refused());
                    asking = None;
                }
                _ => match machine.on_timer(now) {
                    Some(Effect::Ask) => asking = Some(now),
                    Some(Effect::GiveUp) => asking = None,
                    None => prop_assert!(machine.timer() > now),
                },
            }
            prop_assert!(machine.timer() <= now + 15 * SEC);
            let fresh = last.is_some_and(|last| now - last <= 30 * SEC);
            let expected = if fresh { Healthy } else { Unknown };
            prop_assert_eq!(machine.verdict(now).level, expected);
        }
    }
}

type Answer = Result<Verdict, String>;

/// A poller whose attempts the test answers by hand.
fn by_hand() -> (
    Clock,
    ManualClock,
    Poller,
    impl Future<Output = ()>,
    mpsc::UnboundedReceiver<oneshot::Sender<Answer>>,
) {
    let (clock, manual) = Clock::manual();
    let (asked, attempts) = mpsc::unbounded();
    let (poller, driver) = Poller::builder("by hand")
        .clock(clock.clone())
        .interval(10 * SEC)
        .timeout(4 * SEC)
        .max_age(30 * SEC)
        .jitter(Ratio::ZERO)
        .build(move |_| {
            let (answer, answered) = oneshot::channel();
            asked.unbounded_send(answer).unwrap();
            async move { answered.await.unwrap_or_else(|_| Err("nobody answered".into())) }
        })
        .unwrap();
    (clock, manual, poller, driver, attempts)
}

#[test]
fn the_driver_asks_waits_gives_up_and_asks_again() {
    let (clock, manual, poller, driver, mut attempts) = by_hand();
    let mut driver = task::spawn(driver);
    assert!(attempts.try_recv().is_err(), "nothing happens before the first poll");
    assert_pending!(driver.poll());
    let first = attempts.try_recv().unwrap();
    manual.advance(SEC);
    first.send(Ok(Verdict::new(Healthy, clock.now()))).unwrap();
    assert!(driver.is_woken());
    assert_pending!(driver.poll());
    assert_eq!(poller.verdict(clock.now()).level, Healthy);

    manual.advance(8 * SEC);
    assert!(!driver.is_woken());
    manual.advance(SEC);
    assert!(driver.is_woken());
    assert_pending!(driver.poll());
    let second = attempts.try_recv().unwrap();
    manual.advance(4 * SEC);
    assert!(driver.is_woken());
    assert_pending!(driver.poll());
    assert!(second.is_canceled(), "the attempt was dropped");
    assert_eq!(poller.status().errors_in_a_row, 1);
    assert_eq!(poller.verdict(clock.now()).level, Healthy);

    manual.advance(10 * SEC);
    assert_pending!(driver.poll());
    attempts.try_recv().unwrap().send(Err("down".into())).unwrap();
    assert_pending!(driver.poll());
    let status = poller.status();
    assert_eq!((status.answers, status.errors, status.errors_in_a_row), (1, 2, 2));
    assert_eq!(status.last_error.as_deref(), Some("down"));
    assert!(status.driven);
    manual.advance(10 * SEC);
    assert_eq!(poller.verdict(clock.now()).level, Unknown);
}

#[test]
fn without_a_driver_the_verdict_runs_out() {
    let (clock, manual, poller, driver, mut attempts) = by_hand();
    let mut driver = task::spawn(driver);
    assert_pending!(driver.poll());
    attempts.try_recv().unwrap().send(Ok(Verdict::new(Healthy, clock.now()))).unwrap();
    assert_pending!(driver.poll());
    drop(driver);
    assert!(!poller.status().driven);
    let verdict = poller.verdict(clock.now());
    assert_eq!((verdict.level, &*verdict.reason), (Healthy, "nobody drives the poller"));
    manual.advance(30 * SEC);
    assert_eq!(poller.verdict(clock.now()).level, Healthy);
    manual.advance(Duration::from_nanos(1));
    let verdict = poller.verdict(clock.now());
    assert_eq!(verdict.level, Unknown);
    assert!(verdict.reason.ends_with("; nobody drives the poller"), "{}", verdict.reason);
}

#[test]
fn the_driver_ends_once_nobody_holds_the_signal() {
    let (_clock, manual, poller, driver, _attempts) = by_hand();
    let mut driver = task::spawn(driver);
    let other = poller.clone();
    assert_eq!(other.name(), "by hand");
    assert_pending!(driver.poll());
    drop(poller);
    manual.advance(4 * SEC);
    assert_pending!(driver.poll());
    drop(other);
    manual.advance(60 * SEC);
    assert!(driver.is_woken());
    assert_ready!(driver.poll());
}

#[test]
fn an_attempt_that_never_wakes_is_given_up() {
    let (clock, manual) = Clock::manual();
    let calls = AtomicU32::new(0);
    let (poller, driver) = Poller::builder("black hole")
        .clock(clock)
        .jitter(Ratio::ZERO)
        .build(|_| {
            calls.fetch_add(1, Ordering::Relaxed);
            pending::<Answer>()
        })
        .unwrap();
    let mut driver = task::spawn(driver);
    for _ in 0..1_000 {
        assert_pending!(driver.poll());
        manual.advance_to_next_timer().unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 500);
    // One wait of the black hole and its timeout, the interval's half.
    assert!(poller.verdict(Instant::ORIGIN).reason.ends_with("last: no answer within 5s"));
}

#[derive(Debug)]
struct Nested(u32);

impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lävel {}", self.0)
    }
}

impl std::error::Error for Nested {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // As deep as it is asked for.
        Some(Box::leak(Box::new(Self(self.0 + 1))))
    }
}

#[test]
fn an_error_is_told_with_its_sources_in_bounded_length() {
    let (clock, _manual) = Clock::manual();
    let (poller, driver) =
        Poller::builder("x").clock(clock).build(|_| ready(Err::<Verdict, _>(Nested(0)))).unwrap();
    assert_pending!(task::spawn(driver).poll());
    let error = poller.status().last_error.unwrap();
    assert!(error.starts_with("lävel 0: lävel 1: lävel 2"), "{error}");
    assert!((197..=200).contains(&error.len()), "{}", error.len());
}

#[test]
fn a_source_that_fails_at_once_does_not_keep_its_task_busy() {
    let (clock, manual) = Clock::manual();
    let nanosecond = Duration::from_nanos(1);
    let (poller, driver) = Poller::builder("x")
        .clock(clock)
        .backoff(BackoffConfig { initial: nanosecond, max: nanosecond, ..backoff(1, 1) })
        .build(|_| ready(Err::<Verdict, _>("no")))
        .unwrap();
    let mut driver = task::spawn(driver);
    for errors in 1..10 {
        assert_pending!(driver.poll());
        assert_eq!(poller.status().errors, errors);
        manual.advance(Duration::from_millis(1));
    }
}

#[cfg(feature = "json")]
#[test]
fn a_configuration_is_written_for_people() {
    let text = r#"{"interval": "5s", "max_age": "1m", "jitter": "20 %", "backoff": {"max": "1m"}}"#;
    let config: PollerConfig = serde_json::from_str(text).unwrap();
    assert_eq!((config.interval, config.max_age), (5 * SEC, Some(60 * SEC)));
    assert_eq!(config.timeout, None);
    assert_eq!(config.backoff.map(|backoff| backoff.max), Some(60 * SEC));
    let again = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<PollerConfig>(&again).unwrap(), config);
    assert!(serde_json::from_str::<PollerConfig>(r#"{"intervall": "5s"}"#).is_err());
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let build = |builder: PollerBuilder| -> Result<(), ConfigError> {
        builder.build(|now| ready(Ok::<_, String>(Verdict::new(Level::Healthy, now)))).map(drop)
    };
    let ten = || Poller::builder("x").interval(10 * SEC);
    assert_eq!(build(ten()), Ok(()));
    assert_eq!(build(ten().timeout(10 * SEC).max_age(20 * SEC)), Ok(()));
    assert_eq!(build(ten().backoff(backoff(1, 1)).jitter(Ratio::ONE).seed(7)), Ok(()));
    assert_eq!(build(Poller::builder("x").interval(Duration::MAX)), Ok(()));
    let cases = [
        (ten().interval(Duration::ZERO), "interval is 0ns, allowed: at least 1ms"),
        (ten().timeout(Duration::ZERO), "timeout is 0ns, allowed: more than 0ns"),
        (ten().timeout(11 * SEC), "timeout is 11s, allowed: at most 10s"),
        (ten().max_age(14 * SEC), "max_age is 14s, allowed: at least 15s"),
        (ten().backoff(backoff(0, 1)), "backoff.initial is 0ns, allowed: more than 0ns"),
        (ten().backoff(backoff(2, 1)), "backoff.max is 1s, allowed: at least 2s"),
    ];
    for (builder, message) in cases {
        assert_eq!(build(builder).unwrap_err().to_string(), message);
    }
}
