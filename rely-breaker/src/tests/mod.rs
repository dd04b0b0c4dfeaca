//! The handle: states, permits, configuration, events.

mod cancelled;
mod hand;
mod in_flight;
mod live;
mod model;
mod open_time;
mod reconfigured;
mod rules;
#[cfg(feature = "tracing")]
mod trace;

use core::num::NonZeroUsize;
use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::task::Wake;

use futures::StreamExt;
use rely_core::backoff::Jitter;
use rely_core::event::Delivery;
use rely_core::{Class, Clock, Instant, Level, ManualClock, Outcome, Ratio, RejectedBy, Signal};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn breaker(config: BreakerConfig) -> (Breaker, ManualClock) {
    let (clock, manual) = Clock::manual();
    (Breaker::builder("queue").config(config).clock(clock).build().unwrap(), manual)
}

fn percent(percent: u32) -> Ratio {
    Ratio::from_ppm_clamped(percent * 10_000)
}

fn small() -> BreakerConfig {
    BreakerConfig {
        failure_rate: Some(percent(50)),
        slow_calls: None,
        consecutive_failures: None,
        window: Window::Calls(10),
        minimum_calls: 4,
        open_for: 30 * SECOND,
        open_backoff: None,
        trials: 4,
        trial_limit: 10 * SECOND,
        ..BreakerConfig::default()
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
fn a_trial_that_ends_too_late_opens_again_whether_or_not_a_call_came_in_between() {
    for (after, closes) in [(10 * SECOND - Duration::from_nanos(1), true), (10 * SECOND, false)] {
        let (breaker, manual) = breaker(BreakerConfig { trials: 1, ..small() });
        fail(&breaker, 4);
        manual.advance(30 * SECOND);
        let trial = breaker.acquire().unwrap();
        manual.advance(after);
        trial.success();
        let (state, late) = if closes { (State::Closed, 0) } else { (State::Open, 1) };
        let status = breaker.status();
        assert_eq!((status.state, status.late), (state, late), "after {after:?}");
    }
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
fn a_call_is_late_however_many_generations_went_by() {
    let (breaker, _) = breaker(small());
    let straggler = breaker.acquire().unwrap();
    // After so many the window's epochs come round.
    (0..4096).for_each(|_| breaker.reset());
    straggler.failure();
    let status = breaker.status();
    assert_eq!((status.counts.total, status.late), (0, 1));
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

/// What is woken by a change, and asks the breaker about it then and there.
struct Listener(Breaker, Mutex<Vec<(State, u64)>>);

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        let status = self.0.status();
        self.1.lock().unwrap().push((status.state, status.opened));
    }
}

#[test]
fn a_subscriber_may_use_the_breaker_when_it_is_woken_and_finds_the_new_state() {
    let (breaker, _) = breaker(small());
    let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    let listener = Arc::new(Listener(breaker.clone(), Mutex::default()));
    let waker = Waker::from(Arc::clone(&listener));
    let mut cx = Context::from_waker(&waker);
    for _ in 0..2 {
        while changes.poll_next_unpin(&mut cx).is_ready() {}
        match breaker.state() {
            State::Closed => fail(&breaker, 4),
            _ => breaker.reset(),
        }
    }
    assert_eq!(*listener.1.lock().unwrap(), [(State::Open, 1), (State::Closed, 1)]);
}

#[test]
fn a_call_allocates_nothing_whether_it_goes_through_or_not() {
    for window in [Window::Calls(10), Window::WeightedCalls(10), Window::Time(Default::default())] {
        let slow_calls = Some(SlowCalls { longer_than: SECOND, rate: Ratio::ONE, in_flight: true });
        let rules = BreakerConfig { slow_calls, consecutive_failures: Some(9), ..small() };
        for config in [small(), rules] {
            let (breaker, _) = breaker(BreakerConfig { window, ..config });
            let calls = || {
                for _ in 0..30 {
                    let Ok(permit) = breaker.acquire() else { continue };
                    permit.success();
                }
            };
            assert_eq!(allocation_counter::measure(calls).count_total, 0, "closed, {window:?}");
            breaker.force_open();
            assert_eq!(allocation_counter::measure(calls).count_total, 0, "open, {window:?}");
        }
    }
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
    let builder = builder.slow_calls(3 * SECOND, percent(70)).consecutive_failures(4);
    let builder = builder.open_for(7 * SECOND).trials(6).trial_limit(5 * SECOND);
    let builder = builder.cancelled(Cancelled::Failure).shadow(true);
    let builder = builder.open_backoff(OpenBackoff::default()).retry_after(60 * SECOND);
    let builder = builder.failure_count(3).evidence(percent(95)).trip_on(TripOn::BadCall);
    let builder = builder.ramp(Ramp::default()).trial_limit_to(AfterTrialLimit::Ramp);
    let builder = builder.probe_every(2 * SECOND);
    let breaker = builder.clone().build().unwrap();
    let expected = BreakerConfig {
        failure_rate: Some(Ratio::ONE),
        slow_calls: Some(SlowCalls {
            longer_than: 3 * SECOND,
            rate: percent(70),
            in_flight: false,
        }),
        consecutive_failures: Some(4),
        window: Window::Calls(9),
        minimum_calls: 8,
        open_for: 7 * SECOND,
        open_backoff: Some(OpenBackoff::default()),
        trials: 6,
        trial_limit: 5 * SECOND,
        cancelled: Cancelled::Failure,
        shadow: true,
        failure_count: Some(3),
        evidence: Some(percent(95)),
        trip_on: TripOn::BadCall,
        retry_after: Some(60 * SECOND),
        probe_every: 2 * SECOND,
        trial_limit_to: AfterTrialLimit::Ramp,
        ramp: Some(Ramp::default()),
    };
    assert_eq!(*breaker.config(), expected);
    let breaker = builder.without_failure_rate().build().unwrap();
    assert_eq!(*breaker.config(), BreakerConfig { failure_rate: None, ..expected });
}

#[test]
fn it_is_a_signal() {
    let (breaker, manual) = breaker(small());
    let now = || Instant::ORIGIN + 100 * SECOND;
    assert_eq!(breaker.verdict(now()).level, Level::Healthy);
    fail(&breaker, 4);
    let soon = Instant::ORIGIN + 29 * SECOND;
    let verdict = breaker.verdict(soon);
    assert_eq!((verdict.level, verdict.as_of), (Level::Unhealthy, soon));
    assert!(verdict.reason.contains("queue is open"), "{}", verdict.reason);
    // From here on a call may try.
    assert_eq!(breaker.verdict(soon + SECOND).level, Level::Degraded);
    manual.advance(30 * SECOND);
    let trial = breaker.acquire().unwrap();
    let verdict = breaker.verdict(now());
    assert_eq!((verdict.level, verdict.since), (Level::Degraded, Instant::ORIGIN + 30 * SECOND));
    assert!(verdict.reason.contains("half_open"), "{}", verdict.reason);
    drop(trial);
}

#[test]
fn evidence_names_what_the_rules_count_and_nothing_else() {
    let names = |breaker: &Breaker| -> Vec<_> {
        let verdict = breaker.verdict(Instant::ORIGIN);
        verdict.evidence.iter().map(|item| (item.name.to_string(), item.value)).collect()
    };
    let pair = |name: &str, value: f64| (name.to_owned(), value);
    let (plain, _) = breaker(small());
    assert_eq!(names(&plain), [pair("calls", 0.0), pair("bad_calls", 0.0)]);
    let slow_calls = Some(SlowCalls { longer_than: SECOND, rate: Ratio::ONE, in_flight: false });
    let config = BreakerConfig { slow_calls, consecutive_failures: Some(3), ..small() };
    let (breaker, _) = breaker(config);
    breaker.acquire().unwrap().record_after(Outcome::SUCCESS, SECOND);
    fail(&breaker, 2);
    let (calls, bad) = (pair("calls", 3.0), pair("bad_calls", 2.0));
    let (slow, run) = (pair("slow_calls", 1.0), pair("consecutive_failures", 2.0));
    assert_eq!(names(&breaker), [calls, bad, slow, run]);
}

#[test]
fn looking_changes_nothing_even_when_the_open_time_is_over() {
    let (breaker, manual) = breaker(small());
    fail(&breaker, 4);
    manual.advance(31 * SECOND);
    for _ in 0..3 {
        assert_eq!(breaker.verdict(Instant::ORIGIN + 31 * SECOND).level, Level::Degraded);
        assert_eq!((breaker.state(), breaker.status().generation), (State::Open, 1));
        assert!(!breaker.would_reject());
    }
    assert!(breaker.acquire().unwrap().is_trial());
    assert_eq!(breaker.verdict(Instant::ORIGIN + 31 * SECOND).level, Level::Degraded);
}

#[test]
fn configurations_out_of_range_are_refused_by_name() {
    let with = |change: fn(&mut BreakerConfig)| {
        let mut config = small();
        change(&mut config);
        Breaker::builder("x").config(config).build().unwrap_err().field().to_owned()
    };
    assert_eq!(with(|config| config.failure_rate = Some(Ratio::ZERO)), "failure_rate");
    assert_eq!(with(|config| config.failure_rate = None), "failure_rate", "no rule is on");
    let slow = |longer_than, rate| Some(SlowCalls { longer_than, rate, in_flight: false });
    let slow_field = |rule: Option<SlowCalls>| {
        let config = BreakerConfig { slow_calls: rule, ..small() };
        config.check().unwrap_err().field().to_owned()
    };
    assert_eq!(slow_field(slow(Duration::ZERO, Ratio::ONE)), "slow_calls.longer_than");
    assert_eq!(slow_field(slow(SECOND, Ratio::ZERO)), "slow_calls.rate");
    let under_way =
        |longer_than| Some(SlowCalls { longer_than, rate: Ratio::ONE, in_flight: true });
    let day = 86_400 * SECOND;
    for longer_than in [Duration::from_micros(7), 46 * day] {
        assert_eq!(slow_field(under_way(longer_than)), "slow_calls.longer_than");
    }
    for longer_than in [Duration::from_micros(8), 45 * day] {
        let config = BreakerConfig { slow_calls: under_way(longer_than), ..small() };
        assert!(Breaker::builder("x").config(config).build().is_ok());
    }
    assert_eq!(with(|config| config.consecutive_failures = Some(0)), "consecutive_failures");
    let too_many = |config: &mut BreakerConfig| config.consecutive_failures = Some((1 << 24) + 1);
    assert_eq!(with(too_many), "consecutive_failures");
    assert_eq!(with(|config| config.window = Window::Calls(0)), "window.calls");
    assert_eq!(with(|config| config.minimum_calls = 0), "minimum_calls");
    assert_eq!(with(|config| config.minimum_calls = 11), "minimum_calls");
    assert_eq!(with(|config| config.open_for = Duration::ZERO), "open_for");
    let growth_field = |backoff: OpenBackoff| {
        let config = BreakerConfig { open_backoff: Some(backoff), ..small() };
        config.check().map_err(|error| error.field().to_owned())
    };
    let growth = OpenBackoff { factor: 1.0, max: 30 * SECOND, jitter: Jitter::Full };
    assert_eq!(growth_field(growth), Ok(()));
    for factor in [0.999, 1000.1, f64::NAN] {
        let growth = OpenBackoff { factor, ..growth };
        assert_eq!(growth_field(growth).unwrap_err(), "open_backoff.factor");
    }
    let max = 30 * SECOND - Duration::from_nanos(1);
    let short = OpenBackoff { max, ..growth };
    assert_eq!(growth_field(short).unwrap_err(), "open_backoff.max");
    let growth = OpenBackoff { jitter: Jitter::Decorrelated, ..growth };
    assert_eq!(growth_field(growth).unwrap_err(), "open_backoff.jitter");
    assert_eq!(with(|config| config.trials = 0), "trials");
    assert_eq!(with(|config| config.trials = u32::MAX), "trials");
    assert_eq!(with(|config| config.trial_limit = Duration::ZERO), "trial_limit");
    // The largest of everything is safe.
    let config = BreakerConfig {
        slow_calls: slow(Duration::MAX, Ratio::ONE),
        consecutive_failures: Some(1 << 24),
        window: Window::Calls(1 << 24),
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
fn whoever_polls_a_call_that_is_over_trips_nothing() {
    let (breaker, _) = breaker(BreakerConfig { minimum_calls: 1, ..small() });
    let mut call = Box::pin(breaker.call(async { Ok::<_, ()>(7) }));
    let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
    assert!(core::future::Future::poll(call.as_mut(), &mut cx).is_ready());
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        core::future::Future::poll(call.as_mut(), &mut cx).is_ready()
    }));
    assert!(again.is_err(), "an async block is not polled twice");
    drop(call);
    let counts = breaker.status().counts;
    assert_eq!((breaker.state(), counts.total, counts.bad), (State::Closed, 1, 0));
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

#[cfg(feature = "schema")]
#[test]
fn the_schema_knows_which_rules_may_be_off_and_writes_times_in_words() {
    let schema = schemars::schema_for!(BreakerConfig).to_value();
    let at = |path: &str| schema.pointer(path).cloned().unwrap_or_default().to_string();
    assert!(schema.get("required").is_none(), "every field has a default");
    for field in ["failure_rate", "slow_calls", "consecutive_failures"] {
        assert!(at(&format!("/properties/{field}")).contains("null"), "{field}");
    }
    assert_eq!(at("/properties/failure_rate/anyOf/0/$ref"), "\"#/$defs/Ratio\"");
    assert_eq!(at("/properties/failure_rate/anyOf/1/enum"), r#"["off",null]"#);
    assert!(!at("/properties/open_for").contains("null"));
    assert_eq!(at("/$defs/SlowCalls/properties/longer_than/$ref"), "\"#/$defs/Duration\"");
    assert_eq!(at("/$defs/SlowCalls/required"), r#"["longer_than","rate"]"#);
}

#[cfg(feature = "serde")]
#[test]
fn configuration_reads_what_people_write() {
    let read = |text: &str| -> Result<BreakerConfig, rely_core::ConfigError> {
        rely_core::config::from_deserializer(&mut serde_json::Deserializer::from_str(text))
    };
    let config = read(r#"{"failure_rate": "25 %", "open_for": "1m 30s"}"#).unwrap();
    assert_eq!((config.failure_rate, config.open_for), (Some(percent(25)), 90 * SECOND));
    assert_eq!((config.trials, config.slow_calls, config.consecutive_failures), (5, None, None));
    assert_eq!(read(r#"{"trails": 3}"#).unwrap_err().field(), "trails");
    let growing = read(r#"{"open_backoff": {"factor": 1.5, "jitter": "full"}}"#).unwrap();
    let backoff = OpenBackoff { factor: 1.5, jitter: Jitter::Full, ..OpenBackoff::default() };
    assert_eq!(growing.open_backoff, Some(backoff));
    assert_eq!(read(&serde_json::to_string(&growing).unwrap()).unwrap(), growing);
    let shadow = read(r#"{"cancelled": "failure", "shadow": true}"#).unwrap();
    assert_eq!((shadow.cancelled, shadow.shadow), (Cancelled::Failure, true));
    assert_eq!(read(&serde_json::to_string(&shadow).unwrap()).unwrap(), shadow);
    assert_eq!((config.cancelled, config.shadow), (Cancelled::Neutral, false));
    assert_eq!(read(r#"{"cancelled": "success"}"#).unwrap_err().field(), "cancelled");
    assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    let text = r#"{"failure_rate": null, "slow_calls": {"longer_than": "250ms", "rate": "80 %"},
        "consecutive_failures": 5}"#;
    let config = read(text).unwrap();
    let slow =
        SlowCalls { longer_than: Duration::from_millis(250), rate: percent(80), in_flight: false };
    assert_eq!((config.failure_rate, config.slow_calls), (None, Some(slow)));
    assert_eq!(config.consecutive_failures, Some(5));
    assert_eq!(read(&serde_json::to_string(&config).unwrap()).unwrap(), config);
    assert!(config.check().is_ok());
    let text = serde_json::to_value(&config).unwrap();
    assert_eq!(text["failure_rate"], "off", "a null is left out where a format has none");
    for (rate, read_as) in [
        ("\"off\"", Ok(None)),
        ("\"50 %\"", Ok(Some(percent(50)))),
        ("0.5", Ok(Some(percent(50)))),
        ("1", Ok(Some(Ratio::ONE))),
        ("\"of\"", Err("failure_rate")),
        ("50", Err("failure_rate")),
        ("-1", Err("failure_rate")),
        ("[]", Err("failure_rate")),
    ] {
        let config = read(&format!(r#"{{"failure_rate": {rate}}}"#));
        let config = config.as_ref().map(|config| config.failure_rate);
        assert_eq!(config.map_err(rely_core::ConfigError::field), read_as, "{rate}");
    }
    for (slow, field) in [
        (r#"{"longer_than": 250, "rate": "80 %"}"#, "slow_calls.longer_than"),
        (r#"{"longer_than": "1s", "rate": 80}"#, "slow_calls.rate"),
        (r#"{"longer_than": "1s", "rate": 1, "at": 2}"#, "slow_calls.at"),
    ] {
        let error = read(&format!(r#"{{"slow_calls": {slow}}}"#)).unwrap_err();
        assert_eq!(error.field(), field);
    }
}
