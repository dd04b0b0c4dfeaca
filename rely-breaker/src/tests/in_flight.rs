//! Calls that hang.

use super::*;
use crate::Ramp;

fn watching(more: BreakerConfig) -> (Breaker, ManualClock) {
    let slow_calls =
        Some(SlowCalls { longer_than: 8 * SECOND, rate: percent(50), in_flight: true });
    let (breaker, manual) = breaker(BreakerConfig {
        slow_calls,
        failure_rate: None,
        minimum_calls: 50,
        window: Window::Calls(100),
        ..more
    });
    manual.advance(100 * SECOND);
    (breaker, manual)
}

fn begin(breaker: &Breaker, calls: usize) -> Vec<crate::OwnedPermit> {
    (0..calls).map(|_| breaker.acquire_owned().unwrap()).collect()
}

#[test]
fn calls_that_end_after_all_too_long_a_time_hide_no_others() {
    let (breaker, manual) = watching(small());
    // They hang until they count no more, and end together.
    let old = begin(&breaker, 20);
    manual.advance(32 * SECOND);
    let _hanging = begin(&breaker, 40);
    manual.advance(33 * SECOND);
    breaker.acquire().unwrap().success();
    for permit in old {
        permit.record_after(Outcome::SUCCESS, SECOND);
    }
    manual.advance(SECOND);
    assert!(breaker.acquire().is_err(), "forty hang");
}

#[test]
fn a_driver_looks_at_calls_that_hang_while_a_ramp_goes_on() {
    let ramp = Some(Ramp { stages: vec![percent(99)], stage_for: 60 * SECOND });
    let (breaker, manual) = watching(BreakerConfig { ramp, trials: 1, ..small() });
    breaker.open_for(SECOND);
    manual.advance(SECOND);
    breaker.acquire().unwrap().success();
    assert_eq!(breaker.state(), State::Ramping);
    let _hanging: Vec<_> = (0..60).map(|_| breaker.acquire_owned()).collect();
    for _ in 0..20 {
        let next = breaker.tick().unwrap();
        if next <= Instant::ORIGIN + 111 * SECOND {
            manual.set(next);
        }
    }
    assert_eq!(breaker.state(), State::Open);
}

#[test]
fn a_call_that_begins_anew_had_not_begun_if_nobody_noted_it() {
    let (breaker, manual) = breaker(BreakerConfig { window: Window::WeightedCalls(9), ..small() });
    manual.advance(SECOND);
    let (_, tag, start) = breaker.acquire_owned().unwrap().0.end();
    let slow_calls =
        Some(SlowCalls { longer_than: 8 * SECOND, rate: percent(50), in_flight: true });
    breaker.reconfigure(BreakerConfig { slow_calls, ..small() }).unwrap();
    breaker.shared().begin_anew(tag, start);
    let _hanging = begin(&breaker, 9);
    manual.advance(9 * SECOND);
    assert!(breaker.acquire().is_err(), "nine hang");
}
