use core::task::{Context, Poll};
use std::future::{Ready, ready};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use futures::task::noop_waker;
use proptest::prelude::*;
use rely_core::Ratio;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{Service, ServiceExt};
use tower_test::mock;

use super::*;

fn percent(percent: f64) -> Ratio {
    Ratio::percent(percent).unwrap()
}

fn split_at(share: Ratio) -> Split {
    let split = Split::new("orders-v2");
    split.set_share(share).unwrap();
    split
}

#[test]
fn after_any_number_of_calls_the_share_is_met_to_within_a_few() {
    for ppm in [1, 333, 10_000, 100_000, 250_000, 333_333, 500_000, 618_034, 999_999] {
        for seed in [0, 1, 99] {
            let split = Split::seeded("orders-v2", seed);
            split.set_share(Ratio::from_ppm_clamped(ppm)).unwrap();
            let mut candidate = 0_i64;
            for calls in 1..=200_000_i64 {
                candidate += i64::from(split.choose(None) == Arm::Candidate);
                let off = candidate * 1_000_000 - calls * i64::from(ppm);
                assert!(off.abs() <= 5_000_000, "{off} ppm of a call after {calls} at {ppm} ppm");
            }
        }
    }
}

#[test]
fn every_second_to_every_twentieth_call_sees_the_same_share() {
    for every in 2..=20 {
        let split = split_at(percent(50.0));
        let chosen: Vec<_> = (0..every * 10_000).map(|_| split.choose(None)).collect();
        let candidate = |arm: &&Arm| **arm == Arm::Candidate;
        let count = chosen.iter().step_by(every).filter(candidate).count();
        assert!(count.abs_diff(5_000) <= 2 * every, "{count} of every {every}th");
    }
}

#[test]
fn halves_do_not_alternate_and_seeds_begin_differently() {
    let first = |seed| -> Vec<Arm> {
        let split = Split::seeded("orders-v2", seed);
        split.set_share(percent(50.0)).unwrap();
        (0..64).map(|_| split.choose(None)).collect()
    };
    let calls = first(0);
    for period in 1..=20 {
        assert!(calls.windows(period + 1).any(|w| w[0] != w[period]), "period {period}");
    }
    assert_eq!(calls, first(0));
    let candidates = (0..1_000).filter(|seed| first(*seed)[0] == Arm::Candidate).count();
    assert!((400..600).contains(&candidates), "{candidates} of 1000 processes begin there");
}

#[test]
fn threads_share_one_sequence() {
    let split = split_at(percent(10.0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25_000).for_each(|_| _ = split.choose(None)));
        }
    });
    let counts = split.counts();
    assert_eq!(counts.stable + counts.candidate, 100_000);
    assert!(counts.candidate.abs_diff(10_000) <= 5, "{counts:?}");
}

proptest! {
    #[test]
    fn a_growing_share_moves_no_key_back(
        keys in prop::collection::vec(".*", 1..50),
        mut shares in prop::collection::vec(0..=1_000_000_u32, 1..10),
    ) {
        shares.sort_unstable();
        let split = Split::new("orders-v2");
        let mut there = vec![false; keys.len()];
        for share in shares {
            split.set_share(Ratio::from_ppm_clamped(share)).unwrap();
            for (key, was_there) in keys.iter().zip(&mut there) {
                let key = Key::from(key.as_str());
                let arm = split.choose(key);
                prop_assert_eq!(arm, split.arm_of(key));
                prop_assert!(!*was_there || arm == Arm::Candidate);
                *was_there = arm == Arm::Candidate;
            }
        }
    }
}

#[test]
fn a_candidate_that_is_never_ready_costs_its_calls_nothing() {
    let (stable, mut calls) = mock::pair::<u32, u32>();
    let (candidate, mut no_calls) = mock::pair::<u32, u32>();
    no_calls.allow(0);
    let split = split_at(percent(99.0));
    let mut service = task::spawn(split.service(stable, candidate));
    for n in 0..100 {
        assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
        let mut answer = task::spawn(service.call(n));
        let (request, respond) = assert_next(&mut calls);
        respond.send_response(request + 1);
        assert_eq!(assert_ready_ok!(answer.poll()), n + 1);
    }
    let counts = split.counts();
    assert_eq!((counts.stable, counts.candidate), (100, 0));
    assert_eq!(counts.candidate_not_ready, 99);
}

fn assert_next(handle: &mut mock::Handle<u32, u32>) -> (u32, mock::SendResponse<u32>) {
    let next = task::spawn(handle.next_request()).poll();
    let Poll::Ready(Some(next)) = next else { panic!("no call came") };
    next
}

#[test]
fn stable_gates_below_the_whole_and_the_candidate_at_the_whole() {
    let (stable, mut stable_calls) = mock::pair::<u32, u32>();
    let (candidate, mut candidate_calls) = mock::pair::<u32, u32>();
    let split = split_at(percent(99.0));
    let mut service = task::spawn(split.service(stable, candidate));
    let mut poll = |share: f64| {
        split.set_share(percent(share)).unwrap();
        service.enter(|cx, mut service| service.poll_ready(cx))
    };
    stable_calls.allow(0);
    candidate_calls.allow(1);
    assert_pending!(poll(99.0));
    assert_pending!(poll(0.0));
    assert_ready_ok!(poll(100.0));
    stable_calls.allow(1);
    assert_ready_ok!(poll(0.0));

    let (stable, mut stable_calls) = mock::pair::<u32, u32>();
    let (candidate, mut candidate_calls) = mock::pair::<u32, u32>();
    let split = split_at(Ratio::ONE);
    let mut service = task::spawn(split.service(stable, candidate));
    stable_calls.allow(1);
    candidate_calls.allow(0);
    assert_pending!(service.enter(|cx, mut service| service.poll_ready(cx)));
    candidate_calls.allow(1);
    assert!(service.is_woken());
    assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
}

#[test]
fn a_candidate_that_fails_takes_the_router_down_only_if_it_has_all_calls() {
    for share in [0.0, 50.0] {
        let (stable, mut calls) = mock::pair::<u32, u32>();
        let (candidate, mut failing) = mock::pair::<u32, u32>();
        failing.send_error("gone");
        let split = split_at(percent(share));
        let mut service = task::spawn(split.service(stable, candidate));
        for n in 0..10 {
            assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
            drop(service.call(n));
            assert_next(&mut calls);
        }
        let failed = u64::from(share > 0.0);
        assert_eq!(split.counts().candidate_failed, failed, "given up once, and not asked again");
        // It is not asked again even if it gets all calls, for a failed service must not be.
        split.set_share(Ratio::ONE).unwrap();
        let all = service.enter(|cx, mut service| service.poll_ready(cx));
        assert_eq!(matches!(all, Poll::Ready(Ok(()))), failed == 1);
    }

    let (stable, _calls) = mock::pair::<u32, u32>();
    let (candidate, mut failing) = mock::pair::<u32, u32>();
    failing.send_error("gone");
    let mut service = task::spawn(split_at(Ratio::ONE).service(stable, candidate));
    let error = assert_ready_err!(service.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(error.to_string(), "gone");
}

#[test]
fn an_error_of_the_stable_arm_is_the_routers() {
    let (stable, mut failing) = mock::pair::<u32, u32>();
    let (candidate, _calls) = mock::pair::<u32, u32>();
    failing.send_error("gone");
    let mut service = task::spawn(split_at(percent(99.0)).service(stable, candidate));
    let error = assert_ready_err!(service.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(error.to_string(), "gone");
}

#[test]
fn a_call_that_the_candidate_admitted_goes_there_though_the_share_fell() {
    let (stable, mut no_calls) = mock::pair::<u32, u32>();
    let (candidate, mut calls) = mock::pair::<u32, u32>();
    no_calls.allow(0);
    let split = split_at(Ratio::ONE);
    let mut service = task::spawn(split.service(stable, candidate));
    assert_ready_ok!(service.enter(|cx, mut service| service.poll_ready(cx)));
    split.set_share(Ratio::ZERO).unwrap();
    drop(service.call(7));
    assert_eq!(assert_next(&mut calls).0, 7);
    assert_eq!(split.counts().stable_not_ready, 1);
    // But no further one.
    assert_pending!(service.enter(|cx, mut service| service.poll_ready(cx)));
}

#[test]
fn calls_stick_by_what_the_closure_finds() {
    let split = split_at(percent(30.0));
    let old = tower::service_fn(|_: (Option<&'static str>, u32)| ready(Ok::<_, ()>(Arm::Stable)));
    let new = tower::service_fn(|_: (Option<&'static str>, u32)| ready(Ok(Arm::Candidate)));
    let service = split
        .service(old, new)
        .sticky_by(|request: &(Option<&'static str>, u32)| request.0.map(Key::from));
    let ask = |user, n| futures::executor::block_on(service.clone().oneshot((user, n))).unwrap();
    for user in ["ada", "grace", "edsger", "barbara", "tony"] {
        let arm = split.arm_of(Key::from(user));
        assert!((0..20).all(|n| ask(Some(user), n) == arm), "{user}");
    }
    let without = (0..100).filter(|n| ask(None, *n) == Arm::Candidate).count();
    assert!(without.abs_diff(30) <= 3, "{without}");
}

#[test]
fn a_split_under_control_is_set_by_nobody_else() {
    let split = split_at(percent(30.0));
    let control = split.control("orders-v2".into()).unwrap();
    assert_eq!(split.share(), percent(30.0), "a rollout that is refused after that leaves it");
    let error = split.set_share(Ratio::ONE).unwrap_err();
    let expected = "the share of orders-v2 is decided by the rollout orders-v2";
    assert_eq!(error.to_string(), expected);
    assert!(split.control("another".into()).is_err());
    control.set(percent(5.0));
    drop(control);
    assert_eq!(split.share(), percent(5.0), "it stays when the rollout is gone");
    split.set_share(Ratio::ONE).unwrap();
}

/// A service that is ready when told, and notes every breach of the contract by its caller.
struct Strict {
    arm: Arm,
    open: Arc<AtomicBool>,
    ready: bool,
    breaches: Arc<AtomicU64>,
    calls: mpsc::Sender<Arm>,
}

/// A clone has not been polled.
impl Clone for Strict {
    fn clone(&self) -> Self {
        let (open, breaches) = (Arc::clone(&self.open), Arc::clone(&self.breaches));
        Self { arm: self.arm, open, ready: false, breaches, calls: self.calls.clone() }
    }
}

impl Service<u8> for Strict {
    type Response = ();
    type Error = ();
    type Future = Ready<Result<(), ()>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
        self.ready |= self.open.load(Ordering::Relaxed);
        if self.ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: u8) -> Self::Future {
        if !core::mem::take(&mut self.ready) {
            self.breaches.fetch_add(1, Ordering::Relaxed);
        }
        self.calls.send(self.arm).unwrap();
        ready(Ok(()))
    }
}

#[derive(Clone, Debug)]
enum Deed {
    PollAndCall(u8),
    PollOnly,
    CallIfGranted(u8),
    Share(u32),
    Open(bool, bool),
    Clone,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let share = prop_oneof![Just(0), Just(1_000_000), 1..1_000_000_u32];
    let deed = prop_oneof![
        6 => any::<u8>().prop_map(Deed::PollAndCall),
        2 => Just(Deed::PollOnly),
        2 => any::<u8>().prop_map(Deed::CallIfGranted),
        2 => share.prop_map(Deed::Share),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(a, b)| Deed::Open(a, b)),
        1 => Just(Deed::Clone),
    ];
    prop::collection::vec(deed, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_arm_is_called_that_did_not_say_it_is_ready(deeds in deeds()) {
        let (sender, calls) = mpsc::channel();
        let breaches = Arc::new(AtomicU64::new(0));
        let opens = [(); 2].map(|()| Arc::new(AtomicBool::new(true)));
        let arm = |arm, open: &Arc<AtomicBool>| {
            let (open, breaches) = (Arc::clone(open), Arc::clone(&breaches));
            Strict { arm, open, ready: false, breaches, calls: sender.clone() }
        };
        let split = Split::new("orders-v2");
        let mut service = split
            .service(arm(Arm::Stable, &opens[0]), arm(Arm::Candidate, &opens[1]))
            .sticky_by(|key: &u8| Key::from(u64::from(*key)));
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let (mut granted_at, mut routed) = (None, 0);
        for deed in deeds {
            let key = match deed {
                Deed::Share(ppm) => {
                    split.set_share(Ratio::from_ppm_clamped(ppm)).unwrap();
                    continue;
                }
                Deed::Open(stable, candidate) => {
                    opens[0].store(stable, Ordering::Relaxed);
                    opens[1].store(candidate, Ordering::Relaxed);
                    continue;
                }
                Deed::Clone => {
                    service = service.clone();
                    granted_at = None;
                    continue;
                }
                Deed::PollOnly | Deed::PollAndCall(_) => {
                    let poll = service.poll_ready(&mut cx);
                    granted_at = poll.is_ready().then(|| split.share());
                    let Deed::PollAndCall(key) = deed else { continue };
                    key
                }
                Deed::CallIfGranted(key) => key,
            };
            let Some(granted_at) = granted_at.take() else { continue };
            let before = split.counts();
            drop(service.call(key));
            routed += 1;
            let went = calls.try_recv().unwrap();
            let wanted = split.arm_of(Key::from(u64::from(key)));
            let counts = split.counts();
            prop_assert_eq!(counts.stable + counts.candidate, routed);
            let candidate = counts.candidate - before.candidate;
            prop_assert_eq!(candidate, u64::from(went == Arm::Candidate));
            let displaced = counts.candidate_not_ready - before.candidate_not_ready
                + counts.stable_not_ready - before.stable_not_ready;
            prop_assert_eq!(displaced, u64::from(went != wanted));
            if went == Arm::Candidate && wanted == Arm::Stable {
                prop_assert_eq!(granted_at, Ratio::ONE, "only what it admitted");
            }
        }
        prop_assert_eq!(breaches.load(Ordering::Relaxed), 0);
    }
}
