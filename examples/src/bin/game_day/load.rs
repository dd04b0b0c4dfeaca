//! An open-loop load: arrivals keep to their timetable, whatever becomes of the answers, and are
//! judged by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rely_core::{Clock, Instant, Outcome, Point};

use crate::client::{Client, Order};

/// What the user is promised: an answer that is good and no later than this.
pub(crate) const OBJECTIVE: Duration = Duration::from_secs(1);

/// Orders that come all at once in a rush, and how often.
const RUSH: u64 = 60;
const RUSH_EVERY: Duration = Duration::from_millis(500);

/// Orders of one client, counted once it is known whether they are within the objective: at their
/// answer, or when that is too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) within: u64,
    pub(crate) missed: u64,
}

impl Count {
    pub(crate) const fn total(self) -> u64 {
        self.within + self.missed
    }

    pub(crate) const fn since(self, before: Self) -> Self {
        Self { within: self.within - before.within, missed: self.missed - before.missed }
    }

    /// The share within the objective.
    pub(crate) fn share(self) -> Option<f64> {
        (self.total() > 0).then(|| self.within as f64 / self.total() as f64)
    }
}

/// A client, and what became of its orders.
pub(crate) struct Customer {
    client: Client,
    /// Every order with its latency since it was due, as the user sees it.
    pub(crate) point: Point,
    /// Every order, as within the objective or not.
    recent: Point,
    within: AtomicU64,
    missed: AtomicU64,
    sent: AtomicU64,
    ended: AtomicU64,
}

impl Customer {
    pub(crate) fn new(client: Client, point: Point, recent: Point) -> Arc<Self> {
        let [within, missed, sent, ended] = Default::default();
        Arc::new(Self { client, point, recent, within, missed, sent, ended })
    }

    pub(crate) fn name(&self) -> &str {
        self.point.target().service_name()
    }

    pub(crate) fn count(&self) -> Count {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Count { within: count(&self.within), missed: count(&self.missed) }
    }

    /// Orders placed so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Requests that the client has made of them.
    pub(crate) fn upstream(&self) -> u64 {
        self.client.sent()
    }

    /// Whether every order has come to an end.
    pub(crate) fn is_idle(&self) -> bool {
        self.ended.load(Ordering::Acquire) == self.sent()
    }

    /// Places an order that was due at `due`.
    async fn place(&self, order: Order, due: Instant, clock: &Clock) {
        let decide = |good: bool| {
            let counter = if good { &self.within } else { &self.missed };
            counter.fetch_add(1, Ordering::Relaxed);
            let outcome = if good { Outcome::SUCCESS } else { Outcome::FAILURE };
            self.recent.record(outcome, clock.now() - due);
        };
        let mut answer = core::pin::pin!(self.client.place(order));
        let good = tokio::select! {
            biased;
            good = &mut answer => {
                decide(good && clock.now() - due <= OBJECTIVE);
                good
            }
            () = clock.sleep_until(due + OBJECTIVE) => {
                decide(false);
                answer.await
            }
        };
        let outcome = if good { Outcome::SUCCESS } else { Outcome::FAILURE };
        self.point.record(outcome, clock.now() - due);
        self.ended.fetch_add(1, Ordering::Release);
    }
}

/// How orders arrive.
#[derive(Default)]
pub(crate) struct Pattern {
    rush: AtomicBool,
    rushes: AtomicU64,
    stopped: AtomicBool,
}

impl Pattern {
    /// Begins or ends a rush: on top of the even stream, many orders at once.
    pub(crate) fn rush(&self, on: bool) {
        self.rush.store(on, Ordering::Relaxed);
    }

    /// Whether there is one.
    pub(crate) fn is_rush(&self) -> bool {
        self.rush.load(Ordering::Relaxed)
    }

    /// How often many orders came at once.
    pub(crate) fn rushes(&self) -> u64 {
        self.rushes.load(Ordering::Relaxed)
    }

    /// No order is placed any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// Places `rate` orders a second, the same with each customer, until the pattern says stop.
pub(crate) async fn run(
    customers: [Arc<Customer>; 2],
    rate: u32,
    clock: Clock,
    pattern: Arc<Pattern>,
) {
    let start = clock.now();
    let apart = Duration::from_secs(1) / rate;
    let mut next_rush = start;
    let mut id = 0;
    for number in 0.. {
        let due = start + apart * number;
        clock.sleep_until(due).await;
        if pattern.stopped.load(Ordering::Relaxed) {
            return;
        }
        let is_rush = pattern.rush.load(Ordering::Relaxed) && due >= next_rush;
        if is_rush {
            next_rush = due + RUSH_EVERY;
            pattern.rushes.fetch_add(1, Ordering::Relaxed);
        }
        for _ in 0..if is_rush { RUSH } else { 1 } {
            id += 1;
            for customer in &customers {
                customer.sent.fetch_add(1, Ordering::Relaxed);
                let (customer, clock) = (Arc::clone(customer), clock.clone());
                tokio::spawn(async move { customer.place(Order::new(id), due, &clock).await });
            }
        }
    }
}
