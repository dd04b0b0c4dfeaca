use core::future::{Ready, ready};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rely_core::signal::ManualSignal;
use rely_core::{Clock, Instant, Level, Outcome, RejectedBy, Verdict};
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt, service_fn};
use tower_test::mock;

use super::{Endpoint, Failover, FailoverStatus};
use crate::Breaker;

/// What a scripted endpoint does with whoever asks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Serve,
    Fail,
    Refuse(Option<u64>),
    NotReady,
    NeverReady,
}

/// An answer that names its endpoint, and a refusal that says when to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Served(usize),
    Failed(usize),
    Refused(usize, Option<u64>),
    NotReady(usize),
}

fn judge(result: Result<&Answer, &Answer>) -> Outcome {
    match result {
        Err(Answer::Refused(_, wait)) => Outcome {
            retry_after: wait.map(Duration::from_millis),
            ..Outcome::rejected(RejectedBy::Limit)
        },
        Err(_) => Outcome::FAILURE,
        Ok(_) => Outcome::SUCCESS,
    }
}

#[derive(Debug)]
struct Scripted {
    index: usize,
    does: Arc<Mutex<Vec<Does>>>,
    asked: Arc<Mutex<Vec<usize>>>,
    is_ready: bool,
}

/// A clone is not ready because the original is.
impl Clone for Scripted {
    fn clone(&self) -> Self {
        let (does, asked) = (Arc::clone(&self.does), Arc::clone(&self.asked));
        Self { index: self.index, does, asked, is_ready: false }
    }
}

impl Service<u32> for Scripted {
    type Response = Answer;
    type Error = Answer;
    type Future = Ready<Result<Answer, Answer>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Answer>> {
        match self.does.lock().unwrap()[self.index] {
            Does::NotReady => Poll::Ready(Err(Answer::NotReady(self.index))),
            Does::NeverReady => Poll::Pending,
            _ => {
                self.is_ready = true;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, _: u32) -> Self::Future {
        assert!(core::mem::take(&mut self.is_ready), "called without being ready");
        self.asked.lock().unwrap().push(self.index);
        ready(match self.does.lock().unwrap()[self.index] {
            Does::Serve => Ok(Answer::Served(self.index)),
            Does::Refuse(wait) => Err(Answer::Refused(self.index, wait)),
            Does::Fail | Does::NotReady | Does::NeverReady => Err(Answer::Failed(self.index)),
        })
    }
}

struct Script {
    does: Arc<Mutex<Vec<Does>>>,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Script {
    fn new(does: &[Does]) -> (Self, Vec<Scripted>) {
        let script = Self { does: Arc::new(Mutex::new(does.to_vec())), asked: Arc::default() };
        let service = |index| Scripted {
            index,
            does: Arc::clone(&script.does),
            asked: Arc::clone(&script.asked),
            is_ready: false,
        };
        let services = (0..does.len()).map(service).collect();
        (script, services)
    }

    fn asked(&self) -> Vec<usize> {
        core::mem::take(&mut self.asked.lock().unwrap())
    }

    fn set(&self, does: &[Does]) {
        self.does.lock().unwrap().copy_from_slice(does);
    }
}

/// A failover over scripted endpoints, its requests their own attempt numbers.
macro_rules! scripted {
    ($does:expr) => {{
        let (script, services) = Script::new($does);
        let mut builder = Failover::builder("orders");
        for (index, service) in services.into_iter().enumerate() {
            builder = builder.endpoint(Endpoint::new(index.to_string()), service);
        }
        let failover = builder.attempt_by(|attempt: &u32| *attempt).classify(judge).build();
        (script, failover.unwrap())
    }};
}

/// The answer, or nothing if it is not there at once.
fn ask<S>(service: &S, attempt: u32) -> Option<Result<Answer, Answer>>
where
    S: Service<u32, Response = Answer, Error = Answer> + Clone,
{
    let mut call = task::spawn(service.clone().oneshot(attempt));
    match call.poll() {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn served(status: &FailoverStatus) -> Vec<(u64, u64, u64)> {
    let count =
        |endpoint: &super::EndpointStatus| (endpoint.served, endpoint.failed, endpoint.refused);
    status.endpoints.iter().map(count).collect()
}

#[test]
fn endpoints_are_checked() {
    let none = Failover::<Scripted>::builder("orders").build().unwrap_err();
    assert_eq!(none.to_string(), "endpoints is 0, allowed: 1 to 64");
    let build = |names: &[&str]| {
        let (_, services) = Script::new(&vec![Does::Serve; names.len()]);
        let endpoints = names.iter().zip(services);
        let builder = endpoints.fold(Failover::builder("orders"), |builder, (&name, service)| {
            builder.endpoint(Endpoint::new(name), service)
        });
        builder.build().map(drop).map_err(|error| error.to_string())
    };
    let names: Vec<_> = (0..65).map(|n| n.to_string()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(build(&names[..64]), Ok(()));
    assert_eq!(build(&names).unwrap_err(), "endpoints is 65, allowed: 1 to 64");
    let twice = build(&["a", "b", "a"]).unwrap_err();
    assert_eq!(twice, "endpoint.name is a, allowed: a name of its own for each");
}

#[test]
fn the_lowest_priority_number_comes_first_and_then_the_order_given() {
    let (script, services) = Script::new(&[Does::Refuse(None); 4]);
    let mut builder = Failover::builder("orders");
    for (service, (name, priority)) in
        services.into_iter().zip([("far", 2), ("near-1", 0), ("mid", 1), ("near-2", 0)])
    {
        let endpoint = Endpoint::new(name).zone(format!("zone-{name}")).priority(priority);
        builder = builder.endpoint(endpoint, service);
    }
    let failover = builder.classify(judge).build().unwrap();
    assert_eq!(ask(&failover, 0), Some(Err(Answer::Refused(1, None))));
    assert_eq!(script.asked(), [1, 3, 2, 0]);
    let names = |endpoint: &super::EndpointStatus| endpoint.name.to_string();
    let status = failover.status();
    assert_eq!(
        status.endpoints.iter().map(names).collect::<Vec<_>>(),
        ["near-1", "near-2", "mid", "far"]
    );
    assert_eq!(status.endpoints[0].zone.as_deref(), Some("zone-near-1"));
    assert_eq!((status.moved_on, status.endpoints[3].priority), (3, 2));
}

#[test]
fn a_refusal_moves_the_call_on_and_a_failure_does_not() {
    use Does::{Fail, Refuse, Serve};
    for (does, attempt, answer, asked) in [
        (&[Serve, Serve][..], 0, Ok(Answer::Served(0)), &[0][..]),
        (&[Fail, Serve], 0, Err(Answer::Failed(0)), &[0]),
        (&[Fail, Serve], 1, Ok(Answer::Served(1)), &[1]),
        (&[Refuse(None), Serve], 0, Ok(Answer::Served(1)), &[0, 1]),
        (&[Refuse(None), Fail, Serve], 0, Err(Answer::Failed(1)), &[0, 1]),
        (&[Serve, Refuse(None)], 1, Ok(Answer::Served(0)), &[1, 0]),
        // The soonest refusal comes out; without a wait, the first.
        (&[Refuse(None), Refuse(None)], 0, Err(Answer::Refused(0, None)), &[0, 1]),
        (&[Refuse(None), Refuse(Some(9))], 0, Err(Answer::Refused(1, Some(9))), &[0, 1]),
        (&[Refuse(Some(9)), Refuse(Some(9))], 0, Err(Answer::Refused(0, Some(9))), &[0, 1]),
        (&[Refuse(Some(9)), Refuse(Some(8))], 1, Err(Answer::Refused(1, Some(8))), &[1, 0]),
    ] {
        let (script, failover) = scripted!(does);
        assert_eq!(ask(&failover, attempt), Some(answer), "{does:?}");
        assert_eq!(script.asked(), asked, "{does:?}");
    }
}

#[test]
fn an_attempt_does_not_count_endpoints_that_refuse_until_they_serve_again() {
    use Does::{Fail, Refuse, Serve};
    let (script, failover) = scripted!(&[Refuse(None), Fail, Serve]);
    assert_eq!(ask(&failover, 0), Some(Err(Answer::Failed(1))));
    assert!(failover.status().endpoints[0].refusing);
    assert_eq!(ask(&failover, 1), Some(Ok(Answer::Served(2))), "b had its turn");
    assert_eq!(script.asked(), [0, 1, 2]);
    script.set(&[Serve, Fail, Serve]);
    assert_eq!(ask(&failover, 0), Some(Ok(Answer::Served(0))), "a is asked all the same");
    assert!(!failover.status().endpoints[0].refusing);
    assert_eq!(ask(&failover, 1), Some(Err(Answer::Failed(1))));
    let status = failover.status();
    assert_eq!(served(&status), [(1, 0, 1), (2, 2, 0), (1, 0, 0)]);
    assert_eq!(status.moved_on, 1);
}

#[test]
fn one_that_is_not_ready_blocks_nobody() {
    use Does::{Fail, NeverReady, NotReady, Refuse, Serve};
    for (does, attempt, answer, asked) in [
        (&[NeverReady, Serve][..], 0, Some(Ok(Answer::Served(1))), &[1][..]),
        (&[NotReady, Serve], 0, Some(Ok(Answer::Served(1))), &[1]),
        (&[NotReady, NeverReady, Fail], 0, Some(Err(Answer::Failed(2))), &[2]),
        (&[Serve, NeverReady, Serve], 1, Some(Ok(Answer::Served(2))), &[2]),
        (&[Serve, NotReady], 1, Some(Ok(Answer::Served(0))), &[0]),
        (&[Refuse(None), NeverReady, Serve], 0, Some(Ok(Answer::Served(2))), &[0, 2]),
        (&[NeverReady, NeverReady], 0, None, &[]),
        (&[NotReady, NeverReady], 0, None, &[]),
        (&[NotReady, NotReady], 0, Some(Err(Answer::NotReady(0))), &[]),
        (&[Refuse(None), NeverReady], 0, None, &[0]),
        (&[Refuse(None), NotReady], 0, Some(Err(Answer::NotReady(1))), &[0]),
    ] {
        let (script, failover) = scripted!(does);
        assert_eq!(ask(&failover, attempt), answer, "{does:?}");
        assert_eq!(script.asked(), asked, "{does:?}");
    }
}

#[test]
fn a_call_without_readiness_waits_for_it_instead_of_panicking() {
    let (script, mut failover) = scripted!(&[Does::Serve]);
    assert_eq!(futures::executor::block_on(failover.call(0)), Ok(Answer::Served(0)));
    assert_eq!(script.asked(), [0]);
}

#[test]
fn whoever_is_ready_first_has_the_call() {
    let (a, mut a_handle) = mock::pair::<&str, &str>();
    let (b, mut b_handle) = mock::pair::<&str, &str>();
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), a)
        .endpoint(Endpoint::new("b"), b)
        .classify(rely_core::classify::ByBoxError)
        .build()
        .unwrap();
    a_handle.allow(0);
    b_handle.allow(0);
    let mut service = mock::Spawn::new(failover);
    assert_pending!(service.poll_ready());
    b_handle.allow(1);
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call("request"));
    assert_pending!(call.poll());
    let mut clone = mock::Spawn::new(service.get_ref().clone());
    assert_pending!(clone.poll_ready());
    assert_pending!(a_handle.poll_request(), "a never said that it is ready");
    let (request, reply) = futures::executor::block_on(b_handle.next_request()).unwrap();
    assert_eq!(request, "request");
    reply.send_response("answer");
    assert_eq!(assert_ready_ok!(call.poll()), "answer");
    a_handle.send_error("gone");
    b_handle.send_error("gone");
    assert_ready_err!(clone.poll_ready());
}

#[test]
fn nobody_holds_a_place_that_it_does_not_use() {
    let limited = || {
        let hangs = service_fn(|(): ()| core::future::pending::<Result<(), std::io::Error>>());
        ConcurrencyLimit::new(hangs, 1)
    };
    let (a, b) = (limited(), limited());
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), a.clone())
        .endpoint(Endpoint::new("b"), b.clone())
        .build()
        .unwrap();
    let free = |limited: &ConcurrencyLimit<_>| {
        let mut cx = Context::from_waker(Waker::noop());
        Service::<()>::poll_ready(&mut limited.clone(), &mut cx).is_ready()
    };
    let mut cx = Context::from_waker(Waker::noop());
    let mut first = failover.clone();
    assert!(first.poll_ready(&mut cx).is_ready());
    assert!(!free(&a) && free(&b), "only the one that it will call");
    let first_call = first.call(());
    // The second waits in a's queue while it looks, and leaves it when b has the call.
    let mut second = failover.clone();
    assert!(second.poll_ready(&mut cx).is_ready());
    let second_call = second.call(());
    assert!(!free(&a) && !free(&b));
    drop(first_call);
    assert!(free(&a), "neither the idle services nor the other call hold or await it");
    drop(second_call);
    assert!(free(&b));
    // A call that waits for both gives up both places when it is dropped.
    let (mut held_a, mut held_b) = (a.clone(), b.clone());
    assert!(Service::<()>::poll_ready(&mut held_a, &mut cx).is_ready());
    assert!(Service::<()>::poll_ready(&mut held_b, &mut cx).is_ready());
    let mut third = task::spawn(failover.oneshot(()));
    assert_pending!(third.poll());
    drop((held_a, held_b));
    assert!(third.is_woken());
    drop(third);
    assert!(free(&a) && free(&b));
}

#[test]
fn a_request_is_copied_only_for_an_endpoint_that_may_need_it() {
    #[derive(Debug)]
    struct Unique(Arc<Mutex<u32>>);
    let refuses = |_: Unique| ready(Err::<(), _>(rely_core::Refusal::new(RejectedBy::Limit)));
    let copies = Arc::new(Mutex::new(0));
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), service_fn(refuses))
        .endpoint(Endpoint::new("b"), service_fn(refuses))
        .endpoint(Endpoint::new("c"), service_fn(refuses))
        .clone_request(|request: &Unique| {
            *request.0.lock().unwrap() += 1;
            Some(Unique(Arc::clone(&request.0)))
        })
        .build()
        .unwrap();
    let refused = futures::executor::block_on(failover.clone().oneshot(Unique(copies.clone())));
    assert!(refused.is_err());
    assert_eq!((*copies.lock().unwrap(), failover.status().moved_on), (2, 2));
    // Without a copy the refusal is the answer.
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), service_fn(refuses))
        .endpoint(Endpoint::new("b"), service_fn(refuses))
        .clone_request(|_: &Unique| None)
        .build()
        .unwrap();
    assert!(futures::executor::block_on(failover.clone().oneshot(Unique(copies))).is_err());
    assert_eq!(failover.status().moved_on, 0);
}

#[test]
fn only_evidence_sets_an_endpoint_back() {
    use Level::{Degraded, Healthy, Unhealthy, Unknown};
    let (clock, manual) = Clock::manual();
    let verdict = |level| Verdict::new(level, Instant::ORIGIN);
    let signals: Vec<_> = (0..3).map(|_| ManualSignal::new(verdict(Healthy))).collect();
    let (script, services) = Script::new(&[Does::Refuse(None); 3]);
    let mut builder = Failover::builder("orders").clock(clock);
    for (index, service) in services.into_iter().enumerate() {
        let endpoint = Endpoint::new(index.to_string()).signal(signals[index].clone());
        builder = builder.endpoint(endpoint, service);
    }
    let failover = builder.classify(judge).build().unwrap();
    for (levels, asked) in [
        ([Healthy, Healthy, Healthy], [0, 1, 2]),
        ([Unhealthy, Healthy, Healthy], [1, 2, 0]),
        ([Unhealthy, Healthy, Unhealthy], [1, 0, 2]),
        ([Unhealthy, Unhealthy, Unhealthy], [0, 1, 2]),
        ([Degraded, Healthy, Healthy], [0, 1, 2]),
        ([Unknown, Healthy, Healthy], [0, 1, 2]),
        ([Unhealthy, Unknown, Degraded], [1, 2, 0]),
    ] {
        for (signal, level) in signals.iter().zip(levels) {
            signal.set(verdict(level));
        }
        assert!(ask(&failover, 0).is_some());
        assert_eq!(script.asked(), asked, "{levels:?}");
    }
    // A verdict that is out of date is no evidence either.
    signals[0].set(verdict(Unhealthy).valid_for(Duration::from_secs(1)));
    assert!(ask(&failover, 0).is_some());
    assert_eq!(script.asked(), [1, 2, 0]);
    manual.advance(Duration::from_secs(2));
    assert!(ask(&failover, 0).is_some());
    assert_eq!(script.asked(), [0, 1, 2]);
}

#[test]
fn an_open_breaker_is_asked_in_vain_until_it_wants_its_trial() {
    let (clock, manual) = Clock::manual();
    let is_up = Arc::new(Mutex::new(false));
    let endpoint = |name: &'static str, is_up: Option<Arc<Mutex<bool>>>| {
        let breaker = Breaker::builder(name).minimum_calls(1).trials(1).clock(clock.clone());
        let serve = service_fn(move |(): ()| {
            let is_up = is_up.as_ref().is_none_or(|is_up| *is_up.lock().unwrap());
            ready(if is_up { Ok(name) } else { Err(std::io::Error::other("down")) })
        });
        let layer = breaker.build().unwrap().layer().classify(rely_core::classify::ByError);
        tower::Layer::layer(&layer, serve)
    };
    let failover = Failover::builder("orders")
        .endpoint(Endpoint::new("a"), endpoint("a", Some(Arc::clone(&is_up))))
        .endpoint(Endpoint::new("b"), endpoint("b", None))
        .build()
        .unwrap();
    let ask = || futures::executor::block_on(failover.clone().oneshot(())).ok();
    assert_eq!(ask(), None);
    assert_eq!([ask(), ask()], [Some("b"), Some("b")]);
    manual.advance(Duration::from_secs(30));
    *is_up.lock().unwrap() = true;
    assert_eq!(ask(), Some("a"));
    assert_eq!(served(&failover.status()), [(2, 1, 2), (2, 0, 0)]);
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => Just(Does::Serve),
        2 => Just(Does::Fail),
        3 => prop::option::of(0..4_u64).prop_map(Does::Refuse),
        1 => Just(Does::NotReady),
        1 => Just(Does::NeverReady),
    ]
}

/// What a call does, told in full: a list of endpoints, and each one's answer.
fn model(
    does: &[Does],
    refusing: &mut [bool],
    attempt: u32,
) -> (Option<Result<Answer, Answer>>, Vec<usize>) {
    let mut order: Vec<usize> = (0..does.len()).collect();
    if attempt > 0 {
        let fresh: Vec<usize> = order.iter().copied().filter(|&i| !refusing[i]).collect();
        let among = if fresh.is_empty() { order.clone() } else { fresh };
        order.rotate_left(among[attempt as usize % among.len()]);
    }
    let is_ready = |i: &usize| !matches!(does[*i], Does::NotReady | Does::NeverReady);
    // Nobody is ready: `poll_ready` looks in the order of a first attempt.
    let failed = |order: &[usize]| match order.iter().find(|&&i| does[i] == Does::NeverReady) {
        Some(_) => None,
        None => Some(Err(Answer::NotReady(order[0]))),
    };
    if !order.iter().any(is_ready) {
        order.sort_unstable();
        return (failed(&order), Vec::new());
    }
    let (mut asked, mut soonest): (Vec<usize>, Option<Answer>) = (Vec::new(), None);
    let wait = |answer: Option<Answer>| match answer {
        Some(Answer::Refused(_, Some(wait))) => wait,
        _ => u64::MAX,
    };
    while let Some(at) = order.iter().position(is_ready) {
        let i = order.remove(at);
        asked.push(i);
        refusing[i] = false;
        match does[i] {
            Does::Refuse(after) => {
                refusing[i] = true;
                let answer = Some(Answer::Refused(i, after));
                if soonest.is_none() || wait(answer) < wait(soonest) {
                    soonest = answer;
                }
            }
            Does::Serve => return (Some(Ok(Answer::Served(i))), asked),
            _ => return (Some(Err(Answer::Failed(i))), asked),
        }
    }
    match (order.is_empty(), soonest) {
        (true, Some(answer)) => (Some(Err(answer)), asked),
        _ => (failed(&order), asked),
    }
}

proptest! {
    #[test]
    fn a_call_does_what_the_model_says(
        steps in prop::collection::vec((prop::collection::vec(does(), 4), 0..6_u32), 1..20),
        count in 1..=4_usize,
    ) {
        let (script, failover) = scripted!(&steps[0].0[..count]);
        let mut refusing = vec![false; count];
        for (does, attempt) in steps {
            let does = &does[..count];
            script.set(does);
            let (answer, asked) = model(does, &mut refusing, attempt);
            prop_assert_eq!(ask(&failover, attempt), answer, "{:?} {}", does, attempt);
            prop_assert_eq!(script.asked(), asked, "{:?} {}", does, attempt);
            let status = failover.status();
            let now: Vec<_> = status.endpoints.iter().map(|e| e.refusing).collect();
            prop_assert_eq!(&now, &refusing);
        }
    }
}

#[test]
fn its_future_may_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let (_, failover) = scripted!(&[Does::Serve]);
    let call = is_send(failover.oneshot(0));
    assert_eq!(assert_ready!(task::spawn(call).poll()), Ok(Answer::Served(0)));
}
