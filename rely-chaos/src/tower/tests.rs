use core::time::Duration;
use std::io;

use rely_core::{Clock, ManualClock, Meter, Ratio};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_test::mock;

use crate::{Fault, FaultPoint, Injected};

const TTL: Duration = Duration::from_secs(60);

fn point() -> (FaultPoint, ManualClock) {
    let (clock, manual) = Clock::manual();
    (FaultPoint::builder("queue.call").clock(clock).build().unwrap(), manual)
}

/// The mock's error type is a box.
fn fail(injected: Injected) -> Result<&'static str, tower::BoxError> {
    Err(injected.into())
}

#[test]
fn readiness_is_that_of_the_inner_service() {
    for armed in [false, true] {
        let (point, _) = point();
        let _armed = armed.then(|| point.arm(Fault::error(), TTL).unwrap());
        let (mut service, mut handle) = mock::spawn_layer::<&str, &str, _>(point.layer(fail));
        handle.allow(0);
        assert_pending!(service.poll_ready());
        handle.allow(1);
        assert!(service.is_woken());
        assert_ready_ok!(service.poll_ready());
        handle.send_error(io::Error::other("gone"));
        let error = assert_ready_err!(service.poll_ready());
        assert!(Injected::find(&*error).is_none(), "the inner service's own");
    }
}

#[test]
fn a_disarmed_call_passes_through() {
    let (point, _) = point();
    let (mut service, mut handle) = mock::spawn_layer(point.layer(fail));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call("request"));
    let (request, respond) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    assert_eq!(request, "request");
    assert_pending!(call.poll());
    respond.send_response("response");
    assert_eq!(assert_ready_ok!(call.poll()), "response");
}

#[test]
fn a_late_call_goes_out_at_once_and_its_answer_is_held() {
    let (point, manual) = point();
    let _armed = point.arm(Fault::latency(Duration::from_millis(5)), TTL).unwrap();
    for answer in ["response", "error"] {
        let (mut service, mut handle) = mock::spawn_layer(point.layer(fail));
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call("request"));
        let (_, respond) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
        match answer {
            "response" => respond.send_response("response"),
            _ => respond.send_error("down"),
        }
        assert_pending!(call.poll());
        manual.advance(Duration::from_millis(5));
        match assert_ready!(call.poll()) {
            Ok(response) => assert_eq!(response, answer),
            Err(error) => assert_eq!((error.to_string().as_str(), answer), ("down", "error")),
        }
    }
}

#[test]
fn a_failed_or_hung_call_does_not_reach_the_service() {
    for fault in [Fault::error(), Fault::hang()] {
        let (point, _) = point();
        let armed = point.arm(fault, TTL).unwrap();
        let (mut service, mut handle) = mock::spawn_layer(point.layer(fail));
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call("request"));
        if fault == Fault::hang() {
            assert_pending!(call.poll());
            drop(armed);
            assert!(call.is_woken());
        }
        let error = assert_ready_err!(call.poll());
        assert_eq!(Injected::find(&*error).unwrap().point(), "queue.call");
        let mut next = task::spawn(handle.next_request());
        assert_pending!(next.poll());
        drop(next);

        // The service that was polled ready can still be called once it is polled again.
        drop(call);
        assert_ready_ok!(service.poll_ready());
    }
}

#[test]
fn what_was_reserved_for_a_failed_call_serves_the_next_one() {
    let (point, _) = point();
    let answer = |_| Err::<u32, &str>("injected");
    let mut service = ServiceBuilder::new()
        .layer(point.layer(answer))
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(|n: u32| async move { Ok::<_, &str>(n) });
    let armed = point.arm(Fault::error(), TTL).unwrap();
    futures::executor::block_on(async {
        for n in 0..10 {
            assert_eq!(service.ready().await.unwrap().call(n).await, Err("injected"));
        }
        assert_eq!(armed.disarm().fired, 10);
        assert_eq!(service.ready().await.unwrap().call(1).await, Ok(1));
    });
}

#[test]
fn dropping_a_call_drops_the_call_inside() {
    let (point, manual) = point();
    let armed = point.arm(Fault::latency(Duration::from_millis(5)), TTL).unwrap();
    let (mut service, mut handle) = mock::spawn_layer(point.layer(fail));
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call("request"));
    assert_pending!(call.poll());
    let (_, respond) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    drop(call);
    respond.send_response("nobody hears this");
    assert_eq!(manual.timers(), 0);
    assert_eq!(armed.disarm().fired, 1);
}

#[test]
fn services_of_one_layer_go_on_in_the_same_draws() {
    let share = Ratio::percent(50.0).unwrap();
    let hits = |per_service: usize| -> Vec<bool> {
        let (point, _) = point();
        let layer = point.layer(|_| Err::<(), ()>(()));
        let _armed = point.arm(Fault::error().for_share(share), TTL).unwrap();
        let mut hits = Vec::new();
        while hits.len() < 120 {
            // As axum does for each connection.
            let service = layer.layer(tower::service_fn(|()| async { Ok::<(), ()>(()) }));
            for _ in 0..per_service {
                let call = service.clone().oneshot(());
                hits.push(futures::executor::block_on(call).is_err());
            }
        }
        hits
    };
    let (one, many) = (hits(120), hits(1));
    assert_eq!(one, many);
    assert!(one.contains(&true) && one.contains(&false));
}

#[test]
fn to_a_meter_an_injected_failure_is_a_failure() {
    let (clock, manual) = Clock::manual();
    let meter = Meter::builder("test").clock(clock.clone()).build().unwrap();
    let queue = meter.point("queue");
    let point = FaultPoint::builder("queue.call").clock(clock.clone()).build().unwrap();
    let service = ServiceBuilder::new()
        .layer(queue.layer())
        .layer(point.layer(|injected| Err(io::Error::other(injected))))
        .service_fn(|()| async { Ok::<_, io::Error>(()) });
    let fault = Fault::error().for_share(Ratio::percent(20.0).unwrap());
    let armed = point.arm(fault, TTL).unwrap();
    // Two minutes of one call each second: the fault ends after the first one by itself.
    let mut failures = [0, 0];
    for second in 0..120 {
        let result = futures::executor::block_on(service.clone().oneshot(()));
        failures[second / 60] += u64::from(result.is_err());
        manual.advance(Duration::from_secs(1));
    }
    let report = armed.disarm();
    let lifetime = queue.snapshot(clock.now()).lifetime;
    assert_eq!((report.calls, report.fired), (60, failures[0]));
    assert_eq!((lifetime.failure, lifetime.rejected), (report.fired, 0));
    assert_eq!(lifetime.success, 120 - report.fired);
    assert_eq!(failures[1], 0);
    assert!(report.fired > 0);
}
