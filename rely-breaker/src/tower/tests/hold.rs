//! Callers that wait while the breaker rejects.

use super::*;

const OPEN_FOR: Duration = Duration::from_secs(30);

macro_rules! held {
    ($breaker:expr) => {{
        let service = service_fn(|ok: bool| ready(ok.then_some(7).ok_or("down")));
        tower_test::mock::Spawn::new($breaker.layer().hold_callers().layer(service))
    }};
}

#[test]
fn open_they_wait_for_the_end_of_the_open_time_and_are_polled_once_for_it() {
    let (breaker, manual) = breaker();
    let mut service = held!(breaker);
    trip(&breaker);
    assert_pending!(service.poll_ready());
    assert_eq!(manual.timers(), 1);
    manual.advance(OPEN_FOR - Duration::from_nanos(1));
    assert!(!service.is_woken());
    manual.advance(Duration::from_nanos(1));
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
    assert_eq!((breaker.state(), manual.timers()), (State::HalfOpen, 0));
    assert_eq!(futures::executor::block_on(service.call(true)), Ok(7));
    assert_eq!((breaker.state(), breaker.status().rejected), (State::Closed, 0));
}

#[test]
fn a_trial_that_comes_back_wakes_them_and_so_does_a_decision() {
    let (breaker, manual) = breaker();
    let mut services = [(); 3].map(|()| held!(breaker));
    trip(&breaker);
    manual.advance(OPEN_FOR);
    let trial = breaker.acquire().unwrap();
    services.iter_mut().for_each(|service| assert_pending!(service.poll_ready()));
    assert!(services.iter().all(|service| !service.is_woken()));
    drop(trial);
    assert!(services.iter().all(tower_test::mock::Spawn::is_woken));
    // One takes it, the others wait on.
    let [first, rest @ ..] = &mut services;
    assert_ready_ok!(first.poll_ready());
    let mut call = tokio_test::task::spawn(first.call(true));
    for service in &mut *rest {
        assert_pending!(service.poll_ready());
        assert!(!service.is_woken());
    }
    assert_eq!(assert_ready_ok!(call.poll()), 7);
    for service in rest {
        assert!(service.is_woken());
        assert_ready_ok!(service.poll_ready());
        assert_eq!(futures::executor::block_on(service.call(true)), Ok(7));
    }
    assert_eq!((breaker.status().rejected, manual.timers()), (0, 0));
}

#[test]
fn commands_wake_them_and_a_forced_state_takes_no_timer() {
    let (breaker, manual) = breaker();
    let mut service = held!(breaker);
    breaker.force_open();
    assert_pending!(service.poll_ready());
    assert_eq!(manual.timers(), 0);
    manual.advance(100 * OPEN_FOR);
    assert!(!service.is_woken());
    for command in [Breaker::reset, Breaker::force_closed, Breaker::disable] {
        breaker.force_open();
        assert_pending!(service.poll_ready());
        command(&breaker);
        assert!(service.is_woken());
        assert_ready_ok!(service.poll_ready());
    }
    // A deadline that moves is waited for where it has moved to.
    breaker.open_for(10 * OPEN_FOR);
    assert_pending!(service.poll_ready());
    breaker.open_for(OPEN_FOR);
    assert!(service.is_woken());
    assert_pending!(service.poll_ready());
    assert_eq!(manual.timers(), 1);
    manual.advance(OPEN_FOR);
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
}

#[test]
fn trials_that_time_out_open_it_again_while_they_wait() {
    let (breaker, manual) = breaker();
    let mut service = held!(breaker);
    trip(&breaker);
    manual.advance(OPEN_FOR);
    let hanging = breaker.acquire().unwrap();
    assert_pending!(service.poll_ready());
    manual.advance(Duration::from_secs(30));
    assert!(service.is_woken());
    assert_pending!(service.poll_ready());
    assert_eq!((breaker.state(), manual.timers()), (State::Open, 1));
    manual.advance(OPEN_FOR);
    assert_ready_ok!(service.poll_ready());
    drop(hanging);
    assert_eq!(futures::executor::block_on(service.call(true)), Ok(7));
}

#[test]
fn what_the_breaker_comes_to_after_the_word_decides() {
    let (breaker, manual) = breaker();
    let (mut one, mut other) = (held!(breaker), held!(breaker));
    trip(&breaker);
    manual.advance(OPEN_FOR);
    assert_ready_ok!(one.poll_ready());
    assert_ready_ok!(other.poll_ready());
    assert!(!breaker.would_reject(), "nobody who is idle holds the trial");
    let trial = one.call(true);
    let error = futures::executor::block_on(other.call(true)).unwrap_err();
    assert_eq!(error.rejected().unwrap().reason, RejectedReason::TrialsTaken);
    drop(trial);
    // And no word is needed any more where it has closed since.
    assert_ready_ok!(one.poll_ready());
    breaker.reset();
    assert_eq!(futures::executor::block_on(one.call(true)), Ok(7));
}

#[test]
fn in_shadow_nobody_waits() {
    let (clock, manual) = Clock::manual();
    let breaker = Breaker::builder("queue").minimum_calls(1).shadow(true).clock(clock);
    let breaker = breaker.build().unwrap();
    let mut service = held!(breaker);
    trip(&breaker);
    assert_ready_ok!(service.poll_ready());
    breaker.force_open();
    assert_ready_ok!(service.poll_ready());
    assert_eq!(manual.timers(), 0);
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    let (breaker, manual) = breaker();
    let mut service = held!(breaker);
    trip(&breaker);
    assert_pending!(service.poll_ready());
    let mut clone = service.clone();
    assert_eq!(manual.timers(), 1, "a clone waits for nothing until it is asked");
    assert_pending!(clone.poll_ready());
    assert_eq!(manual.timers(), 2);
    drop((service, clone));
    assert_eq!(manual.timers(), 0);
    assert_eq!(breaker.waiting(), 0);
}

#[test]
fn a_queue_of_callers_is_polled_no_more_than_there_is_news() {
    let (breaker, manual) = breaker();
    let mut polls = 0;
    let mut services = [(); 20].map(|()| held!(breaker));
    let mut round = |services: &mut [_]| {
        let services: &mut [tower_test::mock::Spawn<_>] = services;
        for service in services.iter_mut() {
            polls += 1;
            let _ = service.poll_ready();
        }
        // Nobody wakes itself or a neighbour.
        assert!(services.iter().all(|service| !service.is_woken()));
        polls
    };
    trip(&breaker);
    round(&mut services);
    for _ in 0..29 {
        manual.advance(Duration::from_secs(1));
        assert!(services.iter().all(|service| !service.is_woken()));
    }
    manual.advance(Duration::from_secs(1));
    let trial = breaker.acquire().unwrap();
    round(&mut services);
    trial.failure();
    assert!(services.iter().all(tower_test::mock::Spawn::is_woken));
    assert_eq!(round(&mut services), 60);
}
