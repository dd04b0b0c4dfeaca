//! The two clients of the order service: one that only tries again, and one behind a protective stack.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use rely_breaker::{
    AttemptTimeout, Breaker, BreakerBuilder, Endpoint, Failover, Ramp, RetryBudget, RetryPolicy,
};
use rely_core::classify::{ByBoxError, HttpStatus};
use rely_core::meter::Target;
use rely_core::{Backoff, Clock, Instant, Meter, Point, Ratio};
use rely_rollout::{Key, Split};
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

use crate::BoxError;
use crate::backend::never_trips;
use crate::http::{HttpClient, HttpResponse, is_good, request};
use crate::replica::Replica;
use crate::world::World;

/// One order to place, by somebody in one of the zones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) id: u64,
    attempt: u32,
}

impl Order {
    pub(crate) const fn new(id: u64) -> Self {
        Self { id, attempt: 0 }
    }

    /// The zone that whoever places it is in, of so many.
    pub(crate) fn home(self, zones: usize) -> usize {
        usize::try_from(self.id).map_or(0, |id| id % zones)
    }

    fn post(self, port: u16) -> http::Request<http_body_util::Empty<bytes::Bytes>> {
        request(Method::POST, port, &format!("/order/{}", self.id))
    }
}

/// A client as the load uses it: it places an order and says whether that went well.
#[derive(Clone)]
pub(crate) enum Client {
    Naive(Box<Naive>),
    Protected(Protected),
}

impl Client {
    pub(crate) async fn place(&self, order: Order) -> bool {
        match self {
            Self::Naive(naive) => naive.place(order).await,
            Self::Protected(protected) => protected.place(order).await,
        }
    }

    /// Requests that it has sent to replicas.
    pub(crate) fn sent(&self) -> u64 {
        match self {
            Self::Naive(naive) => naive.sent.load(Ordering::Relaxed),
            Self::Protected(protected) => protected.sent.load(Ordering::Relaxed),
        }
    }
}

/// Knows the replica of its zone; when that does not answer in time, or badly, it tries again at once.
#[derive(Clone)]
pub(crate) struct Naive {
    http: HttpClient,
    clock: Clock,
    zones: Arc<[Arc<Replica>]>,
    sent: Arc<AtomicU64>,
}

impl Naive {
    const ATTEMPTS: u32 = 4;
    const PATIENCE: Duration = Duration::from_millis(250);

    pub(crate) fn new(world: &World, clock: &Clock) -> Self {
        let zones = world.zones.iter().cloned().collect();
        Self { http: crate::http::client(), clock: clock.clone(), zones, sent: Arc::default() }
    }

    async fn place(&self, order: Order) -> bool {
        let replica = &self.zones[order.home(self.zones.len())];
        for _ in 0..Self::ATTEMPTS {
            self.sent.fetch_add(1, Ordering::Relaxed);
            let answer = self.http.request(order.post(replica.port()));
            tokio::select! {
                good = async { is_good(answer.await).await } => if good { return true },
                () = self.clock.sleep(Self::PATIENCE) => {}
            }
        }
        false
    }
}

type Stack = BoxCloneSyncService<Order, HttpResponse, BoxError>;

/// Retries within a budget, fails over to other zones, and breaks circuits; a share of its orders may
/// go to a candidate.
#[derive(Clone)]
pub(crate) struct Protected {
    /// The stack of the clients in each zone.
    stacks: Arc<[Stack]>,
    sent: Arc<AtomicU64>,
}

/// What the protected client knows about one replica.
pub(crate) struct Route {
    pub(crate) replica: Arc<Replica>,
    pub(crate) breaker: Breaker,
    /// Every attempt.
    pub(crate) point: Point,
    /// When the first bad answer came.
    pub(crate) first_bad: FirstBad,
}

/// When something bad first happened.
#[derive(Clone, Default)]
pub(crate) struct FirstBad(Arc<AtomicU64>);

impl FirstBad {
    pub(crate) fn get(&self) -> Option<Instant> {
        let nanos = self.0.load(Ordering::Relaxed);
        (nanos > 0).then(|| Instant::from_nanos(nanos))
    }

    pub(crate) fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn set(&self, now: Instant) {
        let (ok, err) = (Ordering::Relaxed, Ordering::Relaxed);
        // Only the first one finds a zero.
        let _ = self.0.compare_exchange(0, now.as_nanos(), ok, err);
    }
}

impl Route {
    fn new(replica: &Arc<Replica>, meter: &Meter, breakers_on: bool) -> Result<Self, BoxError> {
        let builder = Breaker::builder(format!("client to {}", replica.name));
        let builder = builder.clock(meter.clock().clone());
        let breaker = if breakers_on { breaker(builder)? } else { never_trips(builder)? };
        let point = meter.point(Target::new("orders").zone(Arc::clone(&replica.name)));
        Ok(Self { replica: Arc::clone(replica), breaker, point, first_bad: FirstBad::default() })
    }

    /// Breaker outside, time limit inside: so that the breaker sees what is too late.
    fn endpoint(
        &self,
        http: &HttpClient,
        clock: &Clock,
        sent: &Arc<AtomicU64>,
    ) -> Result<Stack, BoxError> {
        let (replica, sent) = (Arc::clone(&self.replica), Arc::clone(sent));
        let (first_bad, now) = (self.first_bad.clone(), clock.clone());
        let stack = ServiceBuilder::new()
            .map_err(BoxError::from)
            .layer(self.breaker.layer().classify(HttpStatus::new()))
            .layer(self.point.layer().classify(HttpStatus::new()))
            .layer(AttemptTimeout::new(Duration::from_millis(400))?.clock(clock.clone()))
            .map_request(move |order: Order| {
                sent.fetch_add(1, Ordering::Relaxed);
                order.post(replica.port())
            })
            .map_response(move |response: HttpResponse| {
                if !response.status().is_success() {
                    first_bad.set(now.now());
                }
                response
            })
            .service(http.clone());
        Ok(BoxCloneSyncService::new(stack))
    }
}

/// The endpoints in order, nearest first.
fn failover(
    routes: &[&Route],
    http: &HttpClient,
    clock: &Clock,
    sent: &Arc<AtomicU64>,
) -> Result<Stack, BoxError> {
    let mut failover =
        Failover::builder("orders").classify(answers()).attempt_by(|order: &Order| order.attempt);
    for (priority, route) in (0..).zip(routes) {
        let name = &route.replica.name;
        let endpoint = Endpoint::new(Arc::clone(name)).zone(Arc::clone(name)).priority(priority);
        failover = failover.endpoint(endpoint, route.endpoint(http, clock, sent)?);
    }
    Ok(BoxCloneSyncService::new(failover.build()?))
}

/// What an answer is, where errors are boxed.
fn answers() -> HttpStatus<ByBoxError> {
    HttpStatus::new().errors_by(ByBoxError)
}

/// How long a zone that is back has a quarter of its orders, and then half of them.
const STAGE: Duration = Duration::from_millis(100);

fn breaker(builder: BreakerBuilder) -> Result<Breaker, BoxError> {
    Ok(builder
        .failure_rate(Ratio::percent(50.0)?)
        .consecutive_failures(10)
        .window_calls(40)
        .minimum_calls(20)
        .open_for(Duration::from_millis(250))
        .trials(2)
        .ramp(Ramp { stages: vec![Ratio::percent(25.0)?, Ratio::percent(50.0)?], stage_for: STAGE })
        .build()?)
}

/// The routes of the protected client: to the replica of each zone, and to the candidate.
pub(crate) struct Routes {
    pub(crate) zones: Vec<Route>,
    pub(crate) canary: Route,
}

impl Routes {
    pub(crate) fn new(world: &World, meter: &Meter, breakers_on: bool) -> Result<Self, BoxError> {
        let route = |replica: &Arc<Replica>| Route::new(replica, meter, breakers_on);
        let canary = world.canary.as_ref().ok_or("the protected world has a canary")?;
        let zones = world.zones.iter().map(route).collect::<Result<_, _>>()?;
        Ok(Self { zones, canary: route(canary)? })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Route> {
        self.zones.iter().chain([&self.canary])
    }
}

impl Protected {
    pub(crate) fn new(routes: &Routes, split: &Split, clock: &Clock) -> Result<Self, BoxError> {
        let (http, sent) = (crate::http::client(), Arc::default());
        let budget = RetryBudget::builder()
            .ratio(Ratio::percent(20.0)?)
            .min_per_second(10)
            .clock(clock.clone())
            .build()?;
        let mut stacks = Vec::new();
        for home in 0..routes.zones.len() {
            let (nearest, rest) = routes.zones.split_at(home);
            let zones: Vec<&Route> = rest.iter().chain(nearest).collect();
            let stable = failover(&zones, &http, clock, &sent)?;
            // What the candidate refuses or gets wrong goes to the others.
            let with_canary: Vec<&Route> = [&routes.canary].into_iter().chain(zones).collect();
            let candidate = failover(&with_canary, &http, clock, &sent)?;
            let routed =
                split.service(stable, candidate).sticky_by(|order: &Order| Key::from(order.id));
            let policy = RetryPolicy::builder(budget.clone())
                .max_attempts(4)
                .backoff(Backoff::exponential(
                    Duration::from_millis(10),
                    Duration::from_millis(50),
                )?)
                .classify(answers())
                .on_retry(|order: &mut Order, attempt| order.attempt = attempt)
                .build()?;
            let stack = ServiceBuilder::new()
                .map_err(BoxError::from)
                .layer(RetryLayer::new(policy))
                .service(routed);
            stacks.push(BoxCloneSyncService::new(stack));
        }
        Ok(Self { stacks: stacks.into(), sent })
    }

    async fn place(&self, order: Order) -> bool {
        let stack = self.stacks[order.home(self.stacks.len())].clone();
        is_good(stack.oneshot(order).await).await
    }
}
