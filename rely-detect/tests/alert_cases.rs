//! Runs `alert_cases.json` against the machine of alerts, and sees to it that every rule of its
//! documentation has its cases: just met and just missed.
//!
//! # The file
//!
//! `config` is an `AlertsConfig`. A case names its `rule` and what is other about its configuration:
//! `latency` changes fields of the first rule, `route` of the last route, `config` of the whole. Its
//! `events` come in order; in each, in this order:
//!
//! | field | what |
//! |---|---|
//! | `at` | the time |
//! | `see` | observations: `rule{label=value}` and a level (`healthy`, `degraded`, `unhealthy`, `unknown`), a severity as a number, or an `Observation` |
//! | `every` | the same again and again up to `at`, so far apart, from the event before on |
//! | `do` | a `Command`; with `refused` it has to fail |
//!
//! Then time passes up to `at`. What holds after it; what is left out is not looked at, but every
//! notification has to be named:
//!
//! | field | what |
//! |---|---|
//! | `state` | the state of alerts |
//! | `told` | the notifications since the event before: kind, receiver, incident, and the suspect where there is one |
//! | `held` | what was held back since the beginning, by reason |
//! | `incidents` | the open incidents: number and how many alerts are active |
//! | `series` | how many series are kept |

#![cfg(feature = "serde")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::time::Duration;
use std::collections::BTreeMap;

use rely_core::{Instant, Level, config};
use rely_detect::alert::{
    AlertState, Alerts, AlertsConfig, Command, Effect, Labels, Observation, Suppressed,
};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    config: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    name: String,
    /// Whether the rule is just met or just missed.
    met: bool,
    #[serde(default)]
    latency: Map<String, Value>,
    #[serde(default)]
    route: Map<String, Value>,
    #[serde(default)]
    config: Map<String, Value>,
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    at: Span,
    #[serde(default)]
    see: BTreeMap<String, Seen>,
    every: Option<Span>,
    #[serde(rename = "do")]
    command: Option<Command>,
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    state: BTreeMap<String, AlertState>,
    #[serde(default)]
    told: Vec<String>,
    held: Option<BTreeMap<Suppressed, u64>>,
    incidents: Option<BTreeMap<u64, usize>>,
    series: Option<usize>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Span(#[serde(with = "config::duration")] Duration);

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Seen {
    Level(Level),
    Severity(f64),
    All(Box<Observation>),
}

impl Seen {
    fn observation(&self) -> Observation {
        match self {
            Self::Level(level) => Observation::new(*level),
            Self::Severity(severity) => {
                let mut seen = Observation::new(Level::Healthy);
                seen.severity = Some(*severity);
                seen
            }
            Self::All(seen) => (**seen).clone(),
        }
    }
}

fn key(text: &str) -> (String, Labels) {
    let (rule, rest) = text.split_once('{').unwrap_or((text, "}"));
    let pairs = rest.strip_suffix('}').unwrap().split(',').filter(|pair| !pair.is_empty());
    (rule.to_owned(), Labels::of(pairs.map(|pair| pair.split_once('=').unwrap())))
}

fn merge(into: &mut Value, fields: &Map<String, Value>) {
    into.as_object_mut().unwrap().extend(fields.clone());
}

fn machine(file: &File, case: &Case) -> Alerts {
    let mut fields = Value::Object(file.config.clone());
    merge(&mut fields, &case.config);
    merge(&mut fields["rules"][0], &case.latency);
    let last = fields["routes"].as_array().unwrap().len() - 1;
    merge(&mut fields["routes"][last], &case.route);
    let config: AlertsConfig = config::from_deserializer(fields).unwrap();
    Alerts::builder("case").config(config).build().unwrap_or_else(|e| panic!("{}: {e}", case.name))
}

fn play(file: &File, case: &Case) {
    let mut alerts = machine(file, case);
    let mut before = Duration::ZERO;
    for (n, event) in case.events.iter().enumerate() {
        let place = format!("{} {}, event {n}", case.rule, case.name);
        let at = event.at.0;
        let mut notes = Vec::new();
        let mut times = vec![at];
        if let Some(Span(every)) = event.every {
            let mut next = before + every;
            while next < at {
                times.push(next);
                next += every;
            }
            times.sort_unstable();
        }
        for time in times {
            let now = Instant::ORIGIN + time;
            for (text, seen) in &event.see {
                let (rule, labels) = key(text);
                alerts.observe(now, &rule, &labels, seen.observation());
            }
            if let (Some(command), true) = (&event.command, time == at) {
                let done = alerts.command(now, command.clone());
                assert_eq!(done.is_err(), event.refused, "{place}: {done:?}");
            }
            for effect in alerts.tick(now) {
                if let Effect::Notify(note) = effect {
                    let (kind, receiver) = (note.kind.as_str(), note.receiver);
                    let suspect = note.suspect.map(|who| format!(" {who}")).unwrap_or_default();
                    notes.push(format!("{kind} {receiver} {}{suspect}", note.incident));
                }
            }
            assert!(alerts.deadline().is_none_or(|next| next > now), "{place}: due and not done");
        }
        before = at;
        assert_eq!(notes, event.told, "{place}");
        for (text, state) in &event.state {
            let (rule, labels) = key(text);
            assert_eq!(alerts.state(&rule, &labels), *state, "{place}: {text}");
        }
        if let Some(held) = &event.held {
            assert_eq!(alerts.held(), held, "{place}");
        }
        if let Some(incidents) = &event.incidents {
            let open = alerts.incidents().map(|one| (one.id, one.active().count()));
            assert_eq!(&open.collect::<BTreeMap<_, _>>(), incidents, "{place}");
        }
        if let Some(series) = event.series {
            assert_eq!(alerts.series(), series, "{place}");
        }
    }
}

fn file() -> File {
    serde_json::from_str(include_str!("alert_cases.json")).unwrap()
}

#[test]
fn every_case_holds() {
    let file = file();
    for case in &file.cases {
        play(&file, case);
    }
}

#[test]
fn every_rule_has_a_case_that_meets_it_and_one_that_misses_it() {
    let docs = include_str!("../src/alert/mod.rs");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("//! | A"));
    let ids: Vec<String> = rows.map(|row| format!("A{}", row.split(' ').next().unwrap())).collect();
    assert!(ids.len() >= 20, "the table of rules is not where it was: {ids:?}");
    let cases = file().cases;
    for id in &ids {
        for met in [true, false] {
            let found = cases.iter().any(|case| case.rule == *id && case.met == met);
            assert!(found, "{id} has no case with met: {met}");
        }
    }
    for case in &cases {
        assert!(ids.contains(&case.rule), "{} is of no rule: {}", case.name, case.rule);
        assert!(!case.events.is_empty(), "{} does nothing", case.name);
    }
}
