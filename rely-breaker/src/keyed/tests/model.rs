use core::time::Duration;
use std::collections::HashMap;

use proptest::prelude::*;
use rely_core::Clock;

use super::{GONE, IDLE, OPEN, quick};
use crate::keyed::Breakers;
use crate::{BreakerConfig, OwnedPermit, State};

#[derive(Clone, Debug)]
enum Op {
    Fail(u8),
    Succeed(u8),
    Hold(u8),
    Release,
    Advance(u64),
    Sweep,
}

/// What a naive reading of the rules says about one key.
#[derive(Default)]
struct Known {
    asked: u64,
    open_until: Option<u64>,
    held: usize,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0_u8..4).prop_map(Op::Fail),
        (0_u8..4).prop_map(Op::Succeed),
        (0_u8..4).prop_map(Op::Hold),
        Just(Op::Release),
        (0_u64..2 * IDLE.as_secs()).prop_map(Op::Advance),
        Just(Op::Sweep),
    ]
}

proptest! {
    #[test]
    fn no_breaker_goes_too_early_and_none_stays_too_long(ops in prop::collection::vec(op(), 0..60)) {
        let (clock, manual) = Clock::manual();
        let (failure_rate, consecutive_failures) = (None, Some(1));
        let config = BreakerConfig { failure_rate, consecutive_failures, ..quick() };
        let keys = Breakers::<u8>::builder("keys").config(config).idle(IDLE).clock(clock);
        let keys = keys.build().unwrap();
        let mut known: HashMap<u8, Known> = HashMap::new();
        let mut held: Vec<(u8, OwnedPermit)> = Vec::new();
        let mut now = 0;
        for op in ops {
            match op {
                Op::Fail(key) | Op::Succeed(key) | Op::Hold(key) => {
                    let knows = known.entry(key).or_default();
                    knows.asked = now;
                    // A trial that fails opens again, one that succeeds closes.
                    let open = knows.open_until.is_some_and(|until| now < until);
                    let permit = keys.acquire(&key);
                    prop_assert_eq!(permit.is_err(), open, "{:?} at {}", op, now);
                    match (op, permit) {
                        (_, Err(_)) => {}
                        (Op::Fail(_), Ok(permit)) => {
                            permit.failure();
                            knows.open_until = Some(now + OPEN.as_secs());
                        }
                        (Op::Succeed(_), Ok(permit)) => {
                            permit.success();
                            knows.open_until = None;
                        }
                        (_, Ok(permit)) if open || knows.open_until.is_some() => drop(permit),
                        (_, Ok(permit)) => {
                            knows.held += 1;
                            held.push((key, permit));
                        }
                    }
                    let breaker = keys.peek(&key).unwrap();
                    if breaker.state() == State::HalfOpen {
                        breaker.reset();
                    }
                    if breaker.state() == State::Closed {
                        knows.open_until = None;
                    }
                }
                Op::Release => {
                    if let Some((key, permit)) = held.pop() {
                        drop(permit);
                        known.entry(key).or_default().held -= 1;
                    }
                }
                Op::Advance(seconds) => {
                    now += seconds;
                    manual.advance(Duration::from_secs(seconds));
                }
                Op::Sweep => {
                    keys.sweep();
                    let there: HashMap<_, _> = keys.snapshot().into_iter().collect();
                    known.retain(|key, knows| {
                        let since_end = knows.open_until.map_or(u64::MAX, |until| now.saturating_sub(until));
                        let since_asked = now - knows.asked;
                        let in_use = knows.held > 0;
                        let idle = IDLE.as_secs();
                        if in_use || since_asked < idle || since_end < idle {
                            assert!(there.contains_key(key), "{key} went too early");
                        } else if since_asked >= GONE.as_secs() {
                            assert!(!there.contains_key(key), "{key} stayed too long");
                        }
                        there.contains_key(key)
                    });
                    for (key, breaker) in there {
                        let open = known[&key].open_until.is_some();
                        prop_assert_eq!(breaker.state() == State::Open, open);
                    }
                }
            }
        }
    }
}
