//! Calls that are let through although an open breaker did not ask whether the service is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(30);

/// Ready when told, with an error when told, or never; every clone has to be asked for itself.
#[derive(Default)]
struct Shy {
    told: Arc<Told>,
    ready: bool,
}

#[derive(Default)]
struct Told {
    ready: AtomicBool,
    fails: AtomicBool,
    panics: AtomicBool,
    clones: AtomicUsize,
    asked: AtomicUsize,
    waker: futures::task::AtomicWaker,
}

impl Told {
    fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
        self.waker.wake();
    }
}

impl Clone for Shy {
    fn clone(&self) -> Self {
        self.told.clones.fetch_add(1, Ordering::Relaxed);
        Self { told: Arc::clone(&self.told), ready: false }
    }
}

/// Neither `Clone` nor anything else.
struct Request(u32);

impl Service<Request> for Shy {
    type Response = u32;
    type Error = &'static str;
    type Future = core::future::Ready<Result<u32, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.told.asked.fetch_add(1, Ordering::Relaxed);
        self.told.waker.register(cx.waker());
        assert!(!self.told.panics.load(Ordering::Relaxed), "the service panics");
        if self.told.fails.load(Ordering::Relaxed) {
            return Poll::Ready(Err("broken"));
        }
        self.ready = self.told.ready.load(Ordering::Relaxed);
        if self.ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(core::mem::take(&mut self.ready), "called without a word that it is ready");
        ready(Ok(request.0))
    }
}

type Layered = crate::BreakerService<Shy, ByResult, crate::tower::AsError>;

/// A service that was polled ready while its breaker was open, with the open time over since.
fn polled_while_open(builder: crate::BreakerBuilder) -> (Layered, Breaker, ManualClock, Arc<Told>) {
    let (clock, manual) = Clock::manual();
    let breaker = builder.minimum_calls(1).trials(1).clock(clock).build().unwrap();
    let shy = Shy::default();
    let told = Arc::clone(&shy.told);
    let mut service = breaker.layer().layer(shy);
    trip(&breaker);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert_eq!(told.asked.load(Ordering::Relaxed), 0, "nobody asks while it is open");
    manual.advance(OPEN_FOR);
    (service, breaker, manual, told)
}

fn plain() -> (Layered, Breaker, ManualClock, Arc<Told>) {
    polled_while_open(Breaker::builder("queue"))
}

#[test]
fn a_clone_is_made_ready_and_called() {
    let (mut service, breaker, _, told) = plain();
    let mut call = tokio_test::task::spawn(service.call(Request(7)));
    assert_pending!(call.poll());
    assert_eq!((breaker.state(), breaker.would_reject()), (State::HalfOpen, true), "the trial");
    told.set_ready(true);
    assert!(call.is_woken());
    assert_eq!(assert_ready_ok!(call.poll()), 7);
    let status = breaker.status();
    assert_eq!((status.state, status.inner_not_ready, status.rejected), (State::Closed, 0, 0));
    assert_eq!(told.clones.load(Ordering::Relaxed), 1);
    // From here on the service itself, and no clone, serves.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert_eq!(futures::executor::block_on(service.call(Request(8))), Ok(8));
    assert_eq!(told.clones.load(Ordering::Relaxed), 1);
}

#[test]
fn dropped_while_it_waits_it_is_cancelled_and_gives_the_trial_back() {
    for (cancelled, state) in
        [(Cancelled::Neutral, State::HalfOpen), (Cancelled::Failure, State::Open)]
    {
        let (mut service, breaker, ..) =
            polled_while_open(Breaker::builder("queue").cancelled(cancelled));
        let mut call = tokio_test::task::spawn(service.call(Request(7)));
        assert_pending!(call.poll());
        drop(call);
        assert_eq!((breaker.state(), breaker.status().cancelled), (state, 1));
        assert_eq!(breaker.would_reject(), state == State::Open);
    }
}

#[test]
fn a_service_that_fails_to_get_ready_was_not_called() {
    let (mut service, breaker, _, told) = plain();
    told.fails.store(true, Ordering::Relaxed);
    let error = futures::executor::block_on(service.call(Request(7))).unwrap_err();
    assert_eq!(error.into_inner(), Some("broken"));
    let status = breaker.status();
    assert_eq!((status.state, status.cancelled, status.failed), (State::HalfOpen, 0, 1));
    assert!(!breaker.would_reject(), "the trial came back");
    // As if the service had been asked in the first place.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Err(BreakerError::Inner("broken")))));
    assert_eq!((breaker.state(), breaker.status().failed), (State::HalfOpen, 1));
}

#[test]
fn a_panic_while_it_gets_ready_is_a_failure() {
    let (mut service, breaker, _, told) = plain();
    told.panics.store(true, Ordering::Relaxed);
    let mut call = Box::pin(service.call(Request(7)));
    let mut cx = Context::from_waker(Waker::noop());
    let poll = std::panic::AssertUnwindSafe(|| call.as_mut().poll(&mut cx).is_ready());
    assert!(std::panic::catch_unwind(poll).is_err());
    assert_eq!(breaker.state(), State::Open);
    drop(call);
    assert_eq!(breaker.status().cancelled, 0, "it was told once");
}

#[test]
fn a_grant_of_one_state_is_none_in_the_next() {
    // Opened while the call waits: it is woken and rejected, and the service never gets it.
    let (mut service, breaker, _, told) = plain();
    let mut call = tokio_test::task::spawn(service.call(Request(7)));
    assert_pending!(call.poll());
    breaker.force_open();
    assert!(call.is_woken());
    let error = assert_ready!(call.poll()).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::ForcedOpen);
    assert_eq!((breaker.status().cancelled, breaker.status().late), (0, 0));

    // The same where the service gets ready in the same moment.
    breaker.reset();
    trip(&breaker);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    breaker.reset();
    let mut call = tokio_test::task::spawn(service.call(Request(7)));
    assert_pending!(call.poll());
    breaker.force_open();
    told.set_ready(true);
    assert!(assert_ready!(call.poll()).unwrap_err().rejected().is_some());

    // Closed while the trial waits: the call goes through as one of the closed state.
    let (mut service, breaker, _, told) = plain();
    let mut call = tokio_test::task::spawn(service.call(Request(7)));
    assert_pending!(call.poll());
    breaker.reset();
    assert!(call.is_woken());
    assert_pending!(call.poll());
    told.set_ready(true);
    assert_eq!(assert_ready_ok!(call.poll()), 7);
    assert_eq!((breaker.status().counts.total, breaker.status().late), (1, 0));
}

#[test]
fn the_limit_on_trials_ends_one_that_waits() {
    let (mut service, breaker, manual, _) = plain();
    let mut call = tokio_test::task::spawn(service.call(Request(7)));
    assert_pending!(call.poll());
    manual.advance(Duration::from_secs(30));
    assert!(breaker.tick().is_some());
    assert_eq!(breaker.state(), State::Open);
    assert!(call.is_woken());
    let error = assert_ready!(call.poll()).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::Open);
}

#[test]
fn waiting_for_readiness_is_not_slow() {
    const SLOW: Duration = Duration::from_secs(2);
    for in_flight in [false, true] {
        let rule = crate::SlowCalls { longer_than: SLOW, rate: Ratio::ONE, in_flight };
        let config = BreakerConfig { slow_calls: Some(rule), ..BreakerConfig::default() };
        let (mut service, breaker, manual, told) =
            polled_while_open(Breaker::builder("queue").config(config));
        let mut call = tokio_test::task::spawn(service.call(Request(7)));
        assert_pending!(call.poll());
        manual.advance(5 * SLOW);
        told.set_ready(true);
        assert_eq!(assert_ready_ok!(call.poll()), 7);
        assert_eq!(breaker.state(), State::Closed);
    }
}

#[test]
fn an_open_breaker_keeps_no_place_in_a_limit() {
    let (breaker, manual) = breaker();
    let limited = ConcurrencyLimit::new(service_fn(|(): ()| ready(Ok::<_, BoxError>(7))), 1);
    let mut other = limited.clone();
    let mut service = breaker.layer().layer(limited);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    assert!(other.poll_ready(&mut cx).is_pending());
    trip(&breaker);
    assert!(futures::executor::block_on(service.call(())).is_err());
    assert!(other.poll_ready(&mut cx).is_ready(), "the place is free again");
    // With the place taken by somebody else, the trial waits for it.
    assert!(service.poll_ready(&mut cx).is_ready());
    manual.advance(OPEN_FOR);
    let mut call = tokio_test::task::spawn(service.call(()));
    assert_pending!(call.poll());
    drop(other);
    assert!(call.is_woken());
    assert_eq!(assert_ready_ok!(call.poll()), 7);
}

/// It would be handed to a service that nobody polls, while the clone that is made ready stands behind.
#[test]
fn a_place_that_was_queued_for_before_the_breaker_opened_is_not_taken() {
    let (breaker, manual) = breaker();
    let limited = ConcurrencyLimit::new(service_fn(|(): ()| ready(Ok::<_, BoxError>(7))), 1);
    let mut other = limited.clone();
    let mut service = breaker.layer().layer(limited);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(other.poll_ready(&mut cx).is_ready());
    assert!(service.poll_ready(&mut cx).is_pending());
    trip(&breaker);
    assert!(service.poll_ready(&mut cx).is_ready());
    assert!(futures::executor::block_on(service.call(())).is_err());
    manual.advance(OPEN_FOR);
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut call = tokio_test::task::spawn(service.call(()));
    assert_pending!(call.poll());
    drop(other);
    assert!(call.is_woken(), "the trial is next");
    assert_eq!(assert_ready_ok!(call.poll()), 7);
}

#[test]
fn a_caller_that_is_held_holds_no_place_in_a_limit() {
    let mut cx = Context::from_waker(Waker::noop());
    for was_ready in [false, true] {
        let (breaker, manual) = breaker();
        let limited = ConcurrencyLimit::new(service_fn(|(): ()| ready(Ok::<_, BoxError>(7))), 1);
        let (mut first, mut second) = (limited.clone(), limited.clone());
        let mut service = breaker.layer().hold_callers().layer(limited);
        if !was_ready {
            assert!(first.poll_ready(&mut cx).is_ready());
        }
        assert_eq!(service.poll_ready(&mut cx).is_ready(), was_ready);
        trip(&breaker);
        assert!(service.poll_ready(&mut cx).is_pending());
        drop(first);
        assert!(second.poll_ready(&mut cx).is_ready(), "{was_ready}");
        drop(second);
        manual.advance(OPEN_FOR);
        assert!(service.poll_ready(&mut cx).is_ready());
        assert_eq!(futures::executor::block_on(service.call(())).unwrap(), 7);
    }
}

#[test]
fn who_waits_for_a_service_hears_that_the_breaker_opened() {
    let (breaker, _) = breaker();
    let (mut service, mut handle) =
        tower_test::mock::spawn_with::<&str, (), _, _>(|inner| breaker.layer().layer(inner));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    assert!(!service.is_woken());
    trip(&breaker);
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
    let error = futures::executor::block_on(service.call("request")).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::Open);
    // Who does not wait is not woken.
    breaker.reset();
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    trip(&breaker);
    assert!(!service.is_woken());
}

#[test]
fn a_future_is_no_larger_for_the_rare_way() {
    type Of<S, Request> = crate::tower::BreakerFuture<
        core::future::Ready<Result<(), ()>>,
        ByResult,
        crate::tower::AsError,
        S,
        Request,
    >;
    assert_eq!(size_of::<Of<[u64; 64], [u64; 64]>>(), size_of::<Of<(), ()>>());
}
