use core::future::{pending, poll_fn, ready};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rely_core::rng::Rng;
use rely_core::{
    Class, Clock, Instant, Level, ManualClock, Outcome, Ratio, Refusal, RejectedBy, Signal,
};

use super::{
    Priority, Throttle, ThrottleBuilder, ThrottleConfig, ThrottleCounts, ThrottlePermit,
    is_rejected,
};
use crate::{BreakerError, Cancelled, Rejected, RejectedReason, State};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Buckets of a second; shares are worked out anew each 100 ms.
fn builder() -> (ThrottleBuilder, ManualClock) {
    let (clock, manual) = Clock::manual();
    let builder = Throttle::builder("queue").window(10 * SECOND).buckets(10).seed(1);
    (builder.minimum_requests(1).clock(clock), manual)
}

fn throttle() -> (Throttle, ManualClock) {
    let (builder, manual) = builder();
    (builder.build().unwrap(), manual)
}

fn counts(throttle: &Throttle) -> ThrottleCounts {
    throttle.status().of(Priority::Critical).counts
}

fn share(throttle: &Throttle, priority: Priority) -> Ratio {
    throttle.status().of(priority).rejection
}

fn ppm(ppm: u32) -> Ratio {
    Ratio::from_ppm_clamped(ppm)
}

fn end(permit: Result<ThrottlePermit<'_>, Rejected>, outcome: Outcome) {
    if let Ok(permit) = permit {
        permit.record(outcome);
    }
}

/// Fails until the throttle rejects most, and has that take effect.
fn overload(throttle: &Throttle, manual: &ManualClock, priority: Priority) {
    let under_way: Vec<_> = (0..100).map(|_| throttle.acquire(priority).unwrap()).collect();
    under_way.into_iter().for_each(ThrottlePermit::failure);
    manual.advance(100 * MILLI);
    assert_eq!(share(throttle, priority), ppm(900_000));
    end(throttle.acquire(priority), Outcome::IGNORED);
}

#[test]
fn each_class_counts_as_the_table_says() {
    let none = ThrottleCounts::default();
    let (accepted, failed) =
        (ThrottleCounts { accepted: 1, ..none }, ThrottleCounts { failed: 1, ..none });
    let neutral = ThrottleCounts { neutral: 1, ..none };
    for (class, cancelled, expected) in [
        (Class::Success, Cancelled::Neutral, accepted),
        (Class::Failure, Cancelled::Neutral, failed),
        (Class::SoftFailure, Cancelled::Neutral, failed),
        (Class::Ignored, Cancelled::Neutral, neutral),
        (Class::Rejected(RejectedBy::Breaker), Cancelled::Failure, neutral),
        (Class::Cancelled, Cancelled::Neutral, neutral),
        (Class::Cancelled, Cancelled::Failure, failed),
    ] {
        let throttle = builder().0.cancelled(cancelled).build().unwrap();
        throttle.acquire(Priority::Critical).unwrap().record(class.into());
        assert_eq!(counts(&throttle), expected, "{class}");
        let throttle = builder().0.cancelled(cancelled).build().unwrap();
        throttle.acquire_owned(Priority::Critical).unwrap().record(class.into());
        assert_eq!(counts(&throttle), expected, "{class}");
    }
}

#[test]
fn a_permit_that_is_dropped_is_cancelled_and_in_a_panic_a_failure() {
    for (cancelled, failed) in [(Cancelled::Neutral, 0), (Cancelled::Failure, 1)] {
        let throttle = builder().0.cancelled(cancelled).build().unwrap();
        drop(throttle.acquire(Priority::Critical));
        assert_eq!((counts(&throttle).failed, counts(&throttle).neutral), (failed, 1 - failed));
    }
    let (throttle, _) = throttle();
    let panics = || {
        let _permit = throttle.acquire(Priority::Critical).unwrap();
        panic!("oh");
    };
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(counts(&throttle).failed, 1);
}

#[test]
fn a_burst_over_a_service_that_has_not_answered_yet_is_not_rejected() {
    let (throttle, manual) = throttle();
    let permits: Vec<_> = (0..1_000)
        .map(|_| {
            manual.advance(MILLI);
            throttle.acquire(Priority::Critical).unwrap()
        })
        .collect();
    assert_eq!(counts(&throttle), ThrottleCounts::default(), "calls under way are no requests");
    permits.into_iter().for_each(ThrottlePermit::success);
    assert_eq!(counts(&throttle).accepted, 1_000);
}

#[test]
fn a_rejection_says_who_and_how_much() {
    let (throttle, manual) = throttle();
    overload(&throttle, &manual, Priority::Critical);
    let rejected = (0..100).find_map(|_| throttle.acquire(Priority::Critical).err()).unwrap();
    assert_eq!(&*rejected.name, "queue");
    assert_eq!(rejected.reason, RejectedReason::Throttled { share: ppm(900_000) });
    assert_eq!((rejected.state, rejected.retry_after), (State::Closed, None));
    assert_eq!(rejected.to_string(), "throttle queue rejects 90 % of such calls");
    let refusal = Refusal::find(&rejected).unwrap();
    assert_eq!(refusal.by, RejectedBy::Shed);
    assert!(rejected.source().is_some());
}

#[test]
fn priorities_are_apart() {
    let (throttle, manual) = throttle();
    overload(&throttle, &manual, Priority::Sheddable);
    for priority in [Priority::CriticalPlus, Priority::Critical, Priority::SheddablePlus] {
        for _ in 0..1_000 {
            throttle.acquire(priority).unwrap().success();
        }
        let status = throttle.status();
        assert_eq!(status.of(priority).priority, priority);
        assert_eq!((status.of(priority).rejection, status.of(priority).rejected), (Ratio::ZERO, 0));
    }
    assert_eq!(share(&throttle, Priority::Sheddable), ppm(900_000));
}

#[test]
fn chance_is_the_stream_of_the_seed() {
    let (throttle, manual) = throttle();
    overload(&throttle, &manual, Priority::SheddablePlus);
    let state = Rng::seeded(1).fork("sheddable_plus").next_u64();
    let mut rng = Rng::seeded(state);
    // One was drawn to have the share take effect.
    rng.next_u64();
    for call in 0..1_000 {
        let expected = is_rejected(ppm(900_000), rng.next_u64());
        let permit = throttle.acquire(Priority::SheddablePlus);
        assert_eq!(permit.is_err(), expected, "call {call}");
        end(permit, Outcome::FAILURE);
    }
}

#[test]
fn with_the_same_seed_the_same_calls_are_rejected() {
    let run = |seed| {
        let (builder, manual) = builder();
        let throttle = builder.seed(seed).build().unwrap();
        let mut rng = Rng::seeded(9);
        (0..5_000)
            .map(|_| {
                manual.advance(Duration::from_micros(rng.below(4_000)));
                let class = if rng.chance(ppm(300_000)) { Class::Success } else { Class::Failure };
                let index = usize::try_from(rng.below(4)).unwrap();
                let permit = throttle.acquire(Priority::ALL[index]);
                permit.map(|permit| permit.record(class.into())).is_err()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(run(1).contains(&true) && run(1).contains(&false));
}

#[test]
fn a_share_holds_for_a_tenth_of_a_bucket() {
    let (throttle, manual) = throttle();
    let fail = |times: usize| {
        (0..times)
            .filter(|_| throttle.acquire(Priority::Critical).map(ThrottlePermit::success).is_err())
            .count()
    };
    throttle.acquire(Priority::Critical).unwrap().success();
    for _ in 0..99 {
        throttle.acquire(Priority::Critical).expect("the share of the first call").failure();
    }
    manual.advance(98 * MILLI);
    throttle.acquire(Priority::Critical).expect("still that").failure();
    assert_eq!(share(&throttle, Priority::Critical), ppm(900_000), "the status is up to date");
    manual.advance(2 * MILLI);
    // The first that ends after it is over has it worked out, and the next is decided by that.
    throttle.acquire(Priority::Critical).expect("nobody has looked at the clock").failure();
    assert!((800..1_000).contains(&fail(1_000)));
}

#[test]
fn without_traffic_it_is_forgotten() {
    let (throttle, manual) = throttle();
    assert_eq!(share(&throttle, Priority::Critical), Ratio::ZERO);
    overload(&throttle, &manual, Priority::Critical);
    assert!((0..20).any(|_| throttle.acquire(Priority::Critical).is_err()));
    manual.advance(10 * SECOND);
    for _ in 0..100 {
        throttle.acquire(Priority::Critical).expect("nothing is known any more").success();
    }
    assert_eq!(throttle.status().of(Priority::Critical).counts.requests(), 100);
    assert!(throttle.status().of(Priority::Critical).rejected > 0, "that is never forgotten");
}

#[test]
fn a_clock_that_jumps_does_no_harm() {
    let (throttle, manual) = throttle();
    manual.set(Instant::ORIGIN + 60 * MINUTE);
    overload(&throttle, &manual, Priority::Critical);
    // Back by an hour: the share is worked out from what the window holds, and recovery goes on.
    manual.set(Instant::ORIGIN);
    for _ in 0..300 {
        manual.advance(100 * MILLI);
        for _ in 0..20 {
            end(throttle.acquire(Priority::Critical), Outcome::SUCCESS);
        }
    }
    assert_eq!(share(&throttle, Priority::Critical), Ratio::ZERO);
    for _ in 0..100 {
        throttle.acquire(Priority::Critical).expect("calls are decided by that").success();
    }
    manual.advance(10 * SECOND);
    overload(&throttle, &manual, Priority::Critical);
    manual.set(Instant::MAX);
    for _ in 0..100 {
        throttle.acquire(Priority::Critical).expect("the window is over").success();
    }
}

/// Calls at 1000 a second to a service that accepts `capacity` of them, and queues a few; a share of
/// those that get through says nothing. Returns the shares that were sent and accepted in the last window.
fn simulate(
    throttle: &Throttle,
    manual: &ManualClock,
    time: Duration,
    (capacity, neutral): (f64, f64),
) -> (f64, f64) {
    let steps = u32::try_from(time.as_millis()).unwrap();
    let last = steps - u32::try_from(throttle.config().window.as_millis()).unwrap().min(steps);
    let (mut tokens, mut silent) = (0.0_f64, 0.0_f64);
    let (mut sent, mut accepted) = (0, 0);
    for step in 0..steps {
        manual.advance(MILLI);
        tokens = (tokens + capacity).min(50.0);
        let Ok(permit) = throttle.acquire(Priority::Critical) else { continue };
        sent += u32::from(step >= last);
        silent += neutral;
        if silent >= 1.0 {
            silent -= 1.0;
            drop(permit);
        } else if tokens >= 1.0 {
            tokens -= 1.0;
            accepted += u32::from(step >= last);
            permit.success();
        } else {
            permit.failure();
        }
        assert!(share(throttle, Priority::Critical) <= throttle.config().max_rejection);
    }
    let calls = f64::from(steps - last);
    (f64::from(sent) / calls, f64::from(accepted) / calls)
}

#[test]
fn an_overloaded_service_gets_its_multiple_and_recovers() {
    let cases =
        [(2.0, 0.5, 1), (2.0, 0.2, 1), (3.0, 0.2, 1), (2.0, 0.06, 2), (1.5, 0.3, 2), (1.1, 0.5, 4)];
    for (multiplier, capacity, windows) in cases {
        let (builder, manual) = builder();
        let throttle = builder.multiplier(multiplier).build().unwrap();
        let (sent, accepted) = simulate(&throttle, &manual, 30 * SECOND, (capacity, 0.0));
        let (low, high) = (multiplier * capacity * 0.9, multiplier * capacity * 1.1);
        assert!((low..=high).contains(&sent), "{multiplier} {capacity}: {sent}");
        assert!(accepted > capacity * 0.95, "{multiplier} {capacity}: {accepted}");
        simulate(&throttle, &manual, windows * 10 * SECOND, (1.0, 0.0));
        let rejection = share(&throttle, Priority::Critical);
        assert_eq!(rejection, Ratio::ZERO, "{multiplier} {capacity}");
    }
}

#[test]
fn after_an_outage_it_takes_two_windows() {
    for neutral in [0.0, 0.5, 0.9] {
        let (throttle, manual) = throttle();
        let (sent, accepted) = simulate(&throttle, &manual, 30 * SECOND, (0.0, neutral));
        assert!((0.08..0.12).contains(&sent), "{sent}");
        assert!(accepted < f64::EPSILON);
        simulate(&throttle, &manual, 5 * SECOND, (1.0, neutral));
        assert!(share(&throttle, Priority::Critical) > ppm(500_000), "it takes its time");
        simulate(&throttle, &manual, 16 * SECOND, (1.0, neutral));
        assert_eq!(share(&throttle, Priority::Critical), Ratio::ZERO, "{neutral}");
    }
}

#[test]
fn refusals_inside_do_not_lock_it() {
    let (throttle, manual) = throttle();
    overload(&throttle, &manual, Priority::Critical);
    // A breaker inside is open: all that gets through is refused there.
    for _ in 0..30_000 {
        manual.advance(MILLI);
        if let Ok(permit) = throttle.acquire(Priority::Critical) {
            permit.record(Outcome::rejected(RejectedBy::Breaker));
        }
    }
    assert_eq!(share(&throttle, Priority::Critical), Ratio::ZERO);
}

#[test]
fn a_call_asks_when_it_is_polled_and_tells_how_it_ended() {
    let (throttle, manual) = throttle();
    let mut cx = Context::from_waker(Waker::noop());
    let call = |result| throttle.call(Priority::Critical, ready(result));
    assert_eq!(futures::executor::block_on(call(Ok::<_, ()>(7))), Ok(7));
    assert_eq!(futures::executor::block_on(call(Err(()))), Err(BreakerError::Inner(())));
    drop(call(Ok(7)));
    let none = ThrottleCounts::default();
    assert_eq!(counts(&throttle), ThrottleCounts { accepted: 1, failed: 1, ..none });
    let mut hanging = Box::pin(throttle.call(Priority::Critical, pending::<Result<(), ()>>()));
    assert!(hanging.as_mut().poll(&mut cx).is_pending());
    drop(hanging);
    assert_eq!(counts(&throttle).neutral, 1);
    let panicking = poll_fn(|_| -> Poll<Result<(), ()>> { panic!("oh") });
    let mut panicking = Box::pin(throttle.call(Priority::Critical, panicking));
    let poll = AssertUnwindSafe(|| panicking.as_mut().poll(&mut cx).is_ready());
    assert!(catch_unwind(poll).is_err());
    drop(panicking);
    assert_eq!(counts(&throttle).failed, 2);
    manual.advance(10 * SECOND);
    overload(&throttle, &manual, Priority::Critical);
    let rejected = (0..100).find_map(|_| futures::executor::block_on(call(Ok(7))).err());
    assert!(rejected.unwrap().rejected().is_some());
}

#[test]
fn as_a_signal_it_is_degraded_while_it_rejects() {
    let (throttle, manual) = throttle();
    let verdict = throttle.verdict(Instant::ORIGIN);
    assert_eq!((verdict.level, verdict.samples), (Level::Healthy, 0));
    assert_eq!(verdict.reason, "throttle queue rejects nothing");
    overload(&throttle, &manual, Priority::Sheddable);
    throttle.acquire(Priority::Critical).unwrap().success();
    let verdict = throttle.verdict(Instant::ORIGIN + 100 * MILLI);
    assert_eq!((verdict.level, verdict.samples, verdict.score), (Level::Degraded, 102, Some(0.9)));
    assert_eq!(verdict.reason, "throttle queue rejects 90 % of sheddable calls");
    let evidence: Vec<_> = verdict.evidence.iter().map(|e| (&*e.name, e.value)).collect();
    let expected = [("critical_rejection_share", 0.0), ("sheddable_rejection_share", 0.9)];
    assert_eq!(evidence, expected);
}

#[test]
fn what_could_not_work_is_refused_by_name() {
    let (max, one) = (Duration::from_secs(366 * 86_400), ThrottleConfig::default());
    let allowed = [
        ThrottleConfig { multiplier: 1.0, ..one.clone() },
        ThrottleConfig { multiplier: 1_000.0, ..one.clone() },
        ThrottleConfig { window: 240 * MILLI, ..one.clone() },
        ThrottleConfig { window: max, ..one.clone() },
        ThrottleConfig { max_rejection: ppm(999_999), minimum_requests: 1, ..one.clone() },
        ThrottleConfig { buckets: 1, shards: 64, ..one.clone() },
    ];
    for config in allowed {
        assert_eq!(config.check(), Ok(()), "{config:?}");
    }
    let refused = [
        ("multiplier", ThrottleConfig { multiplier: 0.99, ..one.clone() }),
        ("multiplier", ThrottleConfig { multiplier: 1_000.1, ..one.clone() }),
        ("multiplier", ThrottleConfig { multiplier: f64::NAN, ..one.clone() }),
        ("window", ThrottleConfig { window: 239 * MILLI, ..one.clone() }),
        ("window", ThrottleConfig { window: max + MILLI, ..one.clone() }),
        ("window", ThrottleConfig { window: Duration::MAX, ..one.clone() }),
        ("buckets", ThrottleConfig { buckets: 0, ..one.clone() }),
        ("buckets", ThrottleConfig { buckets: 4_097, window: max, ..one.clone() }),
        ("shards", ThrottleConfig { shards: 0, ..one.clone() }),
        ("shards", ThrottleConfig { shards: 65, ..one.clone() }),
        ("max_rejection", ThrottleConfig { max_rejection: Ratio::ZERO, ..one.clone() }),
        ("max_rejection", ThrottleConfig { max_rejection: Ratio::ONE, ..one.clone() }),
        ("minimum_requests", ThrottleConfig { minimum_requests: 0, ..one }),
    ];
    for (field, config) in refused {
        assert_eq!(config.check().unwrap_err().field(), field, "{config:?}");
        let error = Throttle::builder("queue").config(config).build().unwrap_err();
        assert_eq!(error.field(), field);
    }
    let error = Throttle::builder("queue").window(max + MILLI).build().unwrap_err();
    assert_eq!(error.allowed(), "240ms to 31622400s", "what is too long and what is too short");
}

#[cfg(feature = "serde")]
#[test]
fn a_configuration_is_read_in_words() {
    let text = r#"{"multiplier": 1.5, "window": "30s", "max_rejection": "80 %"}"#;
    let config: ThrottleConfig = serde_json::from_str(text).unwrap();
    let expected = ThrottleConfig {
        multiplier: 1.5,
        window: 30 * SECOND,
        max_rejection: ppm(800_000),
        ..ThrottleConfig::default()
    };
    assert_eq!(config, expected);
    let back = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<ThrottleConfig>(&back).unwrap(), expected);
    assert!(serde_json::from_str::<ThrottleConfig>(r#"{"windows": "30s"}"#).is_err());
    for priority in Priority::ALL {
        let text = format!("\"{priority}\"");
        assert_eq!(serde_json::to_string(&priority).unwrap(), text);
        assert_eq!(serde_json::from_str::<Priority>(&text).unwrap(), priority);
    }
}

#[cfg(feature = "schema")]
#[test]
fn the_schema_has_every_field_with_its_default() {
    let schema = schemars::schema_for!(ThrottleConfig).to_value();
    let fields = schema["properties"].as_object().unwrap();
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    let expected = [
        "buckets",
        "cancelled",
        "max_rejection",
        "minimum_requests",
        "multiplier",
        "shards",
        "window",
    ];
    assert_eq!(names, expected);
    assert!(schema.get("required").is_none());
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(fields["window"]["default"], "2m");
    assert_eq!(fields["multiplier"]["maximum"], 1000);
}

#[test]
fn priorities_stand_at_their_index_and_critical_is_the_default() {
    for (index, priority) in Priority::ALL.into_iter().enumerate() {
        assert_eq!(priority.index(), index);
    }
    assert_eq!(Priority::default(), Priority::Critical);
    assert!(Priority::CriticalPlus < Priority::Sheddable);
}

#[test]
fn the_books_balance_with_many_threads() {
    let throttle = Throttle::builder("queue").shards(4).window(60 * MINUTE).build().unwrap();
    let rejected: u64 = std::thread::scope(|scope| {
        let run = || {
            let mut rejected = 0;
            for call in 0..10_000_u32 {
                match throttle.acquire(Priority::Sheddable) {
                    Ok(permit) if call % 3 == 0 => permit.success(),
                    Ok(permit) if call % 3 == 1 => permit.failure(),
                    Ok(permit) => drop(permit),
                    Err(_) => rejected += 1,
                }
            }
            rejected
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let status = throttle.status();
    let status = status.of(Priority::Sheddable);
    assert_eq!((status.rejected, status.counts.rejected), (rejected, rejected));
    assert_eq!(status.counts.requests(), 40_000);
}
