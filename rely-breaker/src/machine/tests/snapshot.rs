use super::*;

#[test]
fn every_state_goes_on_for_as_long_as_was_left() {
    let closed = machine(ramping());
    let mut open = closed.clone();
    trip(&mut open, None, at(7)).unwrap();
    let half_open = {
        let mut machine = half_open(ramping());
        trial(&mut machine, false, at(32));
        machine
    };
    let forced = |event| {
        let mut machine = closed.clone();
        machine.step(event, at(20)).unwrap();
        machine
    };
    let machines = [
        (open, at(10), Some(27 * SEC)),
        (half_open, at(33), Some(7 * SEC)),
        (in_ramp(ramping()), at(34), Some(SEC)),
        (in_ramp(ramping()), at(99), Some(Duration::ZERO)),
        (forced(Event::ForceOpen), at(21), None),
        (forced(Event::ForceClosed), at(21), None),
        (forced(Event::Disable), at(21), None),
        (closed, at(21), None),
    ];
    for (machine, then, left) in machines {
        let snapshot = machine.snapshot(then);
        assert_eq!(
            (snapshot.state(), snapshot.generation()),
            (machine.state(), machine.generation())
        );
        let now = at(1_000);
        let again = Machine::restore(ramping(), &snapshot, now).unwrap();
        assert_eq!((again.state(), again.generation()), (machine.state(), machine.generation()));
        assert_eq!(again.deadline(), left.map(|left| now + left));
        assert_eq!(now - again.since(), then - machine.since());
        assert_eq!((again.share(), again.openings()), (machine.share(), machine.openings()));
        assert_eq!(again.trials_left(), machine.trials_left());
        assert_eq!(again.snapshot(now), snapshot, "nothing is lost on the way");
    }
}

#[test]
fn trials_wishes_and_hands_are_remembered() {
    let config = BreakerConfig { trials: 4, retry_after: Some(600 * SEC), ..small() };
    let mut machine = half_open(config.clone());
    let asked = Some(at(330));
    machine.step(Event::TrialEnded { generation: 2, bad: true, slow: true, asked }, at(30));
    let mut again = Machine::restore(config.clone(), &machine.snapshot(at(30)), at(5)).unwrap();
    assert_eq!(again.trials_left(), 3);
    let change = trial(&mut again, true, at(6)).unwrap();
    assert_eq!(change.reason, ChangeReason::TrialsFailed { bad: 2, slow: 1, ended: 2 });
    assert_eq!(again.deadline(), Some(at(305)), "300 s from the restart on");
    let mut by_hand = super::machine(config.clone());
    by_hand.step(Event::OpenUntil(at(60)), at(0)).unwrap();
    let mut by_hand = Machine::restore(config, &by_hand.snapshot(at(0)), at(0)).unwrap();
    assert_eq!(by_hand.step(Event::Probed(Level::Healthy), at(59)), None);
}

#[test]
fn another_configuration_is_taken_as_if_it_had_come_while_running() {
    let ramp = in_ramp(ramping()).snapshot(at(31));
    let closed = Machine::restore(small(), &ramp, at(0)).unwrap();
    assert_eq!((closed.state(), closed.generation()), (State::Closed, 4));
    let mut machine = in_ramp(ramping());
    machine.step(Event::Timer, at(40)).unwrap();
    let one = Ramp { stages: vec![percent(3)], ..Ramp::default() };
    let fewer = BreakerConfig { ramp: Some(one), ..small() };
    let clamped = Machine::restore(fewer, &machine.snapshot(at(40)), at(0)).unwrap();
    assert_eq!((clamped.state(), clamped.share()), (State::Ramping, percent(3)));
    let invalid = BreakerConfig { trials: 0, ..small() };
    assert_eq!(Machine::restore(invalid, &ramp, at(0)).unwrap_err().field(), "trials");
}

#[cfg(feature = "serde")]
#[test]
fn stored_and_read_and_what_no_machine_kept_is_refused_by_name() {
    use serde_json::{Value, from_value, json, to_value};

    let mut machine = half_open(small());
    trial(&mut machine, false, at(31));
    let snapshot = machine.snapshot(at(33));
    let stored = to_value(&snapshot).unwrap();
    let trials = json!({ "ended": 1, "bad": 0, "slow": 0, "run": 0 });
    assert_eq!(
        stored,
        json!({
            "version": 1,
            "generation": 2,
            "lasted": "3s",
            "state": { "half_open": { "left": "7s", "trials": trials, "asked": "0s" } },
            "openings": 1,
            "last_open": "30s",
        })
    );
    assert_eq!(from_value::<MachineSnapshot>(stored.clone()).unwrap(), snapshot);
    let restore = |path: &str, value: Value| {
        let mut stored = stored.clone();
        *stored.pointer_mut(path).unwrap() = value;
        let snapshot: MachineSnapshot = from_value(stored).map_err(|error| error.to_string())?;
        let restored = Machine::restore(small(), &snapshot, at(0));
        restored.map_err(|error| error.to_string())
    };
    let trials = "/state/half_open/trials";
    for (path, value, error) in [
        ("/version", json!(2), "snapshot has version 2, this build reads version 1"),
        ("/version", json!("1"), "invalid type"),
        ("/generation", json!(u64::MAX), "snapshot.generation is 18446744073709551615, allowed"),
        ("/state", json!({ "ramping": { "left": "1s", "stage": 32 } }), "snapshot.stage is 32"),
        ("/state", json!("ajar"), "unknown variant"),
        (&format!("{trials}/ended"), json!(65_536), "snapshot.trials.ended is 65536"),
        (&format!("{trials}/bad"), json!(2), "snapshot.trials.bad is 2, allowed: 0 to 1"),
        (&format!("{trials}/slow"), json!(2), "snapshot.trials.slow is 2"),
        (&format!("{trials}/run"), json!(1), "snapshot.trials.run is 1, allowed: 0 to 0"),
        ("/lasted", json!(-1), "invalid type"),
    ] {
        let found = restore(path, value).unwrap_err();
        assert!(found.contains(error), "{path}: {found}");
    }
    // The farthest of everything goes on and does not panic.
    for (path, value) in [
        ("/generation", json!(Machine::MAX_GENERATION)),
        ("/lasted", json!("500years")),
        ("/last_open", json!("500years")),
        ("/openings", json!(u32::MAX)),
        ("/state/half_open/left", json!("500years")),
    ] {
        let mut machine = restore(path, value).unwrap();
        trial(&mut machine, true, at(1)).unwrap();
        machine.step(Event::Timer, Instant::MAX).unwrap();
    }
}
