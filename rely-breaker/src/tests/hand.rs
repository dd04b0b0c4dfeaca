//! What somebody tells a breaker, and the breaker that only looks on.

use super::*;

const NANO: Duration = Duration::from_nanos(1);

type Command = fn(&Breaker);

/// In every state from which a command may come.
fn in_state(config: BreakerConfig, state: State) -> (Breaker, ManualClock) {
    let (breaker, manual) = breaker(config);
    match state {
        State::Closed => {}
        State::Open => fail(&breaker, 4),
        State::HalfOpen => {
            fail(&breaker, 4);
            manual.advance(30 * SECOND);
            drop(breaker.acquire().unwrap());
        }
        State::Ramping => panic!("needs a ramp"),
        State::ForcedOpen => breaker.force_open(),
        State::ForcedClosed => breaker.force_closed(),
        State::Disabled => breaker.disable(),
    }
    assert_eq!(breaker.state(), state);
    (breaker, manual)
}

const STATES: [State; 6] = [
    State::Closed,
    State::Open,
    State::HalfOpen,
    State::ForcedOpen,
    State::ForcedClosed,
    State::Disabled,
];

#[test]
fn each_command_is_obeyed_in_each_state_and_says_so() {
    let commands: [(Command, State, ChangeReason); 5] = [
        (Breaker::force_open, State::ForcedOpen, ChangeReason::ByHand),
        (Breaker::force_closed, State::ForcedClosed, ChangeReason::ByHand),
        (Breaker::disable, State::Disabled, ChangeReason::ByHand),
        (|breaker| breaker.open_for(7 * SECOND), State::Open, ChangeReason::ByHand),
        (Breaker::reset, State::Closed, ChangeReason::Reset),
    ];
    for from in STATES {
        for (command, to, reason) in commands {
            let (breaker, manual) = in_state(small(), from);
            let before = breaker.status();
            let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
            let call = breaker.acquire();
            manual.advance(SECOND);
            command(&breaker);
            let status = breaker.status();
            assert_eq!((status.state, breaker.state()), (to, to), "{from} {to}");
            if from == to && !matches!(to, State::Open | State::Closed) {
                assert_eq!(changes.try_next(), None, "{from} {to}");
                assert_eq!((status.since, status.generation), (before.since, before.generation));
                continue;
            }
            let Some(Delivery::Event(change)) = changes.try_next() else { panic!("{from} {to}") };
            let expected = (from, to, reason, before.generation + 1);
            assert_eq!((change.from, change.to, change.reason, change.generation), expected);
            assert_eq!(status.generation, before.generation + 1);
            assert_eq!(status.opened, before.opened, "a hand is no trip");
            let now = change.at;
            assert_eq!(status.until, (to == State::Open).then_some(now + 7 * SECOND));
            // What began before counts for nothing: late, or not at all where nothing is counted.
            if let Ok(call) = call {
                call.failure();
                let status = breaker.status();
                assert_eq!(status.late, u64::from(from != State::Disabled), "{from} {to}");
                assert_eq!((status.state, status.counts.total), (to, 0), "{from} {to}");
            }
        }
    }
}

#[test]
fn forced_open_rejects_however_much_time_goes_by() {
    let (breaker, manual) = breaker(small());
    breaker.force_open();
    for _ in 0..3 {
        assert!(breaker.would_reject());
        let rejected = breaker.acquire().unwrap_err();
        let expected = (State::ForcedOpen, RejectedReason::ForcedOpen, None);
        assert_eq!((rejected.state, rejected.reason, rejected.retry_after), expected);
        assert_eq!(rejected.to_string(), "circuit breaker queue is forced open");
        manual.advance(3600 * SECOND);
    }
    manual.set(Instant::ORIGIN);
    assert!(breaker.acquire().is_err(), "a clock that goes back does not end it");
    assert_eq!((breaker.status().until, breaker.status().rejected), (None, 4));
    breaker.reset();
    succeed(&breaker, 1);
}

#[test]
fn forced_closed_counts_and_trips_by_no_rule() {
    let slow_calls = Some(SlowCalls { longer_than: SECOND, rate: percent(50), in_flight: false });
    let (breaker, _) =
        breaker(BreakerConfig { slow_calls, consecutive_failures: Some(3), ..small() });
    breaker.force_closed();
    for _ in 0..9 {
        assert!(!breaker.would_reject());
        breaker.acquire().unwrap().record_after(Outcome::FAILURE, SECOND);
    }
    let status = breaker.status();
    assert_eq!((status.counts.total, status.counts.bad, status.counts.slow), (9, 9, 9));
    assert_eq!((status.state, status.consecutive_failures), (State::ForcedClosed, 9));
    // Back under the rules, none of that counts.
    breaker.reset();
    assert_eq!(breaker.status().counts.total, 0);
    fail(&breaker, 2);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn disabled_lets_everything_through_and_counts_nothing() {
    let config = BreakerConfig { cancelled: Cancelled::Failure, ..small() };
    let (breaker, _) = breaker(config);
    breaker.disable();
    fail(&breaker, 20);
    succeed(&breaker, 20);
    drop(breaker.acquire().unwrap());
    let straggler = breaker.acquire().unwrap();
    assert!(!straggler.is_trial() && !breaker.would_reject());
    breaker.reset();
    straggler.failure();
    let status = breaker.status();
    assert_eq!((status.counts.total, status.consecutive_failures), (0, 0));
    assert_eq!((status.late, status.cancelled, status.rejected), (0, 0, 0));
}

#[test]
fn opened_by_hand_it_is_half_open_at_the_deadline_exactly() {
    let opened: [fn(&Breaker, Duration); 2] = [
        |breaker, time| breaker.open_for(time),
        |breaker, time| breaker.open_until(Instant::ORIGIN + SECOND + time),
    ];
    // Longer than the configured time, and shorter.
    for (open, time) in opened.into_iter().flat_map(|open| [(open, 90), (open, 5)]) {
        let (breaker, manual) = breaker(BreakerConfig { trials: 1, ..small() });
        manual.advance(SECOND);
        open(&breaker, time * SECOND);
        manual.advance(time * SECOND - NANO);
        let rejected = breaker.acquire().unwrap_err();
        assert_eq!((rejected.reason, rejected.retry_after), (RejectedReason::Open, Some(NANO)));
        manual.advance(NANO);
        assert!(!breaker.would_reject());
        breaker.acquire().unwrap().failure();
        // From there on all is as after a trip, the configured time included.
        assert_eq!(breaker.status().until, Some(Instant::ORIGIN + (31 + time) * SECOND));
        manual.advance(30 * SECOND);
        succeed(&breaker, 1);
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[test]
fn opened_until_now_or_before_it_is_half_open_at_once() {
    let (breaker, manual) = breaker(small());
    manual.advance(9 * SECOND);
    let commands: [Command; 3] = [
        |breaker| breaker.open_for(Duration::ZERO),
        |breaker| breaker.open_until(Instant::ORIGIN + 9 * SECOND),
        |breaker| breaker.open_until(Instant::ORIGIN),
    ];
    for command in commands {
        command(&breaker);
        assert!(!breaker.would_reject());
        assert!(breaker.acquire().unwrap().is_trial());
        breaker.reset();
    }
    // For ever is possible too, and a clock that goes back ends it like any other.
    breaker.open_for(Duration::MAX);
    manual.advance(Duration::from_secs(1 << 33));
    assert!(breaker.would_reject());
    manual.set(Instant::ORIGIN + 9 * SECOND - NANO);
    assert!(!breaker.would_reject());
}

#[test]
fn levels_say_what_callers_meet() {
    let (breaker, _) = breaker(small());
    let level = || breaker.verdict(Instant::ORIGIN).level;
    breaker.force_open();
    assert_eq!(level(), Level::Unhealthy);
    breaker.force_closed();
    assert_eq!(level(), Level::Healthy);
    breaker.disable();
    assert_eq!(level(), Level::Unknown);
    let reason = breaker.verdict(Instant::ORIGIN).reason.to_string();
    assert_eq!(reason, "circuit breaker queue is disabled");
    let names = ["closed", "open", "half_open", "forced_open", "forced_closed", "disabled"];
    assert_eq!(STATES.map(State::as_str), names);
    breaker.open_for(SECOND);
    assert_eq!(level(), Level::Unhealthy);
}

fn shadow() -> (Breaker, ManualClock) {
    breaker(BreakerConfig { shadow: true, ..small() })
}

#[test]
fn in_shadow_it_goes_through_its_states_and_rejects_nothing() {
    let (breaker, manual) = shadow();
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Open);
    assert!(!breaker.would_reject());
    // These it would not have seen.
    succeed(&breaker, 3);
    fail(&breaker, 2);
    drop(breaker.acquire().unwrap());
    let status = breaker.status();
    assert_eq!((status.would_reject, status.rejected, status.cancelled), (6, 0, 0));
    assert_eq!(status.counts.total, 0);
    let reason = breaker.verdict(Instant::ORIGIN).reason.to_string();
    assert_eq!(reason, "circuit breaker queue is open, in shadow");
    manual.advance(30 * SECOND - NANO);
    assert!(!breaker.acquire().unwrap().is_trial());
    manual.advance(NANO);
    let trials: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    assert!(trials.iter().all(Permit::is_trial));
    // The fifth it would have rejected: its failure decides nothing.
    let fifth = breaker.acquire().unwrap();
    assert!(!fifth.is_trial());
    fifth.failure();
    assert_eq!((breaker.state(), breaker.status().would_reject), (State::HalfOpen, 8));
    trials.into_iter().for_each(Permit::success);
    assert_eq!((breaker.state(), breaker.status().late), (State::Closed, 1));
    succeed(&breaker, 1);
    assert_eq!((breaker.status().would_reject, breaker.status().counts.total), (8, 1));
}

#[test]
fn in_shadow_forced_open_rejects_nothing_either() {
    let (breaker, _) = shadow();
    breaker.force_open();
    assert!(!breaker.would_reject());
    fail(&breaker, 3);
    assert_eq!(breaker.status().would_reject, 3);
    breaker.disable();
    fail(&breaker, 3);
    assert_eq!(breaker.status().would_reject, 3, "disabled it would have rejected nothing");
}
