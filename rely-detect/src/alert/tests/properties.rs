//! What holds for whatever comes.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rely_core::{Instant, Level, Recorder};

use super::super::*;
use crate::slo::Severity;

const LIMIT: u32 = 4;
const PER: Duration = Duration::from_secs(600);

fn builder() -> AlertsBuilder {
    let seconds = Duration::from_secs;
    let rule = |name: &str, confirm, no_data| AlertRule {
        confirm,
        no_data,
        keep_firing: seconds(20),
        stale_after: seconds(50),
        ..AlertRule::new(name)
    };
    let escalation = Escalation { after: seconds(40), receiver: "second".to_owned() };
    let pager = Route {
        group_by: vec!["service".to_owned()],
        group_wait: seconds(15),
        group_interval: seconds(60),
        repeat: seconds(300),
        close_after: seconds(30),
        escalation: vec![escalation],
        acknowledged_for: seconds(500),
        ..Route::to("pager")
    };
    let inhibition = Inhibition {
        source: vec![Matcher::is("alert", "hold")],
        target: vec![Matcher::is("alert", "count")],
        equal: vec!["zone".to_owned()],
    };
    let receiver = |name| Receiver { limit: LIMIT, per: PER, ..Receiver::new(name) };
    Alerts::builder("test")
        .rule(rule("now", Confirm::For(Duration::ZERO), NoData::Keep))
        .rule(rule("hold", Confirm::For(seconds(30)), NoData::Alert))
        .rule(AlertRule {
            severity: Severity::Ticket,
            ..rule("count", Confirm::Count { bad: 2, of: 4 }, NoData::Ok)
        })
        .receiver(receiver("pager"))
        .receiver(receiver("second"))
        .inhibition(inhibition)
        .route(pager)
}

fn input() -> impl Strategy<Value = Input> {
    let level = prop_oneof![
        3 => Just(Level::Healthy),
        1 => Just(Level::Degraded),
        4 => Just(Level::Unhealthy),
        1 => Just(Level::Unknown),
    ];
    let rule = prop_oneof![Just("now"), Just("hold"), Just("count")];
    let cause = prop_oneof![
        6 => Just(None),
        1 => Just(Some("deploy")),
        1 => Just(Some("now{service=1,zone=0}")),
    ];
    let seen =
        (rule, 0..3_u32, 0..2_u32, level, cause).prop_map(|(rule, service, zone, level, cause)| {
            let labels = Labels::of([("service", service.to_string()), ("zone", zone.to_string())]);
            let mut seen = Observation::new(level);
            seen.caused_by = cause.map(str::to_owned);
            Input::Observed(AlertKey::new(rule, labels), seen)
        });
    let silence = |service: u32, length: u64, every: bool| {
        let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
        let matchers = [Matcher::is("service", service.to_string())];
        let silence = Silence::new(matchers, at(100), at(101 + length), "ann", "why");
        let silence = if every { silence.every(Duration::from_secs(700)) } else { silence };
        Command::Silence { id: service.to_string(), silence }
    };
    let command = prop_oneof![
        (1..20_u64).prop_map(|incident| Command::Acknowledge { incident, by: "ann".to_owned() }),
        (1..20_u64).prop_map(|incident| Command::Unacknowledge { incident }),
        (1..20_u64, 1..20_u64).prop_map(|(from, into)| Command::Merge { from, into }),
        (0..3_u32, 0..600_u64, any::<bool>()).prop_map(move |(s, l, e)| silence(s, l, e)),
        (0..3_u32).prop_map(|id| Command::Expire { id: id.to_string() }),
    ];
    prop_oneof![
        8 => seen,
        1 => command.prop_map(Input::Command),
        4 => Just(Input::Tick),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<(u64, Input)>> {
    prop::collection::vec((0..40_u64, input()), 1..250).prop_map(|steps| {
        let mut now = 0;
        let later = |(wait, input)| {
            now += wait;
            (now, input)
        };
        steps.into_iter().map(later).collect()
    })
}

fn at(seconds: u64) -> Instant {
    Instant::ORIGIN + Duration::from_secs(seconds)
}

/// Each alert that is active is in one incident and no other, and nothing is in one that is not open.
fn check_membership(alerts: &Alerts) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for incident in alerts.incidents() {
        for (key, member) in &incident.members {
            prop_assert!(seen.insert(key.clone()), "{key} is in two incidents");
            prop_assert_eq!(alerts.incident_of(&key.rule, &key.labels), Some(incident.id));
            prop_assert_eq!(alerts.state(&key.rule, &key.labels), member.state);
        }
    }
    for rule in ["now", "hold", "count"] {
        for service in 0..3 {
            for zone in 0..2 {
                let labels =
                    Labels::of([("service", service.to_string()), ("zone", zone.to_string())]);
                if alerts.state(rule, &labels).is_active() {
                    let key = AlertKey::new(rule, labels);
                    prop_assert!(seen.contains(&key), "{key} is in no incident");
                }
            }
        }
    }
    Ok(())
}

fn check_effects(effects: &[Effect]) -> Result<(), TestCaseError> {
    let mut states: BTreeMap<&AlertKey, AlertState> = BTreeMap::new();
    let mut new = BTreeSet::new();
    let mut told = BTreeSet::new();
    let mut over = BTreeSet::new();
    let mut sent: BTreeMap<&str, Vec<Instant>> = BTreeMap::new();
    for effect in effects {
        match effect {
            Effect::Moved { alert, from, to, .. } => {
                let was = states.insert(alert, *to).unwrap_or(AlertState::Inactive);
                prop_assert_eq!(was, *from, "{}", alert);
                if *to == AlertState::Resolved {
                    prop_assert_eq!(was, AlertState::Recovering, "only what fired resolves");
                }
                if *to == AlertState::Firing {
                    prop_assert!(matches!(was, AlertState::Pending | AlertState::Recovering));
                }
            }
            Effect::Notify(note) => {
                prop_assert!(!over.contains(&note.incident), "told after it was over");
                if note.kind == NotifyKind::New {
                    prop_assert!(new.insert(note.incident), "called twice for {}", note.incident);
                }
                let first = matches!(note.kind, NotifyKind::New | NotifyKind::Flapping);
                prop_assert!(first || told.contains(&note.incident), "{note} with nothing before");
                told.insert(note.incident);
                sent.entry(&note.receiver).or_default().push(note.at);
            }
            // What was told of an incident was told of the one that it is a part of.
            Effect::Joined { incident, left: Some(left), .. } if told.contains(left) => {
                told.insert(*incident);
            }
            Effect::Closed { incident, .. } => {
                prop_assert!(over.insert(*incident));
            }
            _ => {}
        }
    }
    for (receiver, times) in sent {
        for window in times.windows(LIMIT as usize + 1) {
            prop_assert!(window[LIMIT as usize] - window[0] >= PER, "{receiver}: {window:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes(inputs in inputs()) {
        let mut alerts = builder().build().unwrap();
        let mut effects = Vec::new();
        for (seconds, input) in &inputs {
            effects.extend(alerts.take(at(*seconds), input));
            check_membership(&alerts)?;
            if *input == Input::Tick {
                let next = alerts.deadline();
                prop_assert!(next.is_none_or(|next| next > at(*seconds)), "due and not done");
            }
        }
        effects.extend(alerts.tick(at(100_000)));
        check_membership(&alerts)?;
        check_effects(&effects)?;
    }

    /// Whoever ticks at deadlines alone hears the same, at the same time, as who ticks more often.
    #[test]
    fn a_tick_at_each_deadline_is_enough(inputs in inputs()) {
        let run = |each_second: bool| {
            let mut alerts = builder().build().unwrap();
            let (mut told, mut now) = (Vec::new(), Instant::ORIGIN);
            for (seconds, input) in &inputs {
                let until = at(*seconds);
                loop {
                    let second = each_second.then_some(now + Duration::from_secs(1));
                    let next = alerts.deadline().into_iter().chain(second).min();
                    let Some(next) = next.filter(|next| *next < until) else { break };
                    now = next;
                    told.extend(alerts.tick(now));
                }
                now = now.max(until);
                alerts.take(now, input).into_iter().for_each(|effect| told.push(effect));
                told.extend(alerts.tick(now));
            }
            told.into_iter().filter_map(|effect| match effect {
                Effect::Notify(note) => {
                    Some((note.at, note.kind, note.receiver.clone(), note.incident))
                }
                _ => None,
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(true), run(false));
    }

    #[test]
    fn a_restored_machine_goes_on_as_if_nothing_had_been(
        inputs in inputs(),
        cut in 0..250_usize,
    ) {
        let mut alerts = builder().build().unwrap();
        let mut other = None;
        for (n, (seconds, input)) in inputs.iter().enumerate() {
            if n == cut.min(inputs.len() - 1) {
                // Effects that nobody took are not kept, so both start without.
                alerts.tick(at(*seconds));
                let mut fresh = builder().build().unwrap();
                fresh.restore(stored(&alerts.snapshot())).unwrap();
                other = Some(fresh);
            }
            let effects = alerts.take(at(*seconds), input);
            if let Some(other) = &mut other {
                prop_assert_eq!(effects, other.take(at(*seconds), input));
            }
        }
        let mut other = other.unwrap();
        prop_assert_eq!(alerts.tick(at(50_000)), other.tick(at(50_000)));
        prop_assert_eq!(alerts.snapshot(), other.snapshot());
        prop_assert_eq!(alerts.hygiene(), other.hygiene());
    }

    #[test]
    fn a_replay_has_the_same_effects(inputs in inputs()) {
        let mut alerts = builder().build().unwrap();
        let mut recorder = Recorder::new(core::num::NonZeroUsize::new(1000).unwrap());
        let mut effects = Vec::new();
        for (seconds, input) in &inputs {
            recorder.record(at(*seconds), input.clone());
            effects.extend(alerts.take(at(*seconds), input));
        }
        let mut again = builder().build().unwrap();
        prop_assert_eq!(replay(&mut again, &recorder.take()).unwrap(), effects);
    }
}

#[cfg(feature = "serde")]
fn stored(snapshot: &AlertsSnapshot) -> AlertsSnapshot {
    let text = serde_json::to_string(snapshot).unwrap();
    let read = serde_json::from_str(&text).unwrap();
    assert_eq!(*snapshot, read);
    read
}

#[cfg(not(feature = "serde"))]
fn stored(snapshot: &AlertsSnapshot) -> AlertsSnapshot {
    snapshot.clone()
}
