//! The handle beside a model that keeps every call, and the rules one by one.

use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::VecDeque;

use proptest::prelude::*;
use rely_core::event::Delivery;
use rely_core::{Class, Clock, Instant, Level, ManualClock, Outcome, Ratio, RejectedBy, Signal};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn breaker(config: BreakerConfig) -> (Breaker, ManualClock) {
    let (clock, manual) = Clock::manual();
    (Breaker::builder("queue").config(config).clock(clock).build().unwrap(), manual)
}

fn small() -> BreakerConfig {
    BreakerConfig {
        failure_rate: Ratio::percent(50.0).unwrap(),
        window_calls: 10,
        minimum_calls: 4,
        open_for: 30 * SECOND,
        trials: 4,
        trial_limit: 10 * SECOND,
    }
}

fn fail(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.acquire().unwrap().failure();
    }
}

fn succeed(breaker: &Breaker, times: usize) {
    for _ in 0..times {
        breaker.acquire().unwrap().success();
    }
}

#[test]
fn the_rate_met_exactly_trips_and_just_missed_does_not() {
    let (breaker, _) = breaker(small());
    succeed(&breaker, 6);
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed, "3 of 9");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed, "4 of 10");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open, "5 of 10, the first success has left the window");
    assert_eq!(breaker.status().opened, 1);
}

#[test]
fn the_minimum_means_what_it_says() {
    let (breaker, _) = breaker(small());
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    // A success that makes up the number may trip.
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn the_window_slides_however_long_the_good_times_were() {
    let config = BreakerConfig { window_calls: 100, minimum_calls: 100, ..small() };
    let (breaker, _) = breaker(config);
    succeed(&breaker, 100_000);
    fail(&breaker, 49);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn open_rejects_with_name_and_remaining_wait_until_the_deadline_exactly() {
    let (breaker, manual) = breaker(small());
    fail(&breaker, 4);
    manual.advance(30 * SECOND - Duration::from_nanos(1));
    let rejected = breaker.acquire().unwrap_err();
    assert_eq!(&*rejected.name, "queue");
    assert_eq!((rejected.state, rejected.reason), (State::Open, RejectedReason::Open));
    assert_eq!(rejected.retry_after, Some(Duration::from_nanos(1)));
    assert_eq!(rejected.to_string(), "circuit breaker queue is open, retry in 1ns");
    manual.advance(Duration::from_nanos(1));
    assert!(!breaker.would_reject());
    assert!(breaker.acquire().unwrap().is_trial());
    assert_eq!(breaker.status().rejected, 1);
}

#[test]
fn a_clock_that_goes_back_keeps_no_breaker_open() {
    let (breaker, manual) = breaker(small());
    manual.advance(3600 * SECOND);
    fail(&breaker, 4);
    // Back to where it was tripped, and to before that.
    assert!(breaker.would_reject());
    manual.set(Instant::ORIGIN + 3600 * SECOND - Duration::from_nanos(1));
    assert!(!breaker.would_reject());
    let trials: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    manual.set(Instant::ORIGIN);
    let rejected = breaker.acquire().unwrap_err();
    assert_eq!((rejected.reason, rejected.retry_after), (RejectedReason::Open, Some(30 * SECOND)));
    drop(trials);
}

fn half_open() -> (Breaker, ManualClock) {
    let (breaker, manual) = breaker(small());
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    (breaker, manual)
}

#[test]
fn half_open_lets_no_more_trials_through_than_it_says() {
    let (breaker, _) = half_open();
    let permits: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    assert!(breaker.would_reject());
    let rejected = breaker.acquire().unwrap_err();
    assert_eq!(rejected.reason, RejectedReason::TrialsTaken);
    assert_eq!(rejected.retry_after, None);
    // One comes back without evidence, in each way there is: its place goes to another.
    for (permit, outcome) in permits.into_iter().zip([
        None,
        Some(Outcome::IGNORED),
        Some(Outcome::CANCELLED),
        Some(Outcome::rejected(RejectedBy::Limit)),
    ]) {
        match outcome {
            None => drop(permit),
            Some(outcome) => permit.record(outcome),
        }
        assert!(breaker.acquire().unwrap().is_trial());
    }
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[test]
fn trials_are_judged_by_rate_and_as_early_as_the_arithmetic_allows() {
    // Of four trials at 50 %, two bad ones fail and three good ones pass.
    for (outcomes, state) in [
        (&[true, true][..], State::HalfOpen),
        (&[true, true, true], State::Closed),
        (&[false], State::HalfOpen),
        (&[false, false], State::Open),
        (&[false, true, true], State::HalfOpen),
        (&[false, true, true, true], State::Closed),
        (&[false, true, true, false], State::Open),
    ] {
        let (breaker, _) = half_open();
        for good in outcomes {
            let permit = breaker.acquire().unwrap();
            if *good { permit.success() } else { permit.failure() }
        }
        assert_eq!(breaker.state(), state, "{outcomes:?}");
    }
}

#[test]
fn hung_trials_end_in_open_again_when_their_time_is_over() {
    let (breaker, manual) = half_open();
    let hung: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    manual.advance(10 * SECOND - Duration::from_nanos(1));
    assert_eq!(breaker.acquire().unwrap_err().reason, RejectedReason::TrialsTaken);
    manual.advance(Duration::from_nanos(1));
    assert!(breaker.would_reject());
    let rejected = breaker.acquire().unwrap_err();
    assert_eq!((rejected.reason, rejected.retry_after), (RejectedReason::Open, Some(30 * SECOND)));
    // Their successes come too late to close it, and are counted as late.
    hung.into_iter().for_each(Permit::success);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.status().late, 4);
}

#[test]
fn a_late_outcome_neither_closes_nor_opens() {
    let (breaker, manual) = breaker(small());
    let early: Vec<_> = (0..8).map(|_| breaker.acquire().unwrap()).collect();
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    let trial = breaker.acquire().unwrap();
    let mut early = early.into_iter();
    early.by_ref().take(4).for_each(Permit::success);
    assert_eq!(breaker.state(), State::HalfOpen, "a stale success closed it");
    early.for_each(Permit::failure);
    assert_eq!(breaker.state(), State::HalfOpen, "a stale failure opened it");
    assert_eq!(breaker.status().late, 8);
    drop(trial);
}

#[test]
fn a_closed_breaker_starts_afresh_after_an_outage() {
    let (breaker, _) = half_open();
    let straggler = breaker.acquire().unwrap();
    succeed(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    straggler.failure();
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed, "what was before does not count");
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn soft_failures_count_and_our_own_refusals_never_do() {
    let (breaker, _) = breaker(small());
    for class in [Class::Ignored, Class::Cancelled, Class::Rejected(RejectedBy::Limit)] {
        for _ in 0..50 {
            breaker.acquire().unwrap().record(class.into());
        }
    }
    assert_eq!((breaker.state(), breaker.status().counts.total), (State::Closed, 0));
    for _ in 0..4 {
        breaker.acquire().unwrap().record(Outcome::SOFT_FAILURE);
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn subscribers_see_each_change_with_its_reason_and_the_new_state() {
    let (breaker, manual) = breaker(small());
    let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    fail(&breaker, 4);
    manual.advance(30 * SECOND);
    succeed(&breaker, 3);
    breaker.reset();
    let mut next = || match changes.try_next() {
        Some(Delivery::Event(change)) => (change.from, change.to, change.reason.to_string()),
        other => panic!("{other:?}"),
    };
    let tripped = "4 of the last 4 calls were bad, the limit is 50 %";
    assert_eq!(next(), (State::Closed, State::Open, tripped.into()));
    assert_eq!(next(), (State::Open, State::HalfOpen, "the open time is over".into()));
    assert_eq!(next(), (State::HalfOpen, State::Closed, "3 of 3 trial calls went well".into()));
    assert_eq!(next(), (State::Closed, State::Closed, "reset by hand".into()));
    assert_eq!(changes.try_next(), None);
    assert_eq!(breaker.status().generation, 4);
}

#[test]
fn a_breaker_that_opens_again_says_so_and_was_tripped_once() {
    let (breaker, manual) = breaker(small());
    let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    fail(&breaker, 4);
    assert_eq!(breaker.status().until, Some(Instant::ORIGIN + 30 * SECOND));
    manual.advance(30 * SECOND);
    fail(&breaker, 2);
    manual.advance(30 * SECOND);
    let taken: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    assert_eq!(
        breaker.acquire().unwrap_err().to_string(),
        "circuit breaker queue is half-open and all trials are taken"
    );
    manual.advance(10 * SECOND);
    assert!(breaker.acquire().is_err());
    let status = breaker.status();
    assert_eq!((status.state, status.opened, status.rejected), (State::Open, 1, 2));
    assert_eq!(status.since, Instant::ORIGIN + 70 * SECOND);
    let mut reasons = Vec::new();
    while let Some(Delivery::Event(change)) = changes.try_next() {
        reasons.push(change.reason.to_string());
    }
    assert_eq!(reasons[2], "2 of 2 trial calls went badly");
    assert_eq!(reasons[4], "the trial calls did not end in time");
    breaker.reset();
    assert_eq!((breaker.status().until, breaker.status().opened), (None, 1));
    drop(taken);
}

#[test]
fn the_builder_sets_what_it_says() {
    let builder = Breaker::builder("x").failure_rate(Ratio::ONE).window_calls(9).minimum_calls(8);
    let breaker = builder.open_for(7 * SECOND).trials(6).trial_limit(5 * SECOND).build().unwrap();
    let expected = BreakerConfig {
        failure_rate: Ratio::ONE,
        window_calls: 9,
        minimum_calls: 8,
        open_for: 7 * SECOND,
        trials: 6,
        trial_limit: 5 * SECOND,
    };
    assert_eq!(breaker.config(), &expected);
}

#[test]
fn it_is_a_signal() {
    let (breaker, manual) = breaker(small());
    let now = || Instant::ORIGIN + 100 * SECOND;
    assert_eq!(breaker.verdict(now()).level, Level::Healthy);
    fail(&breaker, 4);
    let verdict = breaker.verdict(now());
    assert_eq!((verdict.level, verdict.as_of), (Level::Unhealthy, now()));
    assert!(verdict.reason.contains("queue is open"), "{}", verdict.reason);
    manual.advance(30 * SECOND);
    let trial = breaker.acquire().unwrap();
    let verdict = breaker.verdict(now());
    assert_eq!((verdict.level, verdict.since), (Level::Degraded, Instant::ORIGIN + 30 * SECOND));
    assert!(verdict.reason.contains("half_open"), "{}", verdict.reason);
    drop(trial);
}

#[test]
fn configurations_out_of_range_are_refused_by_name() {
    let with = |change: fn(&mut BreakerConfig)| {
        let mut config = small();
        change(&mut config);
        Breaker::builder("x").config(config).build().unwrap_err().field().to_owned()
    };
    assert_eq!(with(|config| config.failure_rate = Ratio::ZERO), "failure_rate");
    assert_eq!(with(|config| config.window_calls = 0), "window_calls");
    assert_eq!(with(|config| config.minimum_calls = 0), "minimum_calls");
    assert_eq!(with(|config| config.minimum_calls = 11), "minimum_calls");
    assert_eq!(with(|config| config.open_for = Duration::ZERO), "open_for");
    assert_eq!(with(|config| config.trials = 0), "trials");
    assert_eq!(with(|config| config.trials = u32::MAX), "trials");
    assert_eq!(with(|config| config.trial_limit = Duration::ZERO), "trial_limit");
    // The largest of everything is safe.
    let config = BreakerConfig {
        window_calls: 1 << 24,
        open_for: Duration::MAX,
        trial_limit: Duration::MAX,
        trials: 65_535,
        ..small()
    };
    let (breaker, manual) = breaker(config);
    fail(&breaker, 4);
    manual.set(Instant::from_nanos(u64::MAX - 1));
    assert!(breaker.acquire().is_err());
}

#[test]
fn a_panic_under_a_permit_is_a_failure_of_that_call_alone() {
    let (breaker, _) = breaker(small());
    let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
    let mut neighbour = Box::pin(breaker.call(core::future::pending::<Result<(), ()>>()));
    assert!(core::future::Future::poll(neighbour.as_mut(), &mut cx).is_pending());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _neighbour = neighbour;
        let _permit = breaker.acquire().unwrap();
        panic!("oh");
    }));
    assert!(panicked.is_err());
    let counts = breaker.status().counts;
    assert_eq!((counts.total, counts.bad), (1, 1));
}

#[test]
fn calls_go_through_the_handle_too() {
    let (breaker, _) = breaker(small());
    let run = |result: Result<u8, &'static str>| {
        futures::executor::block_on(breaker.call(async move { result }))
    };
    assert_eq!(run(Ok(7)), Ok(7));
    for _ in 0..3 {
        assert_eq!(run(Err("down")), Err(BreakerError::Inner("down")));
    }
    let error = run(Ok(7)).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::Open);
    assert_eq!(error.into_inner(), None);
    breaker.reset();
    // Asked only when polled; dropped, it counts for nothing; a panic is a failure.
    drop(breaker.call(async { Ok::<(), ()>(()) }));
    let mut panicking =
        Box::pin(breaker.call(async { if true { panic!("oh") } else { Ok::<(), ()>(()) } }));
    let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = core::future::Future::poll(panicking.as_mut(), &mut cx);
    }));
    assert!(panicked.is_err());
    drop(panicking);
    let counts = breaker.status().counts;
    assert_eq!((counts.total, counts.bad), (1, 1));
}

#[cfg(feature = "serde")]
#[test]
fn configuration_reads_what_people_write() {
    let read = |text: &str| -> Result<BreakerConfig, rely_core::ConfigError> {
        rely_core::config::from_deserializer(&mut serde_json::Deserializer::from_str(text))
    };
    let config = read(r#"{"failure_rate": "25 %", "open_for": "1m 30s"}"#).unwrap();
    assert_eq!((config.failure_rate.ppm(), config.open_for), (250_000, 90 * SECOND));
    assert_eq!(config.trials, 5);
    assert_eq!(read(r#"{"trails": 3}"#).unwrap_err().field(), "trails");
    assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);
}

/// The breaker as one would write it down: every call of the window in a list, no atomics.
struct Naive {
    config: BreakerConfig,
    state: State,
    generation: u64,
    until: u64,
    window: VecDeque<bool>,
    trials: u32,
    good: u32,
    bad: u32,
}

impl Naive {
    fn enter(&mut self, state: State, until: u64) {
        self.state = state;
        self.generation += 1;
        self.until = until;
        self.window.clear();
        (self.trials, self.good, self.bad) = (self.config.trials, 0, 0);
    }

    fn acquire(&mut self, now: u64) -> Option<(u64, bool)> {
        let time = if self.state == State::Open { 30 } else { 10 };
        let over = now >= self.until || now < self.until - time;
        if self.state != State::Closed && over {
            if self.state == State::Open {
                self.enter(State::HalfOpen, now + 10);
            } else {
                self.enter(State::Open, now + 30);
            }
        }
        match self.state {
            State::Closed => Some((self.generation, false)),
            State::HalfOpen if self.trials > 0 => {
                self.trials -= 1;
                Some((self.generation, true))
            }
            _ => None,
        }
    }

    fn finish(&mut self, (generation, trial): (u64, bool), bad: Option<bool>, now: u64) {
        if generation != self.generation {
            return;
        }
        match (bad, trial) {
            (None, true) => self.trials += 1,
            (None, false) => {}
            (Some(bad), true) => {
                *(if bad { &mut self.bad } else { &mut self.good }) += 1;
                if 2 * self.bad >= self.config.trials {
                    self.enter(State::Open, now + 30);
                } else if 2 * (self.config.trials - self.good) < self.config.trials {
                    self.enter(State::Closed, 0);
                }
            }
            (Some(bad), false) => {
                self.window.push_back(bad);
                if self.window.len() > 10 {
                    self.window.pop_front();
                }
                let failures = self.window.iter().filter(|bad| **bad).count();
                if self.window.len() >= 4 && 2 * failures >= self.window.len() {
                    self.enter(State::Open, now + 30);
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Acquire,
    Finish { which: prop::sample::Index, bad: Option<bool> },
    Set(u64),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let bad = prop_oneof![3 => Just(Some(true)), 3 => Just(Some(false)), 1 => Just(None)];
    prop_oneof![
        8 => Just(Step::Acquire),
        8 => (any::<prop::sample::Index>(), bad).prop_map(|(which, bad)| Step::Finish { which, bad }),
        2 => (0..120u64).prop_map(Step::Set),
        1 => Just(Step::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_shell_decides_as_the_model_does(steps in prop::collection::vec(step(), 1..200)) {
        let (breaker, manual) = breaker(small());
        let mut model = Naive {
            config: small(),
            state: State::Closed,
            generation: 0,
            until: 0,
            window: VecDeque::new(),
            trials: 4,
            good: 0,
            bad: 0,
        };
        let (mut now, mut running) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Acquire => match (breaker.acquire(), model.acquire(now)) {
                    (Ok(permit), Some(expected)) => {
                        prop_assert_eq!((permit.generation(), permit.is_trial()), expected);
                        running.push((permit, expected));
                    }
                    (Err(_), None) => {}
                    (ours, theirs) => prop_assert!(false, "{ours:?} but {theirs:?}"),
                },
                Step::Finish { which, bad } if !running.is_empty() => {
                    let (permit, admitted) = running.swap_remove(which.index(running.len()));
                    match bad {
                        Some(true) => permit.failure(),
                        Some(false) => permit.success(),
                        None => drop(permit),
                    }
                    model.finish(admitted, bad, now);
                }
                Step::Finish { .. } => {}
                // Forward and back.
                Step::Set(to) => {
                    now = to;
                    manual.set(Instant::ORIGIN + SECOND * u32::try_from(to).unwrap());
                }
                Step::Reset => {
                    breaker.reset();
                    model.enter(State::Closed, 0);
                }
            }
            prop_assert_eq!(breaker.state(), model.state);
            let bad = model.window.iter().filter(|bad| **bad).count() as u64;
            let counts = breaker.status().counts;
            prop_assert_eq!((counts.total, counts.bad), (model.window.len() as u64, bad));
        }
    }
}
