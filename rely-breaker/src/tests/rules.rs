//! What opens a breaker and what keeps it open, rule by rule and together.

use super::*;

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
    let config = BreakerConfig { window: Window::Calls(100), minimum_calls: 100, ..small() };
    let (breaker, _) = breaker(config);
    succeed(&breaker, 100_000);
    fail(&breaker, 49);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
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

const SLOW: Duration = Duration::from_millis(500);
const FAST: Duration = SLOW.saturating_sub(Duration::from_nanos(1));

fn slow_at(rate: u32) -> Option<SlowCalls> {
    Some(SlowCalls { longer_than: SLOW, rate: percent(rate), in_flight: false })
}

fn slow_only() -> BreakerConfig {
    BreakerConfig { failure_rate: None, slow_calls: slow_at(50), ..small() }
}

fn runs_only(limit: u32) -> BreakerConfig {
    BreakerConfig { failure_rate: None, consecutive_failures: Some(limit), ..small() }
}

/// A letter for each call: `s`uccess, `f`ailure, `t` soft failure, large if slow; `-` is a call that
/// ends without evidence.
fn outcome(letter: char) -> (Outcome, Duration) {
    let outcome = match letter.to_ascii_lowercase() {
        's' => Outcome::SUCCESS,
        'f' => Outcome::FAILURE,
        't' => Outcome::SOFT_FAILURE,
        '-' => Outcome::CANCELLED,
        other => panic!("no such call: {other}"),
    };
    (outcome, if letter.is_ascii_uppercase() { SLOW } else { FAST })
}

fn play(breaker: &Breaker, calls: &str) {
    for letter in calls.chars() {
        let (outcome, latency) = outcome(letter);
        breaker.acquire().unwrap().record_after(outcome, latency);
    }
}

/// Plays calls against a closed breaker; the reason if the last of them trips it.
fn trip(config: &BreakerConfig, calls: &str) -> Option<TripReason> {
    let (breaker, _) = breaker(config.clone());
    let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    play(&breaker, calls);
    match changes.try_next() {
        None => None,
        Some(Delivery::Event(change)) => match change.reason {
            ChangeReason::Tripped(reason) => Some(reason),
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_slow_rate_met_exactly_trips_and_just_missed_does_not() {
    let reason = |slow, total| {
        let threshold = percent(50);
        Some(TripReason::SlowCallRate { slow, total, in_flight: 0, threshold, longer_than: SLOW })
    };
    for (calls, expected) in [
        ("SSS", None),
        ("SsssSsss", None),
        ("SSss", reason(2, 4)),
        ("ssSS", reason(2, 4)),
        // Good and bad calls count alike, and how many are bad does not matter.
        ("SFTs", reason(3, 4)),
        ("ffftttffffff", None),
        // The first call has left the window of ten: 4 of 10, then 5 of 10.
        ("ssssssSSSsS", None),
        ("ssssssSSSsSS", reason(5, 10)),
        // Only what ends with evidence counts.
        ("---SSs---", None),
    ] {
        assert_eq!(trip(&slow_only(), calls), expected, "{calls}");
    }
}

#[test]
fn every_failure_of_a_run_counts_from_the_first_call_on() {
    let reason = |count| Some(TripReason::ConsecutiveFailures { count });
    for (calls, expected) in [
        ("ff", None),
        ("fff", reason(3)),
        ("ffsff", None),
        ("ffsfff", reason(3)),
        // Soft failures and calls without evidence neither lengthen nor end it.
        ("tttttttttttt", None),
        ("fftt--", None),
        ("fftt--f", reason(3)),
        ("tttffst-tff", None),
    ] {
        assert_eq!(trip(&runs_only(3), calls), expected, "{calls}");
    }
    assert_eq!(trip(&runs_only(1), "f"), reason(1));
    // However slow it is, a success ends the run.
    assert_eq!(trip(&BreakerConfig { slow_calls: slow_at(100), ..runs_only(3) }, "ffSff"), None);
    // A run may be longer than the window.
    let config = BreakerConfig { window: Window::Calls(1), minimum_calls: 1, ..runs_only(5) };
    assert_eq!((trip(&config, "ffff"), trip(&config, "fffff")), (None, reason(5)));
}

#[test]
fn any_rule_trips_and_says_so_and_the_first_of_the_table_goes_first() {
    let config = BreakerConfig {
        slow_calls: slow_at(75),
        consecutive_failures: Some(4),
        minimum_calls: 6,
        ..small()
    };
    let threshold = percent(50);
    for (calls, expected) in [
        ("sfsfs", None),
        ("sfsfsf", Some(TripReason::FailureRate { bad: 3, total: 6, threshold })),
        ("ffff", Some(TripReason::ConsecutiveFailures { count: 4 })),
        ("SSSSs", None),
        ("SSSSss", None),
        (
            "SSSSSs",
            Some(TripReason::SlowCallRate {
                slow: 5,
                total: 6,
                in_flight: 0,
                threshold: percent(75),
                longer_than: SLOW,
            }),
        ),
        // All three at once.
        ("SSFFFF", Some(TripReason::FailureRate { bad: 4, total: 6, threshold })),
    ] {
        assert_eq!(trip(&config, calls), expected, "{calls}");
    }
    // Two at once: slow calls go before a run.
    let config = BreakerConfig { failure_rate: None, ..config };
    let reason = trip(&config, "SSFFFF").unwrap();
    assert!(matches!(reason, TripReason::SlowCallRate { slow: 6, total: 6, .. }), "{reason:?}");
    // A rule that is off trips nothing.
    assert_eq!(trip(&slow_only(), "ffffffffffff"), None);
    assert_eq!(trip(&small(), "SSSSSSSSSSSS"), None);
    assert_eq!(trip(&runs_only(3), "FFSFFSFFSFFS"), None);
}

/// Of four trials each.
#[test]
fn every_rule_judges_trials_as_early_as_the_arithmetic_allows() {
    let all = BreakerConfig {
        slow_calls: slow_at(75),
        consecutive_failures: Some(2),
        failure_rate: Some(percent(75)),
        ..small()
    };
    use State::{Closed, HalfOpen, Open};
    for (config, trials, state) in [
        // Slow calls at half: two fail, three fast ones pass.
        (slow_only(), "S", HalfOpen),
        (slow_only(), "SS", Open),
        (slow_only(), "SF", Open),
        (slow_only(), "Sss", HalfOpen),
        (slow_only(), "Ssss", Closed),
        (slow_only(), "SssS", Open),
        (slow_only(), "ss", HalfOpen),
        (slow_only(), "sff", Closed),
        // A run of three.
        (runs_only(3), "ff", HalfOpen),
        (runs_only(3), "fff", Open),
        (runs_only(3), "ffs", Closed),
        (runs_only(3), "s", HalfOpen),
        (runs_only(3), "ss", Closed),
        (runs_only(3), "sf", HalfOpen),
        (runs_only(3), "sfff", Open),
        // Here soft failures lengthen it, and calls without evidence still do not end it.
        (runs_only(3), "tft", Open),
        (runs_only(3), "f-f-f", Open),
        // A run longer than all trials: all of them, and not one less.
        (runs_only(9), "fff", HalfOpen),
        (runs_only(9), "ffff", Open),
        (runs_only(9), "s", Closed),
        (runs_only(9), "fffs", Closed),
        // All rules together: each alone fails them, and all have to pass them.
        (all.clone(), "ff", Open),
        (all.clone(), "SSS", Open),
        (all.clone(), "fsf", HalfOpen),
        (all.clone(), "fsff", Open),
        (all.clone(), "sSS", HalfOpen),
        (all.clone(), "sSSs", Closed),
        (all.clone(), "sSs", Closed),
        (all, "sfs", Closed),
    ] {
        let (breaker, manual) = breaker(config);
        for _ in 0..9 {
            if breaker.state() == State::Closed {
                play(&breaker, "F");
            }
        }
        manual.advance(30 * SECOND);
        play(&breaker, trials);
        assert_eq!(breaker.state(), state, "{trials} by {:?}", breaker.config());
    }
}

#[test]
fn a_slow_trial_does_not_close_what_slow_calls_opened() {
    let (breaker, manual) = breaker(BreakerConfig { trials: 1, ..slow_only() });
    play(&breaker, "SSSS");
    manual.advance(30 * SECOND);
    let mut changes = breaker.subscribe(NonZeroUsize::new(8).unwrap());
    play(&breaker, "S");
    manual.advance(30 * SECOND);
    play(&breaker, "s");
    let mut reasons = Vec::new();
    while let Some(Delivery::Event(change)) = changes.try_next() {
        reasons.push(change.reason.to_string());
    }
    assert_eq!(reasons[1], "0 of 1 trial calls went badly, 1 took too long");
    assert_eq!(reasons[3], "1 of 1 trial calls went well");
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn the_clock_says_how_long_a_call_took() {
    for (wait, slow) in [(FAST, 0), (SLOW, 1)] {
        let (breaker, manual) = breaker(slow_only());
        type End = fn(OwnedPermit);
        let ends: [End; 4] = [
            OwnedPermit::success,
            OwnedPermit::failure,
            |permit| permit.record(Outcome::SOFT_FAILURE),
            |permit| {
                let panics = std::panic::AssertUnwindSafe(|| {
                    let _permit = permit;
                    panic!("oh");
                });
                assert!(std::panic::catch_unwind(panics).is_err());
            },
        ];
        for end in ends {
            breaker.reset();
            manual.advance(3600 * SECOND);
            let permit = breaker.acquire_owned().unwrap();
            manual.advance(wait);
            end(permit);
            let counts = breaker.status().counts;
            assert_eq!((counts.total, counts.slow), (1, slow));
        }
        // What the caller says goes before the clock, and nothing is asked of a call without evidence.
        breaker.reset();
        let (told, dropped) = (breaker.acquire_owned().unwrap(), breaker.acquire_owned().unwrap());
        manual.advance(2 * SLOW);
        told.record_after(Outcome::SUCCESS, wait);
        dropped.record_after(Outcome::CANCELLED, wait);
        let counts = breaker.status().counts;
        assert_eq!((counts.total, counts.slow), (1, slow));
    }
}

#[test]
fn a_call_through_the_handle_is_timed_from_its_first_poll() {
    let (breaker, manual) = breaker(slow_only());
    for (wait, slow) in [(FAST, 0), (SLOW, 1)] {
        breaker.reset();
        let (send, receive) = futures::channel::oneshot::channel::<()>();
        let mut call = Box::pin(breaker.call(receive));
        manual.advance(2 * SLOW);
        let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
        assert!(core::future::Future::poll(call.as_mut(), &mut cx).is_pending());
        manual.advance(wait);
        send.send(()).unwrap();
        assert!(core::future::Future::poll(call.as_mut(), &mut cx).is_ready());
        let counts = breaker.status().counts;
        assert_eq!((counts.total, counts.slow), (1, slow));
    }
}

#[test]
fn a_trial_is_timed_too_and_a_clock_that_goes_back_makes_nothing_slow() {
    let (breaker, manual) = breaker(BreakerConfig { trials: 1, ..slow_only() });
    play(&breaker, "SSSS");
    manual.advance(30 * SECOND);
    let trial = breaker.acquire().unwrap();
    manual.advance(SLOW);
    trial.success();
    assert_eq!(breaker.state(), State::Open);
    manual.advance(30 * SECOND);
    let trial = breaker.acquire().unwrap();
    manual.set(Instant::ORIGIN);
    trial.success();
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_late_outcome_neither_lengthens_a_run_nor_ends_it() {
    let (breaker, _) = breaker(runs_only(3));
    let early: Vec<_> = (0..4).map(|_| breaker.acquire().unwrap()).collect();
    breaker.reset();
    play(&breaker, "ff");
    let mut early = early.into_iter();
    early.by_ref().take(2).for_each(Permit::failure);
    assert_eq!((breaker.state(), breaker.status().consecutive_failures), (State::Closed, 2));
    early.for_each(Permit::success);
    assert_eq!((breaker.status().consecutive_failures, breaker.status().late), (2, 4));
    play(&breaker, "f");
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_run_starts_afresh_with_every_change_of_state() {
    let (breaker, manual) = breaker(runs_only(3));
    play(&breaker, "ff");
    breaker.reset();
    play(&breaker, "ff");
    assert_eq!((breaker.state(), breaker.status().consecutive_failures), (State::Closed, 2));
    play(&breaker, "f");
    assert_eq!((breaker.state(), breaker.status().consecutive_failures), (State::Open, 0));
    manual.advance(30 * SECOND);
    play(&breaker, "ffss");
    assert_eq!((breaker.state(), breaker.status().consecutive_failures), (State::Closed, 0));
    play(&breaker, "ff");
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn reasons_read_as_sentences() {
    let slow = trip(&slow_only(), "SSss").unwrap();
    let text = "2 of the last 4 calls took 500ms or longer, the limit is 50 %";
    assert_eq!(slow.to_string(), text);
    assert_eq!(trip(&runs_only(3), "fff").unwrap().to_string(), "3 calls in a row failed");
    assert_eq!(trip(&runs_only(1), "f").unwrap().to_string(), "a call failed");
}
