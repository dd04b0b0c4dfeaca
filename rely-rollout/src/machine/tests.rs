use proptest::prelude::*;

use super::*;
use crate::Step;

const SEC: Duration = Duration::from_secs(1);

fn at(secs: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(secs)
}

fn plan() -> Plan {
    let share = Ratio::from_ppm_clamped;
    let steps = [(10_000, 10), (100_000, 20), (1_000_000, 30)];
    let step = |(ppm, hold)| Step::new(share(ppm), hold * SEC);
    Plan { steps: steps.map(step).to_vec(), give_up: 60 * SEC, interval: SEC, bake: Some(40 * SEC) }
}

#[test]
fn the_reaction_is_measured_from_the_first_bad_verdict() {
    let mut machine = Machine::new(plan()).unwrap();
    machine.step(Event::Start, at(0));
    let mut judged =
        |level, secs| machine.step(Event::Judged(Verdict::new(level, at(secs))), at(secs));
    assert_eq!(judged(Level::Degraded, 1), None);
    assert_eq!(judged(Level::Healthy, 2), None);
    assert_eq!(judged(Level::Degraded, 3), None);
    assert_eq!(judged(Level::Unknown, 4), None);
    let decision = judged(Level::Unhealthy, 5).unwrap();
    assert_eq!(decision.bad_since, Some(at(3)));
    assert_eq!((decision.number, decision.at), (2, at(5)));
}

#[test]
fn a_decision_says_what_and_why() {
    let mut machine = Machine::new(plan()).unwrap();
    let mut text = |event, secs| machine.step(event, at(secs)).unwrap().to_string();
    assert_eq!(text(Event::Start, 0), "0 % to 1 %: the first step began");
    assert_eq!(text(Event::Pause, 0), "1 % to 1 %: paused by hand");
    assert_eq!(text(Event::Resume, 0), "1 % to 1 %: resumed by hand");
    let expected = "1 % to 0 %: nothing proved it healthy for 61s, 60s are allowed";
    assert_eq!(text(Event::Timer, 61), expected);

    let mut machine = Machine::new(plan()).unwrap();
    let verdict = Verdict::new(Level::Unhealthy, at(1)).because("31 % of the calls fail");
    let decision = machine.step(Event::Judged(verdict), at(1)).unwrap();
    let expected = "0 % to 0 %: the verdict was unhealthy, 31 % of the calls fail";
    assert_eq!(decision.to_string(), expected);
}

#[cfg(feature = "serde")]
#[test]
fn decisions_survive_being_stored() {
    let mut machine = Machine::new(plan()).unwrap();
    machine.step(Event::Start, at(0));
    let verdict = Verdict::new(Level::Unhealthy, at(1)).with_evidence("failure_share", 0.31);
    let decision = machine.step(Event::Judged(verdict), at(1)).unwrap();
    let text = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
}

/// A verdict as the tests make it: its level, how old its evidence is, and how long it holds.
#[derive(Clone, Debug)]
enum Input {
    Start,
    Judged { level: Level, age: u64, valid: u64 },
    Timer,
    Pause,
    Resume,
    RollBack,
    Barred,
}

fn inputs() -> impl Strategy<Value = Vec<(i64, Input)>> {
    let level = prop_oneof![
        20 => Just(Level::Healthy),
        2 => Just(Level::Degraded),
        1 => Just(Level::Unhealthy),
        2 => Just(Level::Unknown),
    ];
    let judged = (level, prop_oneof![4 => Just(0), 1 => 0..40_u64], 0..40_u64)
        .prop_map(|(level, age, valid)| Input::Judged { level, age, valid });
    let input = prop_oneof![
        30 => judged,
        3 => Just(Input::Start),
        3 => Just(Input::Timer),
        1 => Just(Input::Pause),
        2 => Just(Input::Resume),
    ];
    let input = prop_oneof![120 => input, 1 => Just(Input::RollBack), 1 => Just(Input::Barred)];
    let step = prop_oneof![40 => 0..12_i64, 1 => -30..100_i64];
    prop::collection::vec((step, input), 0..160)
}

impl Input {
    fn event(&self, now: Instant) -> Event {
        match *self {
            Self::Start => Event::Start,
            Self::Judged { level, age, valid } => {
                let verdict = Verdict::new(level, now - Duration::from_secs(age));
                Event::Judged(verdict.valid_for(Duration::from_secs(valid)))
            }
            Self::Timer => Event::Timer,
            Self::Pause => Event::Pause,
            Self::Resume => Event::Resume,
            Self::RollBack => Event::RollBack { why: "because".into() },
            Self::Barred => Event::Barred { why: "because".into() },
        }
    }
}

/// All that happened since a step began, kept whole; the proof is looked up in it from scratch.
#[derive(Default)]
struct Diary {
    began: Option<Instant>,
    judged: Vec<(Instant, Verdict)>,
}

impl Diary {
    /// For how long the newest verdicts have been healthy, each within the life of the one before.
    fn proven(&self) -> Duration {
        let began = self.began.unwrap_or(Instant::MAX);
        let not_healthy = |(now, v): &(Instant, Verdict)| v.level_at(*now) != Level::Healthy;
        let last_break = self.judged.iter().rposition(not_healthy);
        let healthy = self.judged.iter().skip(last_break.map_or(0, |index| index + 1));
        let mut chain: Vec<&Verdict> = Vec::new();
        for verdict in healthy.map(|(_, verdict)| verdict).filter(|v| v.as_of >= began) {
            match chain.last() {
                Some(last) if verdict.as_of < last.as_of => continue,
                Some(last) if verdict.as_of > last.valid_until => chain.clear(),
                Some(last) if verdict.as_of - last.as_of > plan().give_up => chain.clear(),
                _ => {}
            }
            chain.push(verdict);
        }
        let ends = chain.first().zip(chain.last());
        ends.map_or(Duration::ZERO, |(first, last)| last.as_of - first.as_of)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_rules_hold_in_any_order_of_events(inputs in inputs()) {
        let mut machine = Machine::new(plan()).unwrap();
        let (mut clock, mut latest) = (at(50), at(0));
        let (mut taken_back, mut number) = (false, 0);
        let mut share = Ratio::ZERO;
        let mut diary = Diary::default();
        for (by, input) in &inputs {
            let jump = Duration::from_secs(by.unsigned_abs());
            clock = if *by < 0 { clock - jump } else { clock + jump };
            latest = latest.max(clock);
            let event = input.event(latest);
            let bad = matches!(&event, Event::Judged(v) if v.level_at(latest) == Level::Unhealthy);
            let before = machine.progress();
            if let Event::Judged(verdict) = &event {
                diary.judged.push((latest, verdict.clone()));
            }
            let decision = machine.step(event.clone(), clock);

            if let Some(decision) = &decision {
                number += 1;
                prop_assert_eq!(decision.number, number);
                prop_assert_eq!(decision.at, latest, "time never goes back");
                prop_assert_eq!((decision.from, decision.to), (share, machine.share()));
                prop_assert_eq!(decision.progress, machine.progress());
                share = decision.to;
                match &decision.reason {
                    Reason::StepPassed { step, proven } => {
                        prop_assert!(!machine.paused(), "a pause stops moving on");
                        let healthy = matches!(input, Input::Judged { level: Level::Healthy, .. });
                        prop_assert!(healthy, "moved on by {:?}", input);
                        prop_assert!(*proven >= machine.plan().steps[*step].hold);
                        prop_assert!(diary.proven() >= *proven, "{:?} of {:?}", diary.proven(), proven);
                    }
                    Reason::Baked { proven } => {
                        prop_assert!(!machine.paused(), "a pause stops moving on");
                        let healthy = matches!(input, Input::Judged { level: Level::Healthy, .. });
                        prop_assert!(healthy && before == Progress::Baking, "by {:?}", input);
                        prop_assert!(Some(*proven) >= machine.plan().bake);
                        prop_assert!(diary.proven() >= *proven, "{:?} of {:?}", diary.proven(), proven);
                    }
                    Reason::Unproven { unproven, allowed } => {
                        prop_assert!(unproven > allowed && before == Progress::Running);
                    }
                    _ => {}
                }
                if matches!(decision.reason, Reason::Started | Reason::StepPassed { .. }) {
                    diary = Diary { began: Some(decision.at), judged: Vec::new() };
                } else {
                    prop_assert!(decision.to <= decision.from, "nothing else gives it more");
                }
            } else {
                prop_assert_eq!(machine.share(), share, "no change without a decision");
            }

            let by_hand = matches!(input, Input::RollBack | Input::Barred);
            taken_back |= by_hand || (bad && !before.is_final());
            if taken_back {
                prop_assert_eq!(share, Ratio::ZERO, "bad once, nothing for ever");
                prop_assert_eq!(machine.progress(), Progress::RolledBack);
            }
            let allowed = match (machine.progress(), machine.current_step()) {
                (Progress::Baking | Progress::Promoted, None) => Ratio::ONE,
                (Progress::Running, Some(step)) => machine.plan().steps[step].share,
                (_, step) => {
                    prop_assert_eq!(step, None);
                    Ratio::ZERO
                }
            };
            prop_assert_eq!(share, allowed);
            if let (Some(deadline), Input::Judged { .. } | Input::Timer) =
                (machine.deadline(), input)
            {
                prop_assert!(deadline > latest, "what is overdue was decided");
            }
        }
    }

    #[test]
    fn every_step_comes_to_an_end(levels in prop::collection::vec(0..3_u8, 1..20)) {
        // Whatever pattern the verdicts repeat, unless somebody pauses it.
        let mut machine = Machine::new(plan()).unwrap();
        machine.step(Event::Start, at(0));
        let mut secs = 0;
        while !machine.progress().is_final() && machine.progress() != Progress::Baking {
            for level in &levels {
                let levels = [Level::Healthy, Level::Degraded, Level::Unknown];
                let verdict = Verdict::new(levels[usize::from(*level)], at(secs));
                machine.step(Event::Judged(verdict), at(secs));
                secs += 1;
            }
            prop_assert!(secs < 10_000);
        }
        let healthy = levels.iter().all(|level| *level == 0);
        prop_assert!(machine.progress() != Progress::RolledBack || !healthy);
    }
}
