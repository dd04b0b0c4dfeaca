use core::future::ready;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rely_core::backoff::Jitter;
use rely_core::classify::{ByResult, Classify, DO_NOT_RETRY, MAX_RETRY_AFTER};
use rely_core::{Backoff, Class, Clock, Instant, ManualClock, Outcome, Ratio, RejectedBy};
use tokio_test::{assert_pending, assert_ready, task};
use tower::retry::{Policy, Retry};
use tower::{Service, service_fn};

use super::tokens::{SLOTS, TOKEN, Tokens};
use super::{RetryBudget, RetryPolicy};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn budget(ratio: f64, min_per_second: u32) -> (RetryBudget, ManualClock) {
    let (clock, manual) = Clock::manual();
    let ratio = Ratio::percent(ratio).unwrap();
    let budget = RetryBudget::builder().ratio(ratio).min_per_second(min_per_second);
    (budget.clock(clock).build().unwrap(), manual)
}

fn constant(delay: Duration) -> Backoff {
    Backoff::constant(delay).unwrap().with_jitter(Jitter::None).unwrap()
}

fn withdraw(budget: &RetryBudget, times: usize) -> usize {
    (0..times).filter(|_| budget.withdraw()).count()
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let ttl = |ttl| RetryBudget::builder().ttl(ttl).build().map(drop).map_err(|e| e.to_string());
    assert_eq!(ttl(SECOND), Ok(()));
    assert_eq!(ttl(60 * SECOND), Ok(()));
    assert_eq!(ttl(SECOND - MILLI).unwrap_err(), "ttl is 999ms, allowed: 1s to 60s");
    assert_eq!(ttl(60 * SECOND + MILLI).unwrap_err(), "ttl is 60.001s, allowed: 1s to 60s");
    let (budget, _) = budget(20.0, 10);
    let attempts = |n| RetryPolicy::builder(budget.clone()).max_attempts(n).build();
    assert!(attempts(1).is_ok());
    let error = attempts(0).unwrap_err();
    assert_eq!(error.to_string(), "max_attempts is 0, allowed: at least 1");
}

#[test]
fn a_share_of_the_calls_may_be_retried_exactly() {
    for (percent, calls, retries) in [
        (20.0, 4, 0),
        (20.0, 5, 1),
        (20.0, 100, 20),
        (30.0, 1_000, 300),
        (40.0, 1_000, 400),
        (60.0, 1_000, 600),
        (90.0, 1_000, 900),
        (100.0, 7, 7),
        (0.0, 1_000, 0),
    ] {
        let (budget, _) = budget(percent, 0);
        (0..calls).for_each(|_| budget.deposit());
        assert_eq!(budget.status().balance, retries, "{percent} % of {calls}");
        let taken = withdraw(&budget, 2_000);
        assert_eq!(taken as u64, retries, "{percent} % of {calls}");
        let status = budget.status();
        assert_eq!((status.deposited, status.withdrawn), (calls, retries));
        assert_eq!((status.exhausted, status.balance), (2_000 - retries, 0));
    }
}

#[test]
fn the_reserve_is_there_at_once_and_comes_back_when_withdrawals_expire() {
    let (budget, manual) = budget(0.0, 2);
    assert_eq!(withdraw(&budget, 50), 20, "2 a second for 10 s");
    manual.advance(9_999 * MILLI);
    assert_eq!(withdraw(&budget, 50), 0);
    manual.advance(MILLI);
    assert_eq!(withdraw(&budget, 50), 20);
}

#[test]
fn deposits_expire_and_leave_no_debt_behind() {
    let (budget, manual) = budget(50.0, 1);
    (0..20).for_each(|_| budget.deposit());
    assert_eq!(budget.status().balance, 20, "10 of the reserve, 10 of the calls");
    manual.advance(5 * SECOND);
    assert_eq!(withdraw(&budget, 15), 15);
    // The deposits go, the withdrawals that they allowed are still held against the budget.
    manual.advance(5 * SECOND);
    assert_eq!(budget.status().balance, 0);
    assert!(!budget.withdraw());
    manual.advance(5 * SECOND);
    assert_eq!(budget.status().balance, 10);
}

#[test]
fn a_clock_that_jumps_does_not_stop_the_budget() {
    let (budget, manual) = budget(0.0, 1);
    manual.set(Instant::MAX);
    assert_eq!(withdraw(&budget, 50), 10);
    manual.set(Instant::ORIGIN);
    assert_eq!(withdraw(&budget, 50), 10, "what was taken at the end of time is over");
    manual.advance(10 * SECOND);
    assert_eq!(withdraw(&budget, 50), 10);
    // A little behind is another thread's reading.
    manual.set(Instant::ORIGIN + 9 * SECOND);
    assert_eq!(withdraw(&budget, 50), 0);
}

#[test]
fn clones_are_one_budget_and_threads_cannot_overdraw_it() {
    let (budget, _) = budget(20.0, 5);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| budget.clone().deposit()));
        }
    });
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| withdraw(&budget.clone(), 1_000))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 50 + 800);
}

#[test]
fn what_threads_write_while_time_goes_on_expires_to_the_last_part() {
    let tokens = Tokens::new(10, 3 * TOKEN, Instant::ORIGIN);
    let clock = AtomicU64::new(0);
    let now = || Instant::from_nanos(clock.fetch_add(1, Ordering::Relaxed));
    for round in 0..20 {
        std::thread::scope(|scope| {
            for thread in 1..=3 {
                let tokens = &tokens;
                scope.spawn(move || {
                    for turn in 0..2_000 {
                        tokens.deposit(thread * TOKEN / 5 + turn, now);
                        tokens.withdraw(now);
                    }
                });
            }
        });
        clock.fetch_add(10 * SLOTS, Ordering::Relaxed);
        assert_eq!(tokens.balance(now), 3 * TOKEN, "after {round} rounds");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Deposit(i64),
    Withdraw,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..25_u64).prop_map(Step::Wait),
        1 => (0..200_u64).prop_map(Step::Wait),
        4 => (1..=TOKEN).prop_map(Step::Deposit),
        4 => Just(Step::Withdraw),
    ]
}

proptest! {
    #[test]
    fn tokens_do_what_a_list_of_all_events_says(
        steps in prop::collection::vec(step(), 1..200),
        reserve in 0..5_i64,
        start in 0..1_000_000_000_u64,
    ) {
        const TICK: u64 = 10;
        let mut now = Instant::from_nanos(start);
        let tokens = Tokens::new(TICK, reserve * TOKEN, now);
        let mut events: VecDeque<(u64, i64)> = VecDeque::new();
        for step in steps {
            let balance = |now: Instant, events: &VecDeque<(u64, i64)>| {
                let tick = now.as_nanos() / TICK;
                let live = events.iter().filter(|(at, _)| at + SLOTS > tick);
                reserve * TOKEN + live.map(|(_, parts)| parts).sum::<i64>()
            };
            match step {
                Step::Wait(nanos) => now += Duration::from_nanos(nanos),
                Step::Deposit(parts) => {
                    tokens.deposit(parts, || now);
                    events.push_back((now.as_nanos() / TICK, parts));
                }
                Step::Withdraw => {
                    let may = balance(now, &events) >= TOKEN;
                    prop_assert_eq!(tokens.withdraw(|| now), may);
                    if may {
                        events.push_back((now.as_nanos() / TICK, -TOKEN));
                    }
                }
            }
            prop_assert_eq!(tokens.balance(|| now), balance(now, &events));
        }
    }
}

/// Judges an answer that is a class itself.
fn as_told(result: Result<&Outcome, &()>) -> Outcome {
    result.copied().unwrap_or(Outcome::FAILURE)
}

fn ask<P>(policy: &P, answer: Outcome) -> Option<P::Future>
where
    P: Policy<u32, Outcome, ()> + Clone,
{
    let mut session = policy.clone();
    let mut request = session.clone_request(&0)?;
    session.retry(&mut request, &mut Ok(answer))
}

#[test]
fn the_judgement_decides_what_is_retried_and_what_it_costs() {
    let rejected = Outcome::rejected(RejectedBy::Breaker);
    let cap = 5 * SECOND;
    for (answer, retried, cost) in [
        (Outcome::SUCCESS, false, 0),
        (Outcome::IGNORED, false, 0),
        (Outcome::CANCELLED, false, 0),
        (Outcome::FAILURE, true, 1),
        (Outcome::SOFT_FAILURE, true, 1),
        (Outcome::SUCCESS.with_retry_after(SECOND), false, 0),
        (Outcome::FAILURE.with_retry_after(cap), true, 1),
        (Outcome::FAILURE.with_retry_after(cap + Duration::from_nanos(1)), false, 0),
        (Outcome::FAILURE.with_retry_after(DO_NOT_RETRY), false, 0),
        (rejected, false, 0),
        (rejected.with_retry_after(Duration::ZERO), true, 0),
        (rejected.with_retry_after(cap), true, 0),
        (rejected.with_retry_after(cap + Duration::from_nanos(1)), false, 0),
    ] {
        let (budget, _) = budget(0.0, 10);
        let policy = RetryPolicy::builder(budget.clone()).classify(as_told).build().unwrap();
        assert_eq!(ask(&policy, answer).is_some(), retried, "{answer:?}");
        let status = budget.status();
        assert_eq!(
            (status.deposited, status.withdrawn, status.exhausted),
            (1, cost, 0),
            "{answer:?}"
        );
    }
}

#[test]
fn no_cap_on_the_wait_does_not_mean_to_wait_for_ever() {
    let (budget, _) = budget(0.0, 10);
    let policy = RetryPolicy::builder(budget.clone()).classify(as_told);
    let policy = policy.max_retry_after(Duration::MAX).build().unwrap();
    assert!(ask(&policy, Outcome::FAILURE.with_retry_after(MAX_RETRY_AFTER)).is_some());
    assert!(ask(&policy, Outcome::FAILURE.with_retry_after(DO_NOT_RETRY)).is_none());
    assert_eq!(budget.status().withdrawn, 1);
}

#[test]
fn the_wait_that_was_asked_for_comes_before_the_backoff() {
    let (budget, manual) = budget(0.0, 10);
    let policy = RetryPolicy::builder(budget).classify(as_told).backoff(constant(50 * MILLI));
    let policy = policy.build().unwrap();
    let mut delay = task::spawn(ask(&policy, Outcome::FAILURE.with_retry_after(SECOND)).unwrap());
    manual.advance(1_049 * MILLI);
    assert_pending!(delay.poll());
    manual.advance(MILLI);
    assert!(delay.is_woken());
    assert_ready!(delay.poll());
}

#[test]
fn no_delay_takes_no_timer() {
    let (budget, manual) = budget(0.0, 10);
    let policy = RetryPolicy::builder(budget).classify(as_told).without_backoff();
    let policy = policy.build().unwrap();
    let mut delay = task::spawn(ask(&policy, Outcome::FAILURE).unwrap());
    assert_ready!(delay.poll());
    assert_eq!(manual.timers(), 0);
}

#[test]
fn calls_have_delays_of_their_own_and_a_seed_repeats_them() {
    let delays = |seed| {
        let (budget, manual) = budget(0.0, 100);
        let policy = RetryPolicy::builder(budget).classify(as_told).seed(seed).build().unwrap();
        let delay = || {
            let mut delay = task::spawn(ask(&policy, Outcome::FAILURE).unwrap());
            assert_pending!(delay.poll());
            manual.next_timer().unwrap()
        };
        (0..8).map(|_| delay()).collect::<Vec<_>>()
    };
    let first = delays(1);
    assert_eq!(first, delays(1));
    assert_ne!(first, delays(2));
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), first.len(), "{first:?}");
}

/// A request that counts its copies and cannot be cloned otherwise.
#[derive(Debug)]
struct Counted {
    attempt: u32,
    copies: Arc<AtomicU32>,
}

impl Counted {
    fn copy(&self) -> Self {
        self.copies.fetch_add(1, Ordering::Relaxed);
        Self { attempt: self.attempt, copies: Arc::clone(&self.copies) }
    }
}

#[test]
fn attempts_are_numbered_and_the_last_one_is_not_copied() {
    let (budget, _) = budget(0.0, 100);
    let policy = RetryPolicy::builder(budget.clone())
        .max_attempts(4)
        .without_backoff()
        .classify(ByResult)
        .on_retry(|request: &mut Counted, attempt| request.attempt = attempt)
        .clone_request(|request: &Counted| Some(request.copy()))
        .build()
        .unwrap();
    let seen = Mutex::new(Vec::new());
    let always_fails = service_fn(|request: Counted| {
        seen.lock().unwrap().push(request.attempt);
        ready(Err::<(), _>(request.attempt))
    });
    let copies = Arc::new(AtomicU32::new(0));
    let request = Counted { attempt: 0, copies: Arc::clone(&copies) };
    let mut service = Retry::new(policy, always_fails);
    let last = futures::executor::block_on(service.call(request));
    assert_eq!(last, Err(3), "the last answer comes out as it is");
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3]);
    assert_eq!(copies.load(Ordering::Relaxed), 3);
    let status = budget.status();
    assert_eq!((status.deposited, status.withdrawn), (1, 3));
}

#[test]
fn a_request_that_must_not_be_sent_twice_is_neither_copied_nor_retried() {
    let (budget, _) = budget(0.0, 100);
    let policy = RetryPolicy::builder(budget.clone())
        .classify(ByResult)
        .retry_if(|request: &Counted| request.attempt > 0)
        .clone_request(|request: &Counted| Some(request.copy()))
        .build()
        .unwrap();
    let calls = AtomicU32::new(0);
    let fails = service_fn(|_: Counted| {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(Err::<(), _>("down"))
    });
    let copies = Arc::new(AtomicU32::new(0));
    let request = Counted { attempt: 0, copies: Arc::clone(&copies) };
    assert!(futures::executor::block_on(Retry::new(policy, fails).call(request)).is_err());
    assert_eq!((calls.into_inner(), copies.load(Ordering::Relaxed)), (1, 0));
    assert_eq!(budget.status().deposited, 1, "it is load all the same");
}

#[test]
fn an_outage_adds_no_more_load_than_the_ratio() {
    let (budget, _) = budget(20.0, 0);
    let policy =
        RetryPolicy::builder(budget.clone()).classify(ByResult).without_backoff().build().unwrap();
    let calls = AtomicU32::new(0);
    let down = service_fn(|(): ()| {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(Err::<(), _>("down"))
    });
    for _ in 0..1_000 {
        let _ = futures::executor::block_on(Retry::new(policy.clone(), down).call(()));
    }
    assert_eq!(calls.into_inner(), 1_200);
    assert_eq!(budget.status().exhausted, 1_200 - 200);
}

#[test]
fn an_erased_classifier_will_do() {
    let (budget, _) = budget(0.0, 1);
    let erased: Arc<dyn Classify<Outcome, ()> + Send + Sync> = Arc::new(as_told);
    let policy = RetryPolicy::builder(budget).classify(erased).build().unwrap();
    assert!(ask(&policy, Class::Failure.into()).is_some());
}
