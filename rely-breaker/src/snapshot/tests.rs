use proptest::prelude::*;
use rely_core::backoff::Jitter;
use rely_core::window::{Counts, TimeWindowConfig};
use rely_core::{Clock, ManualClock, Outcome, Ratio, Weight};

use super::*;
use crate::machine::Machine;
use crate::{
    Breaker, BreakerBuilder, BreakerConfig, BreakerStatus, Cancelled, OpenBackoff, Ramp, SlowCalls,
    Window,
};

const SECOND: Duration = Duration::from_secs(1);

fn percent(percent: u32) -> Ratio {
    Ratio::from_ppm_clamped(percent * 10_000)
}

fn config() -> BreakerConfig {
    BreakerConfig {
        window: Window::Calls(10),
        minimum_calls: 4,
        trials: 3,
        slow_calls: Some(SlowCalls { longer_than: SECOND, rate: percent(80), in_flight: false }),
        consecutive_failures: Some(5),
        ..BreakerConfig::default()
    }
}

fn time(seconds: u64, buckets: u32) -> Window {
    let span = SECOND * u32::try_from(seconds).unwrap();
    Window::Time(TimeWindowConfig { span, buckets, ..TimeWindowConfig::default() })
}

fn builder(config: BreakerConfig) -> (BreakerBuilder, ManualClock) {
    let (clock, manual) = Clock::manual();
    manual.advance(1_000 * SECOND);
    (Breaker::builder("queue").config(config).clock(clock).seed(7), manual)
}

/// A call that ends at once and says to have taken so long.
fn call(breaker: &Breaker, bad: bool, slow: bool) {
    let outcome = if bad { Outcome::FAILURE } else { Outcome::SUCCESS };
    let took = if slow { SECOND } else { Duration::ZERO };
    breaker.acquire().unwrap().record_after(outcome, took);
}

/// What a snapshot keeps, by itself and by the status: a time that is over is, whenever it ended.
fn kept(breaker: &Breaker) -> impl PartialEq + core::fmt::Debug + use<> {
    let BreakerStatus { since, share, counts, consecutive_failures, .. } = breaker.status();
    (breaker.snapshot(), since, share, counts, consecutive_failures)
}

#[test]
fn every_state_goes_on_where_it_was() {
    type Lead = fn(&Breaker, &ManualClock);
    let open: Lead = |breaker, manual| {
        (0..4).for_each(|_| call(breaker, true, false));
        manual.advance(7 * SECOND);
    };
    let half_open: Lead = |breaker, manual| {
        (0..4).for_each(|_| call(breaker, true, false));
        manual.advance(30 * SECOND);
        call(breaker, false, false);
        manual.advance(SECOND);
    };
    let ramping: Lead = |breaker, manual| {
        (0..4).for_each(|_| call(breaker, true, false));
        manual.advance(30 * SECOND);
        (0..2).for_each(|_| call(breaker, false, false));
        manual.advance(10 * SECOND);
        assert!(breaker.tick().is_some());
        call(breaker, false, true);
        manual.advance(SECOND);
    };
    let leads: [(State, Lead); 7] = [
        (State::Closed, |breaker, _| {
            call(breaker, false, true);
            call(breaker, true, false);
        }),
        (State::Open, open),
        (State::HalfOpen, half_open),
        (State::Ramping, ramping),
        (State::ForcedOpen, |breaker, _| breaker.force_open()),
        (State::ForcedClosed, |breaker, _| {
            breaker.force_closed();
            (0..9).for_each(|_| call(breaker, true, true));
        }),
        (State::Disabled, |breaker, _| breaker.disable()),
    ];
    for (state, lead) in leads {
        let (builder, manual) = builder(BreakerConfig { ramp: Some(Ramp::default()), ..config() });
        let breaker = builder.clone().build().unwrap();
        lead(&breaker, &manual);
        let snapshot = breaker.snapshot();
        assert_eq!((breaker.state(), snapshot.state()), (state, state));
        let again = builder.restore(snapshot.clone()).build().unwrap();
        assert_eq!(kept(&again), kept(&breaker));
        assert_eq!(again.snapshot(), snapshot, "nothing is lost on the way");
        assert_eq!(again.would_reject(), breaker.would_reject());
        let BreakerStatus { succeeded, failed, opened, .. } = again.status();
        assert_eq!((succeeded, failed, opened), (0, 0, 0), "they were another breaker's calls");
    }
}

#[test]
fn trials_under_way_may_begin_again_and_those_that_ended_count() {
    let (builder, manual) = builder(config());
    let breaker = builder.clone().build().unwrap();
    (0..4).for_each(|_| call(&breaker, true, false));
    manual.advance(30 * SECOND);
    call(&breaker, false, false);
    let _under_way = (breaker.acquire().unwrap(), breaker.acquire().unwrap());
    assert!(breaker.would_reject());
    let again = builder.restore(breaker.snapshot()).build().unwrap();
    let trials = (again.acquire().unwrap(), again.acquire().unwrap());
    assert!(again.would_reject());
    trials.0.success();
    trials.1.success();
    assert_eq!(again.state(), State::Closed);
}

#[test]
fn waits_are_over_after_a_time_in_which_nothing_ran_and_watching_is_not() {
    let wide = BreakerConfig { window: time(60, 6), ..config() };
    let (builder, manual) = builder(wide);
    let restored = |kept| builder.clone().restore(kept).build().unwrap();
    let breaker = restored(builder.clone().build().unwrap().snapshot());
    call(&breaker, true, false);
    manual.advance(30 * SECOND);
    call(&breaker, false, false);
    let closed = breaker.snapshot();
    let total = |breaker: Breaker| breaker.status().counts.total;
    assert_eq!(total(restored(closed.clone().after(20 * SECOND))), 2);
    assert_eq!(total(restored(closed.clone().after(30 * SECOND))), 1);
    assert_eq!(total(restored(closed.after(Duration::MAX))), 0);

    breaker.open_for(30 * SECOND);
    manual.advance(SECOND);
    let open = breaker.snapshot();
    let wait = |elapsed| restored(open.clone().after(elapsed)).acquire().err();
    assert_eq!(wait(4 * SECOND).unwrap().retry_after, Some(25 * SECOND));
    assert!(wait(29 * SECOND).is_none() && wait(Duration::MAX).is_none());

    manual.advance(29 * SECOND);
    call(&breaker, false, false);
    let half_open = restored(breaker.snapshot().after(3_600 * SECOND));
    assert_eq!((half_open.state(), half_open.tick()), (State::HalfOpen, breaker.tick()));
}

#[test]
fn another_size_takes_the_latest_over_and_another_kind_begins_empty() {
    let config = || BreakerConfig { minimum_calls: 10, ..config() };
    let (builder, _) = builder(config());
    let breaker = builder.clone().build().unwrap();
    for (bad, slow) in [(true, true), (false, true), (true, false), (false, false), (false, false)]
    {
        call(&breaker, bad, slow);
    }
    let snapshot = breaker.snapshot();
    let counts = |total, bad, slow| Counts { total, bad, slow };
    for (window, expected) in [
        (Window::Calls(1_000), counts(5, 2, 2)),
        (Window::Calls(4), counts(4, 1, 1)),
        (Window::WeightedCalls(3), counts(3, 1, 0)),
        (time(10, 10), counts(0, 0, 0)),
    ] {
        let other = builder.clone().window(window).minimum_calls(3);
        let mut again = other.restore(snapshot.clone()).build().unwrap();
        assert_eq!(again.status().counts, expected, "{window:?}");
        for _ in 0..2 {
            assert_eq!((again.status().succeeded, again.status().failed), (0, 0), "{window:?}");
            // The same by way of a breaker that had the first window.
            again = builder.clone().restore(snapshot.clone()).build().unwrap();
            let config = BreakerConfig { window, minimum_calls: 3, ..config() };
            again.reconfigure(config).unwrap();
            assert_eq!(again.status().counts, expected, "{window:?}");
        }
    }
    let quick = BreakerConfig { slow_calls: None, ..config() };
    let again = builder.clone().config(quick).restore(snapshot.clone()).build().unwrap();
    assert_eq!(again.status().counts, counts(5, 2, 0));
    assert_eq!(again.status().consecutive_failures, 0);
}

#[test]
fn a_window_of_time_takes_over_the_buckets_of_another() {
    let (builder, manual) = builder(BreakerConfig { window: time(10, 10), ..config() });
    let breaker = builder.clone().build().unwrap();
    call(&breaker, true, true);
    manual.advance(6 * SECOND);
    call(&breaker, false, true);
    call(&breaker, false, false);
    let snapshot = breaker.snapshot();
    let total = |window, clock: Option<Clock>| {
        let mut builder = builder.clone().window(window).restore(snapshot.clone());
        if let Some(clock) = clock {
            builder = builder.clock(clock);
        }
        builder.build().unwrap().status().counts
    };
    assert_eq!(total(time(100, 5), None), Counts { total: 3, bad: 1, slow: 2 });
    assert_eq!(total(time(4, 4), None), Counts { total: 2, bad: 0, slow: 1 });
    assert_eq!(total(Window::Calls(10), None), Counts::default());
    // A clock that has only just begun.
    assert_eq!(total(time(10, 10), Some(Clock::manual().0)).total, 3);
}

#[test]
fn a_configuration_that_changes_the_state_keeps_no_calls_of_the_old_one() {
    let ramping = BreakerConfig { ramp: Some(Ramp::default()), ..config() };
    let (builder, manual) = builder(ramping);
    let breaker = builder.clone().build().unwrap();
    (0..4).for_each(|_| call(&breaker, true, false));
    manual.advance(30 * SECOND);
    (0..2).for_each(|_| call(&breaker, false, false));
    call(&breaker, true, false);
    assert_eq!((breaker.state(), breaker.status().counts.total), (State::Ramping, 1));
    let again = builder.config(config()).restore(breaker.snapshot()).build().unwrap();
    let status = again.status();
    assert_eq!((status.state, status.counts.total), (State::Closed, 0));
    assert_eq!((status.generation, status.consecutive_failures), (4, 0));
}

#[test]
fn what_failing_answers_asked_for_is_kept() {
    let asking = BreakerConfig { retry_after: Some(600 * SECOND), ..config() };
    let (builder, manual) = builder(asking);
    let breaker = builder.clone().build().unwrap();
    let outcome = Outcome { retry_after: Some(300 * SECOND), ..Outcome::FAILURE };
    breaker.acquire().unwrap().record(outcome);
    manual.advance(10 * SECOND);
    let again = builder.restore(breaker.snapshot().after(20 * SECOND)).build().unwrap();
    (0..3).for_each(|_| call(&again, true, false));
    assert_eq!(again.acquire().unwrap_err().retry_after, Some(270 * SECOND));
}

#[test]
fn what_no_breaker_kept_is_refused_by_name() {
    let (builder, _) = builder(config());
    let good = builder.clone().build().unwrap().snapshot();
    let calls = |runs: &[(u32, u16)]| {
        Kept::Calls(
            runs.iter().map(|(calls, weight)| Alike(*calls, *weight, Answer::Bad)).collect(),
        )
    };
    let bucket = |sum| Bucket { ago: SECOND, good: 0, bad: 0, slow: 0, bad_and_slow: sum };
    let most = (1 << 45) - 1;
    for (window, error) in [
        (calls(&[(0, 1)]), "snapshot.window.calls is 0, allowed: 1 to 16777216"),
        (calls(&[(1, 0)]), "snapshot.window.weight is 0, allowed: at least 1"),
        (calls(&[(9, 1), ((1 << 24) - 8, 1)]), "snapshot.window.calls is 16777208, allowed: 1 to"),
        (Kept::Time(vec![bucket(1); 4097]), "snapshot.window.buckets is 4097, allowed: 0 to 4096"),
        (Kept::Time(vec![bucket(most + 1)]), "snapshot.window.bad_and_slow is 35184372088832"),
    ] {
        let snapshot = BreakerSnapshot { window, ..good.clone() };
        let found = builder.clone().restore(snapshot).build().unwrap_err().to_string();
        assert!(found.starts_with(error), "{found}");
    }
    let refused = |snapshot| builder.clone().restore(snapshot).build().unwrap_err();
    let run = BreakerSnapshot { consecutive_failures: (1 << 24) + 1, ..good.clone() };
    assert_eq!(refused(run).field(), "snapshot.consecutive_failures");
    let cancellations = BreakerSnapshot { cancellations: Some(calls(&[(0, 1)])), ..good.clone() };
    assert_eq!(refused(cancellations).field(), "snapshot.cancellations.calls");
    let wrong = builder.clone().trials(0).restore(good.clone());
    assert_eq!(wrong.build().unwrap_err().field(), "trials");

    // The most of everything goes on and does not panic.
    for window in [Kept::Time(vec![bucket(most); 4096]), calls(&[(999_999, u16::MAX)])] {
        let most = BreakerSnapshot {
            window,
            consecutive_failures: 1 << 24,
            asked: Duration::MAX,
            ..good.clone()
        };
        for to in [Window::Calls(5), Window::WeightedCalls(5), time(10, 10)] {
            let builder = builder.clone().window(to).minimum_calls(1);
            let breaker = builder.restore(most.clone().after(Duration::MAX)).build().unwrap();
            call(&breaker, true, true);
            assert_eq!((breaker.state(), breaker.status().failed), (State::Open, 1));
        }
    }
}

#[cfg(feature = "serde")]
mod stored {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    fn golden() -> Value {
        serde_json::from_str(include_str!("v1.json")).unwrap()
    }

    /// One of each form.
    fn breakers() -> [(&'static str, BreakerBuilder, BreakerSnapshot); 2] {
        let counting = BreakerConfig {
            cancelled: Cancelled::FailureFrom(percent(50)),
            retry_after: Some(600 * SECOND),
            ..config()
        };
        let (calls, _) = builder(counting);
        let breaker = calls.clone().build().unwrap();
        (0..3).for_each(|_| call(&breaker, false, false));
        call(&breaker, false, true);
        drop(breaker.acquire().unwrap());
        let asking = Outcome { retry_after: Some(90 * SECOND), ..Outcome::FAILURE };
        breaker.acquire().unwrap().record(asking);
        let calls = ("calls", calls, breaker.snapshot());

        let (timed, manual) = builder(BreakerConfig { window: time(10, 10), ..config() });
        let breaker = timed.clone().build().unwrap();
        breaker.force_closed();
        call(&breaker, true, false);
        manual.advance(1_500 * Duration::from_millis(1));
        let heavy = Outcome { weight: Weight::new(50), ..Outcome::SUCCESS };
        breaker.acquire().unwrap().record_after(heavy, SECOND);
        call(&breaker, true, true);
        [calls, ("time", timed, breaker.snapshot())]
    }

    #[test]
    fn version_1_is_read_and_written_as_ever() {
        for (name, builder, snapshot) in breakers() {
            let stored = &golden()[name];
            assert_eq!(&to_value(&snapshot).unwrap(), stored, "{name}");
            let read: BreakerSnapshot = from_value(stored.clone()).unwrap();
            assert_eq!(read, snapshot);
            assert_eq!(builder.restore(read).build().unwrap().snapshot(), snapshot);
        }
    }

    #[test]
    fn another_form_is_refused() {
        for (path, value, error) in [
            ("/calls/version", json!(2), "snapshot has version 2, this build reads version 1"),
            ("/calls/machine/version", json!(0), "snapshot has version 0"),
            ("/calls/more", json!(1), "unknown field `more`"),
            ("/calls/machine/more", json!(1), "unknown field `more`"),
            ("/calls/machine/state", json!("ajar"), "unknown variant `ajar`"),
            ("/calls/window", json!({ "bits": [] }), "unknown variant `bits`"),
            ("/calls/window/calls/0", json!([1, 1]), "invalid length 2"),
            ("/calls/window/calls/0/0", json!(-1), "invalid value"),
            ("/calls/window/calls/0/2", json!("fine"), "unknown variant `fine`"),
            ("/time/window/time/0/ago", json!(5), "a duration"),
            ("/time/window/time/0/fine", json!(5), "unknown field `fine`"),
            ("/calls/consecutive_failures", json!(1_u64 << 32), "invalid value"),
        ] {
            let mut stored = golden();
            let (parent, field) = path.rsplit_once('/').unwrap();
            match stored.pointer_mut(parent).unwrap() {
                Value::Array(items) => items[field.parse::<usize>().unwrap()] = value,
                parent => parent[field] = value,
            }
            let form = path.split('/').nth(1).unwrap();
            let found = from_value::<BreakerSnapshot>(stored[form].clone()).unwrap_err();
            assert!(found.to_string().contains(error), "{path}: {found}");
        }
        let missing = from_value::<BreakerSnapshot>(json!({})).unwrap_err();
        assert!(missing.to_string().contains("missing field"), "{missing}");
        let mut stage = golden()["calls"].clone();
        stage["machine"]["state"] = json!({ "ramping": { "left": "1s", "stage": 32 } });
        let stage = builder(config()).0.restore(from_value(stage).unwrap()).build().unwrap_err();
        assert_eq!(stage.to_string(), "snapshot.stage is 32, allowed: 0 to 31");
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Call { class: u8, slow: bool, weight: u16 },
    Advance(u32),
    Tick,
    ByHand(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..8_u8, any::<bool>(), 1..4_u16)
            .prop_map(|(class, slow, weight)| Step::Call { class, slow, weight }),
        3 => (0..12_000_u32).prop_map(Step::Advance),
        1 => Just(Step::Tick),
        1 => (0..30_u8).prop_map(Step::ByHand),
    ];
    proptest::collection::vec(step, 0..60)
}

fn configs() -> impl Strategy<Value = BreakerConfig> {
    let window = prop_oneof![
        (4..40_u32).prop_map(Window::Calls),
        (4..40_u32).prop_map(Window::WeightedCalls),
        (1..20_u64, 1..12_u32).prop_map(|(span, buckets)| time(span, buckets)),
    ];
    let cancelled = prop_oneof![
        Just(Cancelled::Neutral),
        Just(Cancelled::Failure),
        Just(Cancelled::FailureFrom(percent(40))),
    ];
    let some = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (window, cancelled, some, 20..100_u32, 1..5_u32).prop_map(
        |(window, cancelled, (slow, run, backoff, evidence), rate, minimum)| BreakerConfig {
            window,
            cancelled,
            failure_rate: Some(percent(rate)),
            minimum_calls: minimum,
            slow_calls: slow.then_some(SlowCalls {
                longer_than: SECOND,
                rate: percent(70),
                in_flight: false,
            }),
            consecutive_failures: run.then_some(3),
            open_for: 5 * SECOND,
            open_backoff: backoff
                .then_some(OpenBackoff { jitter: Jitter::None, ..OpenBackoff::default() }),
            retry_after: Some(20 * SECOND),
            evidence: evidence.then(|| percent(95)),
            trials: minimum,
            trial_limit: 8 * SECOND,
            ..BreakerConfig::default()
        },
    )
}

/// Does the step, and says what the caller saw.
fn take(breaker: &Breaker, step: Step) -> Option<(bool, Option<Duration>)> {
    match step {
        Step::Call { class, slow, weight } => match breaker.acquire() {
            Err(rejected) => return Some((true, rejected.retry_after)),
            Ok(permit) => {
                let outcome = match class {
                    0..=2 => Outcome::SUCCESS,
                    3 => Outcome { retry_after: Some(9 * SECOND), ..Outcome::FAILURE },
                    4 | 5 => Outcome::FAILURE,
                    6 => Outcome::SOFT_FAILURE,
                    _ => Outcome::CANCELLED,
                };
                let outcome = Outcome { weight: Weight::new(weight), ..outcome };
                permit.record_after(outcome, if slow { SECOND } else { Duration::ZERO });
            }
        },
        Step::Tick => {
            breaker.tick();
        }
        Step::ByHand(0) => breaker.force_open(),
        Step::ByHand(1) => breaker.force_closed(),
        Step::ByHand(2) => breaker.open_for(3 * SECOND),
        Step::ByHand(3) => breaker.disable(),
        Step::ByHand(4..=9) => breaker.reset(),
        Step::ByHand(_) | Step::Advance(_) => {}
    }
    None
}

proptest! {
    #[test]
    fn restored_it_behaves_as_the_one_that_was_kept(
        config in configs(),
        before in steps(),
        after in steps(),
    ) {
        let (builder, manual) = builder(config);
        let first = builder.clone().build().unwrap();
        let advance = |step| if let Step::Advance(millis) = step {
            manual.advance(Duration::from_millis(millis.into()));
        };
        for step in before {
            advance(step);
            take(&first, step);
        }
        let snapshot = first.snapshot();
        #[cfg(feature = "serde")]
        let snapshot: BreakerSnapshot =
            serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
        let second = builder.restore(snapshot).build().unwrap();
        let start = first.status();
        for step in after {
            prop_assert_eq!(kept(&second), kept(&first));
            advance(step);
            prop_assert_eq!(take(&second, step), take(&first, step), "{:?}", step);
        }
        prop_assert_eq!(kept(&second), kept(&first));
        let (first, second) = (first.status(), second.status());
        prop_assert_eq!(second.succeeded, first.succeeded - start.succeeded);
        prop_assert_eq!(second.failed, first.failed - start.failed);
        prop_assert_eq!(second.cancelled, first.cancelled - start.cancelled);
        prop_assert_eq!(second.opened, first.opened - start.opened);
    }
}

#[test]
fn a_recording_is_replayed_by_the_restored_machine() {
    use core::num::NonZeroUsize;

    let (builder, manual) = builder(config());
    let breaker = builder.clone().build().unwrap();
    (0..4).for_each(|_| call(&breaker, true, false));
    let (snapshot, at) = (breaker.snapshot(), breaker.status().since);
    let again = builder.record(NonZeroUsize::MIN.saturating_add(99)).restore(snapshot.clone());
    let again = again.build().unwrap();
    manual.advance(30 * SECOND);
    (0..3).for_each(|_| call(&again, false, false));
    let mut machine = Machine::restore(config(), snapshot.machine(), at).unwrap();
    let recording = again.take_recording().unwrap();
    let changes = crate::machine::replay(&mut machine, &recording).unwrap();
    let states: Vec<_> = changes.iter().map(|change| change.to).collect();
    assert_eq!(states, [State::HalfOpen, State::Closed]);
}
