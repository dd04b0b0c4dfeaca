//! The layers in the order that the documentation teaches: retry, failover, and for each endpoint a
//! breaker around a time limit.

#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use core::future::pending;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rely_breaker::{AttemptTimeout, Breaker, Endpoint, Failover, RetryBudget, RetryPolicy, State};
use rely_core::classify::ByError;
use rely_core::{Clock, ManualClock, Ratio};
use tokio_test::{assert_pending, assert_ready, task};
use tower::retry::RetryLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

const LIMIT: Duration = Duration::from_millis(120);

#[derive(Clone, Debug)]
struct Order {
    attempt: u32,
}

/// A zone of the order service, which may hang.
#[derive(Clone)]
struct Zone {
    name: &'static str,
    breaker: Breaker,
    hangs: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Zone {
    fn new(name: &'static str, clock: &Clock) -> Self {
        let breaker = Breaker::builder(name).minimum_calls(3).trials(1).clock(clock.clone());
        let breaker = breaker.build().unwrap();
        Self { name, breaker, hangs: Arc::default(), calls: Arc::default() }
    }

    async fn serve(self) -> Result<&'static str, io::Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.hangs.load(Ordering::Relaxed) { pending().await } else { Ok(self.name) }
    }
}

/// What a call came to, and how long it took.
fn run<S>(stack: &S, manual: &ManualClock, clock: &Clock) -> (Result<S::Response, String>, Duration)
where
    S: Service<Order> + Clone,
    S::Error: core::fmt::Display,
{
    let start = clock.now();
    let mut call = task::spawn(stack.clone().oneshot(Order { attempt: 0 }));
    loop {
        if let core::task::Poll::Ready(result) = call.poll() {
            return (result.map_err(|error| error.to_string()), clock.now() - start);
        }
        manual.advance_to_next_timer().expect("a call that waits for nothing");
    }
}

#[test]
fn a_zone_that_hangs_costs_a_few_retries_and_then_nothing() {
    let (clock, manual) = Clock::manual();
    let (a, b) = (Zone::new("a", &clock), Zone::new("b", &clock));
    let budget = RetryBudget::builder()
        .ratio(Ratio::percent(20.0).unwrap())
        .min_per_second(10)
        .clock(clock.clone())
        .build()
        .unwrap();
    let endpoint = |zone: &Zone| {
        let inner = zone.clone();
        ServiceBuilder::new()
            .layer(zone.breaker.layer().classify(ByError))
            .layer(AttemptTimeout::new(LIMIT).unwrap().clock(clock.clone()))
            .service_fn(move |_: Order| inner.clone().serve())
    };
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("orders-b").zone("b").priority(1), endpoint(&b))
        .endpoint(Endpoint::new("orders-a").zone("a").priority(0), endpoint(&a))
        .attempt_by(|order: &Order| order.attempt)
        .build()
        .unwrap();
    let handle = failover.handle();
    let policy = RetryPolicy::builder(budget.clone())
        .max_attempts(3)
        .without_backoff()
        .on_retry(|order: &mut Order, attempt| order.attempt = attempt)
        .build()
        .unwrap();
    let stack = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(failover);
    let ask = || run(&stack, &manual, &clock);
    let calls = |zone: &Zone| zone.calls.load(Ordering::Relaxed);

    // All is well: a serves, nothing is retried.
    assert_eq!(ask(), (Ok("a"), Duration::ZERO));
    assert_eq!((calls(&a), calls(&b)), (1, 0));

    // a hangs: the attempt is cut off and another one goes to b, until a's breaker has seen enough:
    // half of its calls failed when two of three had.
    a.hangs.store(true, Ordering::Relaxed);
    for retries in 1..=2 {
        assert_eq!(a.breaker.state(), State::Closed);
        assert_eq!(ask(), (Ok("b"), LIMIT));
        assert_eq!(budget.status().withdrawn, retries);
    }
    assert_eq!(a.breaker.state(), State::Open);
    assert_eq!((calls(&a), calls(&b)), (3, 2));

    // From now on b has the calls at once, and no retry is spent.
    for _ in 0..50 {
        assert_eq!(ask(), (Ok("b"), Duration::ZERO));
    }
    let status = budget.status();
    assert_eq!((status.deposited, status.withdrawn, status.exhausted), (53, 2, 0));
    assert_eq!((calls(&a), calls(&b)), (3, 52));
    assert_eq!((handle.status().moved_on, a.breaker.status().rejected), (50, 50));
    assert_eq!(b.breaker.state(), State::Closed);

    // The open time is over and a still hangs: the trial costs one retry.
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask(), (Ok("b"), LIMIT));
    assert_eq!(a.breaker.state(), State::Open);
    assert_eq!(budget.status().withdrawn, 3);
    assert_eq!(ask(), (Ok("b"), Duration::ZERO));

    // a is back: its trial goes well, and it has the calls again.
    a.hangs.store(false, Ordering::Relaxed);
    manual.advance(Duration::from_secs(30));
    assert_eq!(ask(), (Ok("a"), Duration::ZERO));
    assert_eq!(a.breaker.state(), State::Closed);
    assert_eq!(ask(), (Ok("a"), Duration::ZERO));
    assert_eq!(budget.status().withdrawn, 3);
    let status = handle.status();
    let (a, b) = (&status.endpoints[0], &status.endpoints[1]);
    assert_eq!((&*a.name, a.served, a.failed, a.refusing), ("orders-a", 6, 3, false));
    assert_eq!((&*b.name, b.served, b.failed, b.refused), ("orders-b", 54, 0, 0));
    assert_eq!(manual.timers(), 0);
}

#[test]
fn with_every_zone_down_the_load_grows_by_the_budget_and_no_more() {
    let (clock, manual) = Clock::manual();
    let calls = Arc::new(AtomicU32::new(0));
    let budget = RetryBudget::builder().min_per_second(0).clock(clock.clone()).build().unwrap();
    // Breakers that never open, so that nothing else holds the load down.
    let endpoint = |name: &'static str| {
        let breaker = Breaker::builder(name).window_calls(1 << 20).minimum_calls(1 << 20);
        let calls = Arc::clone(&calls);
        ServiceBuilder::new()
            .layer(breaker.build().unwrap().layer().classify(ByError))
            .layer(AttemptTimeout::new(LIMIT).unwrap().clock(clock.clone()))
            .service_fn(move |_: Order| {
                calls.fetch_add(1, Ordering::Relaxed);
                pending::<Result<(), io::Error>>()
            })
    };
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), endpoint("a"))
        .endpoint(Endpoint::new("b"), endpoint("b"))
        .attempt_by(|order: &Order| order.attempt)
        .build()
        .unwrap();
    let policy = RetryPolicy::builder(budget.clone())
        .without_backoff()
        .on_retry(|order: &mut Order, attempt| order.attempt = attempt)
        .build()
        .unwrap();
    let stack = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(failover);
    // All of them at once, so that no deposit has time to expire.
    let mut waiting: Vec<_> =
        (0..1_000).map(|_| task::spawn(stack.clone().oneshot(Order { attempt: 0 }))).collect();
    for call in &mut waiting {
        assert_pending!(call.poll());
    }
    for _ in 0..3 {
        manual.advance(LIMIT);
        waiting.retain_mut(|call| call.poll().is_pending());
    }
    assert!(waiting.is_empty());
    assert_eq!(calls.load(Ordering::Relaxed), 1_200);
    assert_eq!(budget.status().withdrawn, 200);
}

#[test]
fn all_zones_open_is_an_answer_at_once_and_burns_no_token() {
    let (clock, _) = Clock::manual();
    let (a, b) = (Zone::new("a", &clock), Zone::new("b", &clock));
    for zone in [&a, &b] {
        for _ in 0..3 {
            zone.breaker.acquire().unwrap().failure();
        }
    }
    let budget = RetryBudget::builder().clock(clock.clone()).build().unwrap();
    let endpoint = |zone: &Zone| {
        let inner = zone.clone();
        let serve = service_fn(move |_: Order| inner.clone().serve());
        ServiceBuilder::new().layer(zone.breaker.layer().classify(ByError)).service(serve)
    };
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), endpoint(&a))
        .endpoint(Endpoint::new("b"), endpoint(&b))
        .build()
        .unwrap();
    let policy = RetryPolicy::builder(budget.clone()).build().unwrap();
    let stack = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(failover);
    let mut call = task::spawn(stack.oneshot(Order { attempt: 0 }));
    let error = assert_ready!(call.poll()).unwrap_err();
    assert_eq!(error.to_string(), "circuit breaker a is open, retry in 30s");
    assert_eq!(budget.status().withdrawn, 0);
}
