//! How long it is open, and who may say so.

use rely_core::backoff::Jitter;

use super::*;

fn until(machine: &Machine) -> Instant {
    assert_eq!(machine.state(), State::Open);
    machine.deadline().unwrap()
}

#[test]
fn the_other_side_s_wish_makes_the_open_time_longer_up_to_a_limit_and_never_shorter() {
    let (off, on) = (None, Some(60 * SEC));
    for (retry_after, asked, expected) in [
        (off, Some(at(50)), 30),
        (on, None, 30),
        (on, Some(at(0)), 30),
        (on, Some(at(29)), 30),
        (on, Some(at(31)), 31),
        (on, Some(at(60)), 60),
        (on, Some(at(61)), 60),
        (on, Some(Instant::MAX), 60),
    ] {
        let config = BreakerConfig { retry_after, ..small() };
        let mut machine = machine(config.clone());
        trip(&mut machine, asked, at(0)).unwrap();
        assert_eq!(until(&machine), at(expected), "{retry_after:?} {asked:?}");
        // A trial's wish as well, whether the trials fail or hang.
        for hangs in [false, true] {
            let mut machine = half_open(BreakerConfig { trials: 4, ..config.clone() });
            let start = if hangs { at(40) } else { at(30) };
            let shift = start - Instant::ORIGIN;
            for wish in [None, asked.map(|asked| asked + shift), Some(at(1))] {
                let generation = machine.generation();
                let bad = machine.trials_left() < 4;
                let ended = Event::TrialEnded { generation, bad, slow: false, asked: wish };
                if !hangs || machine.trials_left() > 2 {
                    machine.step(ended, at(30));
                }
            }
            if hangs {
                machine.step(Event::Timer, at(40)).unwrap();
            }
            assert_eq!(until(&machine), at(expected) + shift, "{asked:?} of a trial");
        }
    }
}

#[test]
fn a_wish_is_no_step_of_growth() {
    let open_backoff =
        Some(OpenBackoff { jitter: rely_core::backoff::Jitter::None, ..OpenBackoff::default() });
    let config = BreakerConfig { open_backoff, retry_after: Some(300 * SEC), ..small() };
    let mut machine = machine(config);
    trip(&mut machine, Some(at(200)), at(0)).unwrap();
    assert_eq!((until(&machine), machine.openings()), (at(200), 1));
    machine.step(Event::Timer, at(200)).unwrap();
    trial(&mut machine, true, at(200)).unwrap();
    assert_eq!((until(&machine), machine.openings()), (at(260), 2));
}

#[test]
fn openings_are_counted_without_growth_too_and_forgotten_in_good_times() {
    let mut machine = machine(small());
    for openings in 1..100 {
        let now = machine.since() + 30 * SEC;
        if openings > 1 {
            machine.step(Event::Timer, now).unwrap();
            trial(&mut machine, true, now).unwrap();
        } else {
            trip(&mut machine, None, now).unwrap();
        }
        assert_eq!(machine.openings(), openings.min(32));
    }
    let now = machine.deadline().unwrap();
    machine.step(Event::Timer, now).unwrap();
    trial(&mut machine, false, now);
    trial(&mut machine, false, now).unwrap();
    trip(&mut machine, None, now + 70 * SEC).unwrap();
    assert_eq!(machine.openings(), 31, "two less, and this one");
    machine.step(Event::Reset, now).unwrap();
    assert_eq!(machine.openings(), 0);
}

#[test]
fn no_more_openings_are_remembered_than_the_configuration_of_today_needs() {
    let growth = |factor| Some(OpenBackoff { factor, max: 300 * SEC, jitter: Jitter::None });
    let with = |factor| BreakerConfig { open_backoff: growth(factor), ..small() };
    for (before, after, openings) in [
        (small(), with(2.0), 4),
        (with(1.1), with(2.0), 4),
        (with(1.0), with(1.0), 32),
        (with(1.0), small(), 32),
        (with(2.0), small(), 4),
    ] {
        let mut machine = machine(before);
        trip(&mut machine, None, at(0)).unwrap();
        for _ in 0..100 {
            let now = machine.deadline().unwrap();
            machine.step(Event::Timer, now).unwrap();
            trial(&mut machine, true, now).unwrap();
        }
        let now = machine.since();
        let kept = machine.snapshot(now);
        machine.reconfigure(after.clone(), now).unwrap();
        assert_eq!(machine.openings(), openings);
        assert_eq!(Machine::restore(after, &kept, now).unwrap().openings(), openings);
    }
}

#[test]
fn a_probe_ends_the_open_time_early_or_vetoes_its_end() {
    use Level::{Degraded, Healthy, Unhealthy, Unknown};
    let before = at(30) - NANO;
    for (level, now, state, deadline) in [
        (Healthy, at(0), State::HalfOpen, at(10)),
        (Healthy, before, State::HalfOpen, before + 10 * SEC),
        (Healthy, at(30), State::HalfOpen, at(40)),
        (Unhealthy, before, State::Open, at(30)),
        (Unhealthy, at(30), State::Open, at(31)),
        (Unhealthy, at(99), State::Open, at(100)),
        (Degraded, before, State::Open, at(30)),
        (Degraded, at(30), State::HalfOpen, at(40)),
        (Unknown, before, State::Open, at(30)),
        (Unknown, at(30), State::HalfOpen, at(40)),
    ] {
        let mut machine = machine(small());
        trip(&mut machine, None, at(0)).unwrap();
        let change = machine.step(Event::Probed(level), now);
        assert_eq!(
            (machine.state(), machine.deadline()),
            (state, Some(deadline)),
            "{level} {now:?}"
        );
        let early = now < at(30);
        let reason = if early { ChangeReason::Probed } else { ChangeReason::OpenTimeOver };
        let expected = (state == State::HalfOpen).then_some(reason);
        assert_eq!(change.map(|change| change.reason), expected);
        assert_eq!(machine.generation(), 1 + u64::from(change.is_some()));
    }
}

#[test]
fn a_veto_holds_until_the_next_probe_and_no_longer() {
    let mut machine = machine(small());
    trip(&mut machine, None, at(0)).unwrap();
    for second in 30..90 {
        assert_eq!(machine.step(Event::Probed(Level::Unhealthy), at(second)), None);
        assert_eq!(machine.step(Event::Timer, at(second + 1) - NANO), None);
    }
    // The probe hangs: time goes on without it.
    assert!(machine.step(Event::Timer, at(90)).is_some());
    // On a clock that has gone back too.
    trial(&mut machine, true, at(90)).unwrap();
    assert_eq!(machine.step(Event::Probed(Level::Unhealthy), at(5)), None);
    assert_eq!((machine.since(), machine.deadline()), (at(5), Some(at(6))));
    assert_eq!(machine.step(Event::Timer, at(6) - NANO), None);
    assert!(machine.step(Event::Timer, at(6)).is_some());
}

#[test]
fn a_probe_does_not_end_what_was_opened_by_hand_and_is_time_to_all_else() {
    let mut machine = machine(small());
    machine.step(Event::OpenUntil(at(60)), at(0)).unwrap();
    assert_eq!(machine.step(Event::Probed(Level::Healthy), at(59)), None);
    assert_eq!(machine.step(Event::Probed(Level::Unhealthy), at(60)), None, "a veto");
    assert!(
        machine.step(Event::Probed(Level::Healthy), at(60)).is_some(),
        "the hand's time is over"
    );
    for level in [Level::Healthy, Level::Unhealthy] {
        let mut machine = half_open(small());
        assert_eq!(machine.step(Event::Probed(level), at(40) - NANO), None);
        machine.step(Event::Probed(level), at(40)).unwrap();
        assert_eq!(machine.state(), State::Open);
        for command in [Event::Reset, Event::ForceOpen, Event::ForceClosed, Event::Disable] {
            machine.step(command, at(40)).unwrap();
            assert_eq!(machine.step(Event::Probed(level), at(1000)), None);
        }
    }
}

#[test]
fn the_user_s_own_open_time_moves_the_deadline_of_its_generation_alone() {
    let mut machine = machine(BreakerConfig { retry_after: Some(60 * SEC), ..small() });
    trip(&mut machine, Some(at(150)), at(100)).unwrap();
    let own = |generation, until| Event::OpenTime { generation, until };
    assert_eq!(machine.step(own(0, at(300)), at(100)), None);
    assert_eq!(until(&machine), at(150), "of another generation");
    assert_eq!(machine.step(own(1, at(300)), at(100)), None);
    assert_eq!(until(&machine), at(300), "longer than any limit");
    assert_eq!(machine.step(own(1, at(110)), at(100)), None);
    assert_eq!(until(&machine), at(110), "shorter than the other side asked for");
    assert_eq!(machine.step(own(1, at(0)), at(100)), None);
    assert_eq!(until(&machine), at(100), "not before it opened");
    machine.step(Event::Timer, at(100)).unwrap();
    assert_eq!(machine.step(own(2, at(500)), at(100)), None);
    assert_eq!(machine.deadline(), Some(at(110)), "not among trials");
    machine.step(Event::OpenUntil(at(200)), at(100)).unwrap();
    assert_eq!(machine.step(own(3, at(500)), at(100)), None);
    assert_eq!(until(&machine), at(200), "not against a hand");
}

#[test]
fn another_configuration_keeps_the_state_and_decides_what_is_decided_by_it() {
    let mut machine = half_open(BreakerConfig { trials: 5, ..small() });
    trial(&mut machine, false, at(31));
    trial(&mut machine, false, at(31));
    assert_eq!((machine.trials_left(), machine.generation()), (3, 2));
    let invalid = BreakerConfig { trials: 0, ..small() };
    assert_eq!(machine.reconfigure(invalid, at(32)).unwrap_err().field(), "trials");
    assert_eq!(machine.config().trials, 5);
    assert_eq!(machine.reconfigure(BreakerConfig { trials: 9, ..small() }, at(32)), Ok(None));
    assert_eq!((machine.trials_left(), machine.deadline()), (7, Some(at(40))));
    let shared = Arc::new(small());
    let change = machine.reconfigure(Arc::clone(&shared), at(33)).unwrap().unwrap();
    let passed = ChangeReason::TrialsPassed { good: 2, slow: 0, ended: 2 };
    assert_eq!((change.to, change.reason, change.at), (State::Closed, passed, at(33)));
    assert!(Arc::ptr_eq(machine.config(), &shared));
    trip(&mut machine, None, at(40)).unwrap();
    let longer = BreakerConfig { open_for: 90 * SEC, ..small() };
    assert_eq!(machine.reconfigure(longer, at(41)), Ok(None));
    assert_eq!((until(&machine), machine.generation()), (at(70), 4), "the next one is longer");
}
