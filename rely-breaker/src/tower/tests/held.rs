//! Inside tower's own holders of services, which poll ready long before they call.

use core::convert::Infallible;

use rely_core::classify::ByBoxError;
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::load::Constant;
use tower::load_shed::LoadShed;
use tower::ready_cache::ReadyCache;

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(30);

/// Fails for `false`.
fn service() -> impl Service<bool, Response = u32, Error = BoxError, Future: Send> + Clone + Send {
    service_fn(|ok: bool| ready(if ok { Ok(7) } else { Err(BoxError::from("down")) }))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn in_a_cache_the_first_trial_goes_through_though_it_was_polled_while_open() {
    let (breaker, manual) = breaker();
    let mut cache = ReadyCache::<&str, _, bool>::default();
    cache.push("a", breaker.layer().box_errors().layer(service()));
    let mut cx = Context::from_waker(Waker::noop());
    trip(&breaker);
    assert!(cache.poll_pending(&mut cx).is_ready());
    manual.advance(OPEN_FOR);
    assert_eq!(block_on(cache.call_ready_index(0, true)).unwrap(), 7);
    assert_eq!((breaker.state(), breaker.status().rejected), (State::Closed, 0));
    // Polled while closed, open when it is called.
    assert!(cache.poll_pending(&mut cx).is_ready());
    trip(&breaker);
    let error = block_on(cache.call_ready_index(0, true)).unwrap_err();
    assert_eq!(error.downcast::<Rejected>().unwrap().reason, RejectedReason::Open);
}

#[test]
fn a_balancer_loses_no_call_when_an_endpoint_recovers() {
    let (breakers, clocks): (Vec<_>, Vec<_>) = [breaker(), breaker()].into_iter().unzip();
    let layer = |breaker: &Breaker| breaker.layer().box_errors().layer(service());
    let endpoints = breakers.iter().map(|breaker| Constant::new(layer(breaker), 1));
    let mut balance = Balance::new(ServiceList::new::<bool>(endpoints.collect::<Vec<_>>()));
    breakers.iter().for_each(trip);
    block_on(async {
        // Both say that they are ready, and reject.
        for _ in 0..10 {
            let error = balance.ready().await.unwrap().call(true).await.unwrap_err();
            assert!(error.is::<Rejected>());
        }
        clocks.iter().for_each(|clock| clock.advance(OPEN_FOR));
        for _ in 0..50 {
            assert_eq!(balance.ready().await.unwrap().call(true).await.unwrap(), 7);
        }
    });
    assert!(breakers.iter().all(|breaker| breaker.state() == State::Closed));
}

#[test]
fn a_balancer_turns_away_from_an_endpoint_that_holds_its_callers() {
    let (breakers, clocks): (Vec<_>, Vec<_>) = [breaker(), breaker()].into_iter().unzip();
    let layer = |breaker: &Breaker| breaker.layer().hold_callers().box_errors().layer(service());
    let endpoints = breakers.iter().map(|breaker| Constant::new(layer(breaker), 1));
    let mut balance = Balance::new(ServiceList::new::<bool>(endpoints.collect::<Vec<_>>()));
    block_on(async {
        assert_eq!(balance.ready().await.unwrap().call(true).await.unwrap(), 7);
        trip(&breakers[0]);
        // What it had polled before may be called once.
        let mut rejected = 0;
        for _ in 0..100 {
            rejected += u32::from(balance.ready().await.unwrap().call(true).await.is_err());
        }
        assert!(rejected <= 1, "{rejected}");
        clocks[0].advance(OPEN_FOR);
        for _ in 0..100 {
            assert_eq!(balance.ready().await.unwrap().call(true).await.unwrap(), 7);
        }
    });
    assert_eq!(breakers[0].state(), State::Closed);
}

#[test]
fn a_buffer_that_holds_its_callers_serves_them_when_the_time_is_over() {
    block_on(async {
        let (breaker, manual) = breaker();
        let layer = breaker.layer().hold_callers().box_errors();
        let mut buffer = Buffer::new(layer.layer(service()), 4);
        trip(&breaker);
        let answers: Vec<_> = {
            let mut calls = Vec::new();
            for _ in 0..3 {
                calls.push(buffer.ready().await.unwrap().call(true));
            }
            tokio::task::yield_now().await;
            assert_eq!(manual.timers(), 1, "its worker waits");
            manual.advance(OPEN_FOR);
            futures::future::join_all(calls).await
        };
        assert!(answers.iter().all(|answer| *answer.as_ref().unwrap() == 7), "{answers:?}");
        assert_eq!((breaker.state(), breaker.status().rejected), (State::Closed, 0));
    });
}

#[test]
fn load_is_shed_while_callers_are_held_and_a_rejection_is_not_load() {
    let (breaker, manual) = breaker();
    let mut cx = Context::from_waker(Waker::noop());
    let mut ask = |shed: &mut LoadShed<_>| {
        assert!(shed.poll_ready(&mut cx).is_ready());
        block_on(shed.call(true))
    };
    let mut held = LoadShed::new(breaker.layer().hold_callers().box_errors().layer(service()));
    trip(&breaker);
    let error = ask(&mut held).unwrap_err();
    assert!(error.is::<tower::load_shed::error::Overloaded>());
    manual.advance(OPEN_FOR);
    assert_eq!(ask(&mut held).unwrap(), 7);

    let layer = breaker.layer().classify(ByBoxError).box_errors();
    let full = ConcurrencyLimit::new(service(), 0);
    let mut shed = layer.layer(LoadShed::new(full));
    trip(&breaker);
    let open = block_on(async { shed.ready().await?.call(true).await }).unwrap_err();
    assert!(open.is::<Rejected>());
}

#[test]
fn around_a_limit_it_rejects_without_a_place() {
    let (breaker, manual) = breaker();
    let limited =
        ConcurrencyLimit::new(service_fn(|(): ()| pending::<Result<(), Infallible>>()), 1);
    let service = breaker.layer().layer(limited);
    let mut cx = Context::from_waker(Waker::noop());
    let mut holder = service.clone();
    assert!(holder.poll_ready(&mut cx).is_ready());
    let hanging = holder.call(());
    let mut waiting = tower_test::mock::Spawn::new(service.clone());
    assert_pending!(waiting.poll_ready());
    trip(&breaker);
    assert!(waiting.is_woken());
    for _ in 0..3 {
        assert!(block_on(service.clone().oneshot(())).unwrap_err().rejected().is_some());
    }
    manual.advance(OPEN_FOR);
    drop(hanging);
    let mut trial = Box::pin(service.clone().oneshot(()));
    assert!(trial.as_mut().poll(&mut cx).is_pending());
    assert_eq!((breaker.state(), breaker.would_reject()), (State::HalfOpen, true));
}
