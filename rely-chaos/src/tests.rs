use core::num::NonZeroUsize;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::FutureExt;
use rely_core::event::Delivery;
use rely_core::{Clock, ConfigError, Instant, ManualClock, Ratio};
use tokio_test::{assert_pending, assert_ready, assert_ready_eq, task};

use super::*;

const TTL: Duration = Duration::from_secs(60);
const NANO: Duration = Duration::from_nanos(1);

fn point() -> (FaultPoint, Clock, ManualClock) {
    let (clock, manual) = Clock::manual();
    let point = FaultPoint::builder("queue.call").clock(clock.clone()).build().unwrap();
    (point, clock, manual)
}

/// One call at once: whether it was hit.
fn is_hit(point: &FaultPoint) -> bool {
    point.call(async { false }, |_| true).now_or_never().expect("nothing waits")
}

#[test]
fn a_disarmed_point_lets_everything_through() {
    let (point, _, _) = point();
    assert!(!point.is_armed());
    assert!(!(0..1_000).any(|_| is_hit(&point)));
}

#[test]
fn an_error_is_the_users_own_answer_and_the_call_is_not_made() {
    let (point, _, _) = point();
    let armed = point.arm(Fault::error(), TTL).unwrap();
    let called = AtomicBool::new(false);
    let call = async {
        called.store(true, Ordering::SeqCst);
        Ok("done")
    };
    let answer = point.call(call, Err::<&str, Injected>).now_or_never().unwrap();
    let injected = answer.unwrap_err();
    assert_eq!((injected.point(), injected.call()), ("queue.call", 0));
    assert!(!called.load(Ordering::SeqCst));
    let report = armed.disarm();
    assert_eq!((report.calls, report.fired), (1, 1));
    assert!(!is_hit(&point));
}

#[test]
fn an_answer_is_late_by_exactly_the_delay() {
    // Whole milliseconds would turn all of these into something else.
    for delay in [1, 999, 900_000, 1_900_000, 1_000_000_000].map(Duration::from_nanos) {
        let (point, _, manual) = point();
        let _armed = point.arm(Fault::latency(delay), TTL).unwrap();
        let mut call = task::spawn(point.call(async { "answer" }, |_| "injected"));
        assert_pending!(call.poll());
        manual.advance(delay - NANO);
        assert!(!call.is_woken() || delay == NANO);
        assert_pending!(call.poll());
        manual.advance(NANO);
        assert!(call.is_woken());
        assert_ready_eq!(call.poll(), "answer");
        assert_eq!(manual.timers(), 0);
    }
}

#[test]
fn the_delay_comes_on_top_of_what_the_call_takes() {
    let (point, clock, manual) = point();
    let _armed = point.arm(Fault::latency(Duration::from_secs(2)), TTL).unwrap();
    let call = clock.sleep(Duration::from_secs(1)).map(|()| "answer");
    let mut call = task::spawn(point.call(call, |_| "injected"));
    for _ in 0..3 {
        assert_pending!(call.poll());
        manual.advance(Duration::from_secs(1));
    }
    assert_ready_eq!(call.poll(), "answer");
}

#[test]
fn a_hung_call_waits_until_it_is_dropped() {
    let (point, _, manual) = point();
    let armed = point.arm(Fault::hang(), TTL).unwrap();
    let called = AtomicBool::new(false);
    let mut call = task::spawn(point.call(async { called.store(true, Ordering::SeqCst) }, |_| ()));
    assert_pending!(call.poll());
    manual.advance(TTL - NANO);
    assert_pending!(call.poll());
    drop(call);
    assert_eq!(manual.timers(), 0, "nothing is left behind");
    assert!(!called.load(Ordering::SeqCst));
    assert_eq!(armed.report().fired, 1);
}

#[test]
fn the_end_of_a_fault_lets_go_of_what_it_holds() {
    type Ending = fn(Armed, &KillSwitch, &ManualClock);
    let endings: [(EndReason, Ending); 3] = [
        (EndReason::Disarmed, |armed, _, _| drop(armed)),
        (EndReason::Killed, |armed, switch, _| {
            switch.engage();
            assert!(!armed.is_live());
        }),
        (EndReason::Expired, |armed, _, manual| {
            manual.advance(TTL);
            assert!(!armed.is_live());
        }),
    ];
    for (reason, end) in endings {
        for fault in [Fault::hang(), Fault::latency(Duration::MAX)] {
            let (clock, manual) = Clock::manual();
            let switch = KillSwitch::new();
            let point = FaultPoint::builder("queue.call").kill_switch(&switch).clock(clock);
            let point = point.build().unwrap();
            let mut events = point.subscribe(NonZeroUsize::MIN.saturating_add(9));
            let armed = point.arm(fault, TTL).unwrap();
            let mut call = task::spawn(point.call(async { "answer" }, |_| "injected"));
            // Polled twice: the second waker replaces the first.
            assert_pending!(call.poll());
            assert_pending!(call.poll());
            end(armed, &switch, &manual);
            assert!(call.is_woken(), "{reason:?} {fault:?}");
            let answer = if fault == Fault::hang() { "injected" } else { "answer" };
            assert_ready_eq!(call.poll(), answer);

            let next = |events: &mut rely_core::Subscriber<PointEvent>| {
                events.try_next().and_then(Delivery::into_event)
            };
            assert!(matches!(next(&mut events).as_deref(), Some(PointEvent::Armed(_))));
            let Some(PointEvent::Ended(report)) = next(&mut events).as_deref().cloned() else {
                panic!("no end");
            };
            assert_eq!(report.end.unwrap().reason, reason);
            assert_eq!(report.fired, 1);
            assert_eq!(events.try_next(), None, "a fault ends once");
        }
    }
}

#[test]
fn a_late_answer_of_an_ended_fault_is_not_held() {
    let (point, clock, manual) = point();
    let armed = point.arm(Fault::latency(TTL), TTL).unwrap();
    let call = clock.sleep(Duration::from_secs(1)).map(|()| "answer");
    let mut call = task::spawn(point.call(call, |_| "injected"));
    assert_pending!(call.poll());
    drop(armed);
    manual.advance(Duration::from_secs(1));
    assert_ready_eq!(call.poll(), "answer");
}

#[test]
fn nothing_fires_when_the_time_to_live_is_over_though_nobody_drops_the_guard() {
    let (point, _, manual) = point();
    let armed = point.arm(Fault::error(), TTL).unwrap();
    manual.advance(TTL - NANO);
    assert!(is_hit(&point), "one nanosecond before the end");
    manual.advance(NANO);
    assert!(!is_hit(&point), "an exact hit is the end");
    manual.advance(Duration::from_secs(5));
    let report = armed.report();
    let at = Instant::ORIGIN + TTL;
    assert_eq!(report.end, Some(End { reason: EndReason::Expired, at }));
    assert_eq!((report.calls, report.fired), (1, 1));
    assert!(!armed.is_live());
    assert_eq!(armed.disarm(), report);
}

#[test]
fn a_clock_that_is_set_back_revives_nothing() {
    let (point, _, manual) = point();
    let armed = point.arm(Fault::error(), TTL).unwrap();
    manual.advance(TTL);
    assert!(!is_hit(&point));
    manual.set(Instant::ORIGIN);
    assert!(!is_hit(&point) && !armed.is_live() && !point.is_armed());
}

#[test]
fn a_point_takes_one_fault_at_a_time() {
    let (point, _, manual) = point();
    let armed = point.arm(Fault::error(), TTL).unwrap();
    let refused = point.arm(Fault::hang(), TTL).unwrap_err();
    let expires = Instant::ORIGIN + TTL;
    assert_eq!(refused, ArmError::AlreadyArmed { point: "queue.call".into(), expires });
    assert_eq!(refused.to_string(), "fault point queue.call is armed already, until +60s");
    assert!(is_hit(&point));

    // What has expired makes room, and its guard does not end its successor.
    manual.advance(TTL);
    let second = point.arm(Fault::error(), TTL).unwrap();
    drop(armed);
    assert!(second.is_live() && is_hit(&point));
    assert_eq!(second.disarm().calls, 1);
}

#[test]
fn a_kill_switch_ends_all_and_holds_until_it_is_released() {
    let switch = KillSwitch::new();
    let point = |name: &str| FaultPoint::builder(name).kill_switch(&switch).build().unwrap();
    let (a, b, gone) = (point("a"), point("b"), point("gone"));
    let other = FaultPoint::builder("other").build().unwrap();
    drop(gone);
    assert_eq!(format!("{switch:?}"), "KillSwitch { engaged: false, watched: 2 }");
    let guards = [&a, &b].map(|point| point.arm(Fault::error(), TTL).unwrap());
    let unregistered = other.arm(Fault::error(), TTL).unwrap();
    switch.clone().engage();
    switch.engage();
    assert!(!is_hit(&a) && !is_hit(&b) && is_hit(&other));
    for guard in &guards {
        assert_eq!(guard.report().end.unwrap().reason, EndReason::Killed);
    }
    let refused = a.arm(Fault::error(), TTL).unwrap_err();
    assert_eq!(refused, ArmError::Killed { point: "a".into() });
    assert!(unregistered.is_live());

    switch.release();
    assert!(!is_hit(&a), "nothing comes back by itself");
    drop(guards);
    let _again = a.arm(Fault::error(), TTL).unwrap();
    assert!(is_hit(&a));
}

#[test]
fn what_cannot_work_is_refused() {
    let (point, _, _) = point();
    let none = Fault::error().for_share(Ratio::ZERO);
    let table = [
        (none, TTL, "fault.share"),
        (Fault::latency(Duration::ZERO), TTL, "fault.effect.latency.delay"),
        (Fault::error(), Duration::ZERO, "ttl"),
        (Fault::error(), FaultPoint::MAX_TTL + NANO, "ttl"),
    ];
    for (fault, ttl, field) in table {
        match point.arm(fault, ttl) {
            Err(ArmError::Config(error)) => assert_eq!(error.field(), field),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert!(point.arm(Fault::latency(NANO), NANO).is_ok());
    assert!(point.arm(Fault::error(), FaultPoint::MAX_TTL).is_ok());

    let refused = |builder: FaultPointBuilder| -> ConfigError { builder.build().unwrap_err() };
    let builder = || FaultPoint::builder("point");
    assert_eq!(refused(FaultPoint::builder("")).field(), "name");
    assert_eq!(refused(builder().label("", "a")).field(), "labels");
    assert_eq!(refused(builder().label("zone", "a").label("zone", "b")).field(), "labels");
    let labels = |n: u32| (0..n).fold(builder(), |b, n| b.label(format!("l{n}"), "v"));
    assert_eq!(refused(labels(9)).field(), "labels");
    assert!(labels(8).build().is_ok());
}

#[test]
fn a_point_shows_its_labels_in_one_order() {
    let point = |a: [&str; 2], b: [&str; 2]| {
        FaultPoint::builder("db").label(a[0], a[1]).label(b[0], b[1]).build().unwrap()
    };
    let point = [point(["zone", "a"], ["role", "x"]), point(["role", "x"], ["zone", "a"])];
    for point in point {
        assert_eq!(point.to_string(), r#"db{role="x",zone="a"}"#);
        assert_eq!(point.name(), "db");
        let labels: Vec<_> = point.labels().collect();
        assert_eq!(labels, [("role", "x"), ("zone", "a")]);
    }
}

#[test]
fn a_run_repeats_itself_whatever_the_layers_and_points_do_not_share_draws() {
    let half = Fault::error().for_share(Ratio::percent(50.0).unwrap());
    let hits = |name: &str, zone: &str, seed: u64| -> Vec<bool> {
        let point = FaultPoint::builder(name).label("zone", zone).seed(seed).build().unwrap();
        let _armed = point.arm(half, TTL).unwrap();
        (0..200).map(|_| is_hit(&point)).collect()
    };
    let first = hits("queue", "a", 1);
    assert_eq!(hits("queue", "a", 1), first);
    assert_ne!(hits("queue", "a", 2), first);
    assert_ne!(hits("queue", "b", 1), first);
    assert_ne!(hits("store", "a", 1), first);

    // The draws belong to the fault, not to what was called before it.
    let point = FaultPoint::builder("queue").label("zone", "a").seed(1).build().unwrap();
    for before in [3, 50] {
        assert!(!(0..before).any(|_| is_hit(&point)));
        let _armed = point.arm(half, TTL).unwrap();
        let hits: Vec<_> = (0..200).map(|_| is_hit(&point)).collect();
        assert_eq!(hits, first);
    }
}

#[test]
fn threads_hit_the_same_number_of_calls_and_none_after_the_end() {
    let share = Ratio::percent(30.0).unwrap();
    let run = || {
        let (point, _, _) = point();
        let armed = point.arm(Fault::error().for_share(share), TTL).unwrap();
        let hits = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let ours = (0..2_000).filter(|_| is_hit(&point)).count();
                    hits.fetch_add(ours as u64, Ordering::SeqCst);
                });
            }
        });
        let report = armed.disarm();
        assert_eq!((report.calls, report.fired), (8_000, hits.into_inner()));
        report.fired
    };
    assert_eq!(run(), run());
}

#[test]
fn a_report_is_final_while_others_still_call() {
    for _ in 0..50 {
        let (point, _, _) = point();
        let armed = point.arm(Fault::error(), TTL).unwrap();
        let stop = AtomicBool::new(false);
        let (report, hits) = std::thread::scope(|scope| {
            let caller = scope.spawn(|| {
                let mut hits = 0;
                while !stop.load(Ordering::SeqCst) {
                    hits += u64::from(is_hit(&point));
                }
                hits + (0..100).map(|_| u64::from(is_hit(&point))).sum::<u64>()
            });
            while armed.report().fired == 0 {
                std::thread::yield_now();
            }
            let report = armed.disarm();
            stop.store(true, Ordering::SeqCst);
            (report, caller.join().unwrap())
        });
        assert_eq!((report.calls, report.fired), (hits, hits));
    }
}

#[test]
fn a_panic_in_an_answer_harms_nobody_else() {
    let (point, _, _) = point();
    let armed = point.arm(Fault::error(), TTL).unwrap();
    let call = point.call(async { false }, |_| panic!("the user's own"));
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| call.now_or_never()));
    assert!(result.is_err());
    assert!(is_hit(&point));
    assert_eq!(armed.disarm().fired, 2);
}

#[test]
fn held_calls_of_many_tasks_are_all_let_go() {
    let (point, _, manual) = point();
    let armed = point.arm(Fault::hang(), TTL).unwrap();
    let point = Arc::new(point);
    let mut calls: Vec<_> =
        (0..100).map(|n| task::spawn(point.call(async move { n }, move |_| n))).collect();
    for call in &mut calls {
        assert_pending!(call.poll());
    }
    calls.truncate(90);
    drop(armed);
    for (n, call) in calls.iter_mut().enumerate() {
        assert!(call.is_woken());
        assert_eq!(assert_ready!(call.poll()), n);
    }
    assert_eq!(manual.timers(), 90, "the timers go with the calls");
    drop(calls);
    assert_eq!(manual.timers(), 0);
}

#[test]
fn a_call_costs_little_room_when_nothing_is_held() {
    let (point, _, _) = point();
    let call = pin!(point.call(core::future::ready(0_u8), |_| 0));
    // The timer is the most of it, and larger where tokio's comes in.
    let (call, timer) = (size_of_val(&*call), size_of::<rely_core::Sleep>());
    assert!(call <= timer + 64, "{call} bytes, {timer} of them the timer");
}

#[cfg(feature = "serde")]
#[test]
fn faults_and_reports_are_read_and_written() {
    let text = r#"{ "effect": { "latency": { "delay": "1ms 500us" } }, "share": "12.5 %" }"#;
    let fault: Fault = serde_json::from_str(text).unwrap();
    let share = Ratio::percent(12.5).unwrap();
    assert_eq!(fault, Fault::latency(Duration::from_micros(1_500)).for_share(share));
    for fault in [fault, Fault::error(), Fault::hang(), Fault::outage()] {
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault, "{text}");
    }
    assert_eq!(serde_json::from_str::<Fault>(r#"{"effect":"hang"}"#).unwrap(), Fault::hang());
    for bad in [
        "{}",
        r#"{"effect":"explode"}"#,
        r#"{"effect":"hang","shar":"1 %"}"#,
        r#"{"effect":{"latency":{"delay":"1s","jitter":"1s"}}}"#,
    ] {
        assert!(serde_json::from_str::<Fault>(bad).is_err(), "{bad}");
    }

    let (point, _, _) = point();
    let armed = point.arm(Fault::error(), TTL).unwrap();
    assert!(is_hit(&point));
    let report = armed.disarm();
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[cfg(feature = "schema")]
#[test]
fn faults_describe_themselves() {
    let schema = serde_json::to_value(schemars::schema_for!(Fault)).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["effect"]));
}
