use proptest::prelude::*;

use super::*;
use crate::AfterTrialLimit;

const SHARES: [u32; 3] = [1, 10, 50];

#[test]
fn stage_after_stage_in_one_generation_and_then_it_closes() {
    let mut machine = half_open(ramping());
    trial(&mut machine, false, at(31));
    let change = trial(&mut machine, false, at(31)).unwrap();
    let passed = ChangeReason::TrialsPassed { good: 2, slow: 0, ended: 2 };
    assert_eq!((change.to, change.reason, change.generation), (State::Ramping, passed, 3));
    assert_eq!((machine.share(), machine.deadline()), (percent(1), Some(at(36))));
    for (now, share) in [(36, percent(10)), (41, percent(50))] {
        assert_eq!(machine.step(Event::Timer, at(now) - NANO), None);
        let change = machine.step(Event::Timer, at(now)).unwrap();
        assert_eq!((change.from, change.to), (State::Ramping, State::Ramping));
        assert_eq!((change.reason, change.generation), (ChangeReason::RampStage { share }, 3));
        assert_eq!((machine.share(), machine.since()), (share, at(now)));
    }
    let change = machine.step(Event::Timer, at(46)).unwrap();
    assert_eq!(
        (change.to, change.reason, change.generation),
        (State::Closed, ChangeReason::RampOver, 4)
    );
    assert_eq!((machine.share(), machine.deadline()), (Ratio::ONE, None));
}

#[test]
fn a_trip_goes_back_by_a_stage_and_opens_at_the_first() {
    let mut machine = in_ramp(BreakerConfig { retry_after: Some(60 * SEC), ..ramping() });
    machine.step(Event::Timer, at(40)).unwrap();
    assert_eq!(machine.share(), percent(50));
    let stale = Event::Tripped { generation: 2, reason: REASON, asked: None };
    assert_eq!(machine.step(stale, at(41)), None);
    for (generation, share) in [(4, 10), (5, 1)] {
        let change = trip(&mut machine, Some(at(999)), at(41)).unwrap();
        assert_eq!((change.to, change.reason), (State::Ramping, ChangeReason::Tripped(REASON)));
        assert_eq!((change.generation, machine.share()), (generation, percent(share)));
        assert_eq!((machine.deadline(), machine.openings()), (Some(at(46)), 1));
    }
    let change = trip(&mut machine, Some(at(90)), at(42)).unwrap();
    assert_eq!((change.from, change.to), (State::Ramping, State::Open));
    assert_eq!((machine.deadline(), machine.openings()), (Some(at(90)), 2));
}

#[test]
fn bad_news_from_a_stage_that_should_be_over_still_go_back() {
    let mut machine = in_ramp(ramping());
    machine.step(Event::Timer, at(35)).unwrap();
    trip(&mut machine, None, at(1000)).unwrap();
    assert_eq!((machine.share(), machine.deadline()), (percent(1), Some(at(1005))));
}

#[test]
fn a_clock_that_goes_back_ends_one_stage() {
    let mut machine = in_ramp(ramping());
    machine.step(Event::Timer, at(3)).unwrap();
    assert_eq!((machine.share(), machine.deadline()), (percent(10), Some(at(8))));
    machine.step(Event::Timer, at(2)).unwrap();
    assert_eq!((machine.share(), machine.deadline()), (percent(50), Some(at(7))));
    machine.step(Event::Timer, at(1)).unwrap();
    assert_eq!(machine.state(), State::Closed);
}

#[test]
fn trials_that_run_out_of_time_open_or_begin_the_ramp() {
    for (trial_limit_to, state) in
        [(AfterTrialLimit::Open, State::Open), (AfterTrialLimit::Ramp, State::Ramping)]
    {
        for late in [false, true] {
            let mut machine = half_open(BreakerConfig { trial_limit_to, ..ramping() });
            let change = match late {
                true => trial(&mut machine, true, at(40)),
                false => machine.step(Event::Timer, at(40)),
            };
            let change = change.unwrap();
            assert_eq!((change.to, change.reason), (state, ChangeReason::TrialsTimedOut));
        }
        let mut machine = half_open(BreakerConfig { trial_limit_to, ..ramping() });
        trial(&mut machine, true, at(39)).unwrap();
        assert_eq!(machine.state(), State::Open, "failed trials open in any case");
    }
}

#[test]
fn commands_end_a_ramp() {
    for (command, state) in [
        (Event::Reset, State::Closed),
        (Event::ForceOpen, State::ForcedOpen),
        (Event::ForceClosed, State::ForcedClosed),
        (Event::Disable, State::Disabled),
        (Event::OpenUntil(at(99)), State::Open),
    ] {
        let mut machine = in_ramp(ramping());
        machine.step(command, at(31)).unwrap();
        assert_eq!((machine.state(), machine.share()), (state, Ratio::ONE));
    }
}

#[test]
fn another_configuration_meets_a_ramp() {
    let with = |stages: &[u32]| {
        let stages = stages.iter().map(|share| percent(*share)).collect();
        BreakerConfig { ramp: Some(Ramp { stages, stage_for: 7 * SEC }), ..small() }
    };
    let mut machine = in_ramp(ramping());
    machine.step(Event::Timer, at(40)).unwrap();
    let change = machine.reconfigure(with(&[20, 30]), at(41)).unwrap().unwrap();
    assert_eq!(change.reason, ChangeReason::RampStage { share: percent(30) });
    assert_eq!((change.generation, machine.deadline()), (3, Some(at(45))));
    assert_eq!(machine.reconfigure(with(&[5, 30, 60]), at(42)), Ok(None), "the same share");
    machine.step(Event::Timer, at(45)).unwrap();
    assert_eq!((machine.share(), machine.deadline()), (percent(60), Some(at(52))));
    let change = machine.reconfigure(small(), at(46)).unwrap().unwrap();
    let expected = (State::Closed, ChangeReason::Reconfigured, 4);
    assert_eq!((change.to, change.reason, change.generation), expected);
}

proptest! {
    #[test]
    fn who_looks_when_makes_no_difference(
        looks in prop::collection::btree_set(0..40_000_u64, 0..12),
    ) {
        let mut machine = in_ramp(ramping());
        let start = at(30);
        for millis in looks {
            let now = start + Duration::from_millis(millis);
            machine.step(Event::Timer, now);
            let stage = usize::try_from(millis / 5_000).unwrap();
            match SHARES.get(stage) {
                Some(share) => {
                    let end = start + 5 * SEC * u32::try_from(stage + 1).unwrap();
                    prop_assert_eq!(machine.share(), percent(*share));
                    prop_assert_eq!((machine.deadline(), machine.generation()), (Some(end), 3));
                }
                None => prop_assert_eq!((machine.state(), machine.generation()), (State::Closed, 4)),
            }
        }
    }
}
