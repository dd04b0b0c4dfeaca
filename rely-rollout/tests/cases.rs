//! Runs `cases.json`, and sees to it that every rule of the README has its cases.

#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use core::time::Duration;
use std::collections::BTreeMap;

use rely_core::{Instant, Level, Ratio, Verdict, config};
use rely_rollout::machine::{Event, Machine};
use rely_rollout::{Plan, Progress};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "about")]
    _about: Vec<String>,
    plan: Plan,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    rule: String,
    name: String,
    plan: Option<Plan>,
    events: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(with = "config::duration")]
    at: Duration,
    #[serde(default, with = "config::duration_option")]
    until: Option<Duration>,
    #[serde(rename = "do")]
    command: Option<Command>,
    judged: Option<Level>,
    #[serde(default, with = "config::duration_option")]
    as_of: Option<Duration>,
    #[serde(default, with = "config::duration_option")]
    valid_for: Option<Duration>,
    share: Option<Ratio>,
    progress: Option<Progress>,
    #[serde(default, deserialize_with = "given")]
    because: Option<Option<String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Start,
    Timer,
    Pause,
    Resume,
    RollBack,
    Barred,
}

/// Tells null from what is left out.
fn given<'de, D>(deserializer: D) -> Result<Option<Option<String>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl Line {
    fn event(&self, at: Duration) -> Event {
        match (self.command, self.judged) {
            (None, Some(level)) => {
                let as_of = Instant::ORIGIN + self.as_of.unwrap_or(at);
                let verdict = Verdict::new(level, as_of);
                Event::Judged(match self.valid_for {
                    Some(age) => verdict.valid_for(age),
                    None => verdict,
                })
            }
            (Some(Command::Start), None) => Event::Start,
            (Some(Command::Timer), None) => Event::Timer,
            (Some(Command::Pause), None) => Event::Pause,
            (Some(Command::Resume), None) => Event::Resume,
            (Some(Command::RollBack), None) => Event::RollBack { why: "the case says so".into() },
            (Some(Command::Barred), None) => Event::Barred { why: "the case says so".into() },
            _ => panic!("an event at {at:?} needs either `do` or `judged`"),
        }
    }

    fn check(&self, machine: &mut Machine, at: Duration, place: &str) {
        let decision = machine.step(self.event(at), Instant::ORIGIN + at);
        let share = machine.share();
        assert_eq!(self.share.unwrap_or(share), share, "{place}: {decision:?}");
        let progress = machine.progress();
        assert_eq!(self.progress.unwrap_or(progress), progress, "{place}: {decision:?}");
        if let Some(because) = &self.because {
            let reason = decision.as_ref().map(|decision| decision.reason.as_str());
            assert_eq!(reason, because.as_deref(), "{place}");
        }
    }
}

fn file() -> File {
    let text = include_str!("cases.json");
    config::from_deserializer(&mut serde_json::Deserializer::from_str(text)).unwrap()
}

#[test]
fn every_case_comes_out_as_written() {
    let file = file();
    for case in &file.cases {
        let plan = case.plan.as_ref().unwrap_or(&file.plan);
        let mut machine = Machine::new(plan.clone()).unwrap();
        for line in &case.events {
            let mut at = line.at;
            loop {
                let place = format!("{}, {}, at {at:?}", case.rule, case.name);
                line.check(&mut machine, at, &place);
                at += Duration::from_secs(1);
                if line.until.is_none_or(|until| at > until) {
                    break;
                }
            }
        }
    }
}

#[test]
fn every_rule_of_the_readme_has_two_cases_and_every_case_a_rule() {
    let readme = include_str!("../README.md");
    let rules = readme.lines().filter_map(|line| line.strip_prefix("| R")?.split(' ').next());
    let mut counts: BTreeMap<String, usize> = rules.map(|id| (format!("R{id}"), 0)).collect();
    assert!(!counts.is_empty(), "no table of rules was found");
    for case in file().cases {
        let count = counts.get_mut(&case.rule);
        *count.unwrap_or_else(|| panic!("{} is no rule: {}", case.rule, case.name)) += 1;
    }
    let few: Vec<_> = counts.iter().filter(|(_, count)| **count < 2).collect();
    assert!(few.is_empty(), "rules with fewer than two cases: {few:?}");
}
