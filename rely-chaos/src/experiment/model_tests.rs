//! What holds in every run, whatever happens in it.

use core::time::Duration;
use std::collections::BTreeMap;

use proptest::prelude::*;
use rely_core::{Instant, Level, Verdict};

use super::machine::{Effect, Input, Machine};
use super::plan::{Deed, Plan, Question, Slot};
use super::{Conclusion, ExperimentReport, Phase, When};

const WHENS: [When; 7] = [
    When::Before,
    When::Recovered,
    When::AbortIf,
    When::Throughout,
    When::Until,
    When::AtEnd,
    When::AfterRollback,
];

/// What the world does at one step.
#[derive(Clone, Debug)]
struct Fate {
    /// What each check's signal says, mostly.
    levels: [Level; 7],
    /// Ends the oldest work that goes on, well or badly.
    finish: Option<bool>,
    stop: bool,
    /// How much later than asked the tick comes.
    late: u64,
}

fn fate() -> impl Strategy<Value = Fate> {
    let good = prop_oneof![8 => Just(Level::Healthy), 1 => Just(Level::Degraded), 1 => Just(Level::Unknown)];
    let any = prop_oneof![
        20 => good,
        1 => Just(Level::Unhealthy),
    ];
    let finish = prop_oneof![2 => Just(None), 6 => Just(Some(true)), 1 => Just(Some(false))];
    let late = prop_oneof![6 => Just(0), 1 => 0..4_u64];
    (proptest::array::uniform7(any), finish, prop::bool::weighted(0.02), late)
        .prop_map(|(levels, finish, stop, late)| Fate { levels, finish, stop, late })
}

fn plan(actions: usize, times: &[(u64, usize)], lengths: [u64; 4]) -> Plan {
    let seconds = Duration::from_secs;
    let question = |(signal, when): (usize, When)| {
        let name = when.as_str().to_owned();
        Question { name, when, signal }
    };
    let mut schedule: Vec<_> = (0..actions).map(|action| (action as u64, action)).collect();
    schedule.extend(times.iter().filter(|(_, action)| *action < actions));
    let slot = |(offset, action)| Slot { offset: seconds(offset), action };
    let mut schedule: Vec<_> = schedule.into_iter().map(slot).collect();
    schedule.sort();
    Plan {
        name: "model".to_owned(),
        interval: seconds(2),
        settle_within: seconds(lengths[0]),
        lasting: seconds(lengths[1] + 8),
        recover_within: seconds(lengths[2]),
        rollback_within: seconds(lengths[3] + 1),
        checks: WHENS.into_iter().enumerate().map(question).collect(),
        actions: (0..actions).map(|n| Deed { name: n.to_string(), needed: 1 }).collect(),
        schedule,
    }
}

/// Everything that was seen from outside.
#[derive(Default)]
struct Seen {
    /// Actions in the order of their first injection.
    injected: Vec<usize>,
    rolled_back: Vec<usize>,
    going_on: Vec<(usize, bool)>,
    steady_once: bool,
    abort_at: Option<Instant>,
    bad_throughout: bool,
    stopped: bool,
    errors: BTreeMap<&'static str, u32>,
}

/// Plays a run to its end; at most so many steps, or it hangs.
fn play(
    plan: Plan,
    fates: &[Fate],
    fires: bool,
) -> Result<(ExperimentReport, Seen), TestCaseError> {
    let actions = plan.actions.len();
    let mut machine = Machine::new(plan, Instant::ORIGIN);
    let (mut seen, mut now) = (Seen::default(), Instant::ORIGIN);
    for step in 0..2_000 {
        if let Some(report) = machine.report() {
            prop_assert_eq!(machine.timer(), None);
            prop_assert!(seen.going_on.is_empty(), "work goes on: {:?}", seen.going_on);
            prop_assert_eq!(machine.outstanding().count(), 0);
            return Ok((report, seen));
        }
        let fate = &fates[step % fates.len()];
        let phase = machine.phase();
        let finish = fate.finish.filter(|_| !seen.going_on.is_empty());
        let input = if fate.stop {
            seen.stopped |= matches!(phase, Phase::Settling | Phase::Running);
            Input::Stop("model".to_owned())
        } else if let Some(well) = finish {
            let (action, is_rollback) = seen.going_on.remove(0);
            let result = if well { Ok(()) } else { Err("model".to_owned()) };
            if !well {
                *seen.errors.entry(if is_rollback { "rollback" } else { "inject" }).or_default() +=
                    1;
            }
            if is_rollback {
                Input::RolledBack(action, result)
            } else {
                Input::Injected(action, result)
            }
        } else {
            let due = machine.timer();
            prop_assert!(due.is_some() || machine.report().is_some(), "waits for nothing");
            now = now.max(due.unwrap_or(now)) + Duration::from_secs(fate.late);
            let asks = machine.asks(now);
            let ask = |index: &usize| (*index, Verdict::new(fate.levels[*index], now));
            let answers: Vec<_> = asks.iter().map(ask).collect();
            for (index, verdict) in &answers {
                let unhealthy = verdict.level == Level::Unhealthy;
                match WHENS[*index] {
                    When::Before => seen.steady_once |= verdict.level == Level::Healthy,
                    When::AbortIf if unhealthy => _ = seen.abort_at.get_or_insert(now),
                    When::Throughout => seen.bad_throughout |= unhealthy,
                    _ => {}
                }
            }
            let in_method = phase == Phase::Running;
            prop_assert!(
                !in_method || asks.contains(&2),
                "each tick of the method asks for the abort"
            );
            Input::Tick(answers)
        };
        let mut effects = machine.step(now, input);
        if effects.contains(&Effect::Count) {
            prop_assert_eq!(effects.pop(), Some(Effect::Count), "last of all");
            let counts = vec![Ok((u64::from(fires), Vec::new())); actions];
            prop_assert!(machine.step(now, Input::Counted(counts)).is_empty());
        }
        for effect in effects {
            match effect {
                Effect::Inject(action) => {
                    prop_assert!(seen.steady_once && seen.abort_at.is_none());
                    prop_assert!(!seen.going_on.contains(&(action, false)), "one at a time");
                    prop_assert!(seen.rolled_back.is_empty(), "nothing after the rollback began");
                    if !seen.injected.contains(&action) {
                        seen.injected.push(action);
                    }
                    seen.going_on.push((action, false));
                }
                Effect::RollBack(action) => {
                    seen.rolled_back.push(action);
                    prop_assert!(seen.going_on.is_empty(), "one after the other");
                    seen.going_on.push((action, true));
                }
                Effect::CancelInject(action) => {
                    seen.going_on.retain(|work| *work != (action, false));
                }
                Effect::GiveUp(action) => {
                    seen.going_on.retain(|work| *work != (action, true));
                }
                Effect::Count => prop_assert!(false, "counted twice"),
            }
        }
    }
    Err(TestCaseError::fail("it never ends"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_run_ends_with_everything_taken_back_and_a_conclusion_that_fits(
        actions in 0..4_usize,
        times in prop::collection::vec((0..8_u64, 0..4_usize), 0..4),
        lengths in proptest::array::uniform4(0..9_u64),
        fates in prop::collection::vec(fate(), 1..60),
        fires in prop::bool::weighted(0.9),
    ) {
        let (report, seen) = play(plan(actions, &times, lengths), &fates, fires)?;

        let mut backwards = seen.injected.clone();
        backwards.reverse();
        prop_assert_eq!(&seen.rolled_back, &backwards, "all, once, the latest first");
        prop_assert_eq!(report.faults.iter().filter(|f| f.injected > 0).count(), seen.injected.len());

        let conclusion = &report.conclusion;
        let aborted = matches!(conclusion, Conclusion::Aborted { .. });
        let inject_errors = seen.errors.contains_key("inject");
        let by_others = seen.stopped || inject_errors;
        prop_assert!(!aborted || seen.abort_at.is_some());
        // Whoever came first ended it, and after that nobody asks for the abort any more.
        prop_assert!(seen.abort_at.is_none() || aborted || by_others, "{}", report);
        prop_assert!(!seen.stopped || !report.held());
        prop_assert!(seen.errors.is_empty() || !report.held());
        if matches!(conclusion, Conclusion::NotSteady { .. }) {
            prop_assert!(seen.injected.is_empty());
        }
        prop_assert!(!seen.bad_throughout || !report.held());
        if report.held() {
            prop_assert!(report.checks.iter().all(|check| check.held || check.when == When::Until));
            prop_assert!(report.faults.iter().all(|f| f.is_enough() && f.rolled_back));
            prop_assert!(actions == 0 || fires);
        }
        if let Conclusion::Refuted { check, .. } = conclusion {
            let check = report.check(check).unwrap();
            prop_assert!(!check.held && check.level != Level::Unknown);
        }
        prop_assert!(report.journal.windows(2).all(|pair| pair[0].at <= pair[1].at));

        let (again, _) = play(plan(actions, &times, lengths), &fates, fires)?;
        prop_assert_eq!(again, report);
    }
}

/// Every combination of what the signals say and of what one action does, held to the table of rules.
#[test]
fn every_combination_follows_the_table() {
    let levels = [Level::Healthy, Level::Degraded, Level::Unhealthy, Level::Unknown];
    let mut seen = BTreeMap::<&str, u32>::new();
    for code in 0..4_u32.pow(6) * 8 {
        let pick = |place: u32| levels[(code / 4_u32.pow(place) % 4) as usize];
        let rest = code / 4_u32.pow(6);
        let (injects, rolls_back, fires) = (rest & 1 == 0, rest & 2 == 0, rest & 4 == 0);
        let [before, recovered, abort, throughout, at_end, after] = [0, 1, 2, 3, 4, 5].map(pick);
        let signals = [before, recovered, abort, throughout, Level::Unknown, at_end, after];
        let mut machine = Machine::new(plan(1, &[], [4, 4, 4, 4]), Instant::ORIGIN);
        let mut inputs = Vec::new();
        while machine.report().is_none() {
            let effects = match inputs.pop() {
                Some(input) => machine.step(Instant::ORIGIN, input),
                None => {
                    let now = machine.timer().unwrap();
                    let asks = machine.asks(now).into_iter();
                    let answer = |index: usize| (index, Verdict::new(signals[index], now));
                    machine.step(now, Input::Tick(asks.map(answer).collect()))
                }
            };
            let result = |well: bool| if well { Ok(()) } else { Err(String::new()) };
            for effect in effects {
                inputs.push(match effect {
                    Effect::GiveUp(_) => continue,
                    Effect::Inject(action) => Input::Injected(action, result(injects)),
                    Effect::RollBack(action) => Input::RolledBack(action, result(rolls_back)),
                    Effect::Count => Input::Counted(vec![Ok((u64::from(fires), Vec::new()))]),
                    Effect::CancelInject(_) => unreachable!(),
                });
            }
        }
        let wrong = |level| !matches!(level, Level::Healthy | Level::Unknown);
        let expected = if abort == Level::Unhealthy {
            "aborted"
        } else if before != Level::Healthy {
            "not_steady"
        } else if !injects || !rolls_back {
            "failed"
        } else if recovered != Level::Healthy {
            "not_recovered"
        } else if throughout == Level::Unhealthy || wrong(at_end) || wrong(after) {
            "refuted"
        } else if !fires || [throughout, at_end, after].contains(&Level::Unknown) {
            "not_proven"
        } else {
            "held"
        };
        let report = machine.report().unwrap();
        assert_eq!(report.conclusion.as_str(), expected, "{signals:?} {rest:b} {report}");
        *seen.entry(expected).or_default() += 1;
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
}
