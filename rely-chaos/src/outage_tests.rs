use core::time::Duration;
use std::sync::Arc;

use futures::FutureExt;
use rely_core::{Clock, ManualClock, Ratio};
use tokio_test::{assert_pending, assert_ready_eq, assert_ready_err, task};

use crate::{ArmError, Effect, Fault, FaultPoint, Injected};

const TTL: Duration = Duration::from_secs(60);

fn point() -> (FaultPoint, ManualClock) {
    let (clock, manual) = Clock::manual();
    let point = FaultPoint::builder("store").clock(clock).cuts_in_flight().build().unwrap();
    (point, manual)
}

fn number(injected: &Injected) -> u64 {
    assert_eq!((injected.point(), injected.effect()), ("store", Effect::Outage));
    injected.call()
}

#[test]
fn new_calls_fail_at_once_and_are_not_made() {
    let (point, manual) = point();
    let armed = point.arm(Fault::outage(), TTL).unwrap();
    let call = point.call(async { panic!("made") }, |injected| number(&injected));
    assert_eq!(call.now_or_never(), Some(0));
    let report = armed.report();
    assert_eq!((report.calls, report.fired, report.cut), (1, 1, 0));
    manual.advance(TTL);
    assert_eq!(point.call(async { 7 }, |_| 0).now_or_never(), Some(7), "it ends like any other");
}

#[test]
fn calls_in_flight_are_cut_when_it_is_armed() {
    let (point, _) = point();
    let held = Arc::new(());
    let call = || {
        let held = Arc::clone(&held);
        let inner = async move {
            let _held = held;
            core::future::pending::<u64>().await
        };
        point.call(inner, |injected| number(&injected))
    };
    let (mut first, mut second) = (task::spawn(call()), task::spawn(call()));
    assert_pending!(first.poll());
    // Polled twice: the second waker replaces the first. The other is admitted and not yet polled.
    assert_pending!(first.poll());
    drop(call());
    assert_eq!(Arc::strong_count(&held), 3);

    let armed = point.arm(Fault::outage(), TTL).unwrap();
    assert!(first.is_woken());
    let report = armed.disarm();
    assert_eq!((report.calls, report.fired, report.cut), (2, 2, 2), "dropped calls do not count");
    // Gone is gone, though the outage is over by the time that they look.
    assert_ready_eq!(first.poll(), 0);
    assert_ready_eq!(second.poll(), 1);
    assert_eq!(Arc::strong_count(&held), 1, "what was behind them is dropped");
}

#[test]
fn a_call_that_has_answered_is_not_cut() {
    let (point, _) = point();
    let mut call = task::spawn(point.call(async { 7 }, |_| 0));
    assert_ready_eq!(call.poll(), 7);
    drop(call);
    let armed = point.arm(Fault::outage(), TTL).unwrap();
    assert_eq!(armed.disarm().fired, 0);
}

#[test]
fn a_call_that_has_answered_and_is_kept_is_not_cut() {
    let (point, _) = point();
    let mut call = task::spawn(point.call(async { 7 }, |_| 0));
    assert_ready_eq!(call.poll(), 7);
    let report = point.arm(Fault::outage(), TTL).unwrap().disarm();
    assert_eq!((report.calls, report.fired, report.cut), (0, 0, 0), "it proves nothing");
}

#[test]
fn a_call_that_is_cut_while_it_answers_has_not_answered() {
    let (point, _) = point();
    let armed = std::cell::RefCell::new(None);
    // As another thread would, between the look at the cut and the answer.
    let inner = async {
        *armed.borrow_mut() = Some(point.arm(Fault::outage(), TTL).unwrap());
        7
    };
    let call = point.call(inner, |injected| number(&injected));
    assert_eq!(call.now_or_never(), Some(0));
    assert_eq!(armed.take().unwrap().disarm().cut, 1);
}

#[test]
fn an_answer_that_an_earlier_fault_holds_is_cut_as_well() {
    let (point, _) = point();
    let late = point.arm(Fault::latency(TTL), TTL).unwrap();
    let mut call = task::spawn(point.call(async { 7 }, |injected| number(&injected)));
    assert_pending!(call.poll());
    drop(late);
    let armed = point.arm(Fault::outage(), TTL).unwrap();
    assert_ready_eq!(call.poll(), 0);
    assert_eq!(armed.disarm().cut, 1);
}

#[test]
fn a_call_that_an_earlier_fault_made_late_is_cut_as_well() {
    let (point, _) = point();
    let late = point.arm(Fault::latency(TTL), TTL).unwrap();
    let mut call =
        task::spawn(point.call(core::future::pending::<u64>(), |injected| number(&injected)));
    assert_pending!(call.poll());
    drop(late);
    let armed = point.arm(Fault::outage(), TTL).unwrap();
    assert!(call.is_woken());
    assert_ready_eq!(call.poll(), 0);
    assert_eq!(armed.disarm().cut, 1);
}

#[test]
fn other_faults_cut_nothing() {
    for fault in [Fault::error(), Fault::hang(), Fault::latency(TTL)] {
        let (point, _) = point();
        let mut call = task::spawn(point.call(core::future::pending::<u64>(), |_| 0));
        assert_pending!(call.poll());
        let armed = point.arm(fault, TTL).unwrap();
        assert!(!call.is_woken());
        assert_pending!(call.poll());
        assert_eq!(armed.disarm().fired, 0);
    }
}

#[test]
fn an_outage_that_would_only_be_an_error_is_refused() {
    let deaf = FaultPoint::builder("store").build().unwrap();
    let (point, _) = point();
    let half = Fault::outage().for_share(Ratio::percent(50.0).unwrap());
    for (point, fault, field) in
        [(&deaf, Fault::outage(), "fault.effect"), (&point, half, "fault.share")]
    {
        match point.arm(fault, TTL) {
            Err(ArmError::Config(error)) => assert_eq!(error.field(), field),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_call_is_cut_or_refused_once_whatever_the_threads_do() {
    for _ in 0..20 {
        let (point, _) = point();
        let made = std::sync::Barrier::new(5);
        let (cut, report) = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let call = || point.call(core::future::pending::<u64>(), |_| 1);
                        let before: Vec<_> = (0..50).map(|_| call()).collect();
                        made.wait();
                        let during: Vec<_> = (0..50).map(|_| call()).collect();
                        let calls = before.into_iter().chain(during);
                        calls.map(futures::executor::block_on).sum::<u64>()
                    })
                })
                .collect();
            made.wait();
            let armed = point.arm(Fault::outage(), TTL).unwrap();
            let cut: u64 = callers.into_iter().map(|caller| caller.join().unwrap()).sum();
            (cut, armed.disarm())
        });
        assert_eq!((cut, report.calls, report.fired), (400, 400, 400));
        assert!(report.cut >= 200, "{}", report.cut);
    }
}

#[test]
fn services_are_cut_through_the_layer_of_their_point() {
    use tower::{Service, ServiceBuilder};

    let (point, _) = point();
    let mut service = ServiceBuilder::new()
        .layer(point.layer(Err::<(), Injected>))
        .service_fn(|()| core::future::pending());
    let mut call = task::spawn(service.call(()));
    assert_pending!(call.poll());
    let armed = point.arm(Fault::outage(), TTL).unwrap();
    assert!(call.is_woken());
    assert_eq!(number(&assert_ready_err!(call.poll())), 0);
    assert_eq!(number(&service.call(()).now_or_never().unwrap().unwrap_err()), 1);
    assert_eq!(armed.disarm().cut, 1);
}
