//! Runs `cases.json` against the plain machine, the handle and the tower layer, which have to agree,
//! and sees to it that every rule of the README has its cases.
//!
//! # The file
//!
//! `config` is a [`BreakerConfig`], of which a case may change fields with a `config` of its own. A
//! case names its `rule` (the id in the README's table) and has either `refused`, the field that the
//! configuration is refused for, or null where it is not, or `events`, in order. What happens in an
//! event, in this order:
//!
//! | field | what |
//! |---|---|
//! | `at` | the clock is set, forward or back; left out, it stays |
//! | `do` | `reset`; `unready` or `ready`: the inner service is from now on; `poll`: readiness is asked for, and not again by the next call |
//! | `begin` | calls that begin, one for each letter, which names it; all have to be let through |
//! | `end` | how calls that began end, by name |
//! | `calls` | calls that begin and end one after the other, a letter for each, how many before it |
//!
//! | letter | a call that |
//! |---|---|
//! | `s` `f` `t` | succeeds, fails, fails softly |
//! | `i` `r` | is ignored, was refused by another part of ours |
//! | `c` `p` | is dropped, panics |
//! | `S` `F` `T` | takes as long as a slow call |
//! | `x` | is rejected, in `calls` alone |
//!
//! What holds after it; what is left out is not looked at:
//!
//! | field | what |
//! |---|---|
//! | `state` | the state |
//! | `change` | the name of the last change that the event made, or null |
//! | `counts` | calls, bad calls and slow calls of the window |
//! | `run` | failures in a row |
//! | `late`, `rejected` | the counters |
//! | `because`, `retry_after` | what the last rejection of the event said; null for no time |

#![cfg(feature = "serde")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "cases/subjects.rs"]
mod subjects;

use core::time::Duration;
use std::collections::BTreeMap;

use rely_breaker::{BreakerConfig, Change, ChangeReason, RejectedReason, TripReason};
use rely_core::{ConfigError, Instant, config};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use self::subjects::{Handle, Layered, Pure, Refused, Subject, View};

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
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default, deserialize_with = "given")]
    refused: Option<Option<String>>,
    #[serde(default)]
    events: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default, with = "config::duration_option")]
    at: Option<Duration>,
    #[serde(rename = "do")]
    command: Option<Command>,
    #[serde(default)]
    begin: String,
    #[serde(default)]
    end: BTreeMap<char, char>,
    #[serde(default)]
    calls: String,
    state: Option<String>,
    #[serde(default, deserialize_with = "given")]
    change: Option<Option<String>>,
    counts: Option<[u64; 3]>,
    run: Option<u32>,
    late: Option<u64>,
    rejected: Option<u64>,
    because: Option<String>,
    #[serde(default, deserialize_with = "given")]
    retry_after: Option<Option<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Reset,
    Unready,
    Ready,
    Poll,
}

/// Tells null from what is left out.
fn given<'de, D>(deserializer: D) -> Result<Option<Option<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl Case {
    fn config(&self, base: &Map<String, Value>) -> Result<BreakerConfig, ConfigError> {
        let mut fields = base.clone();
        fields.extend(self.config.clone());
        config::from_deserializer(Value::Object(fields))
    }

    fn asks_for_readiness(&self) -> bool {
        self.events.iter().any(|line| line.command == Some(Command::Poll))
    }

    /// Plays the events; returns what could be seen after each of them.
    fn play(&self, subject: &mut dyn Subject, config: &BreakerConfig, form: &str) -> Vec<View> {
        let mut player = Player {
            subject,
            slow: config.slow_calls.map(|rule| rule.longer_than),
            now: Instant::ORIGIN,
            polled: false,
        };
        let (mut views, mut changes_before) = (Vec::new(), 0);
        for (index, line) in self.events.iter().enumerate() {
            let place = format!("{} {}, event {index}, {form}", self.rule, self.name);
            let refused = player.play(line, &place);
            let view = player.subject.view();
            line.check(&view, changes_before, refused.as_ref(), &place);
            changes_before = view.changes.len();
            views.push(view);
        }
        views
    }
}

struct Player<'a> {
    subject: &'a mut dyn Subject,
    slow: Option<Duration>,
    now: Instant,
    /// The next call has been polled for already.
    polled: bool,
}

impl Player<'_> {
    fn set(&mut self, now: Instant) {
        self.now = now;
        self.subject.set(now);
    }

    fn begin(&mut self, name: char) -> Result<(), Refused> {
        if !core::mem::take(&mut self.polled) {
            self.subject.poll();
        }
        self.subject.begin(name)
    }

    /// Returns the last rejection.
    fn play(&mut self, line: &Line, place: &str) -> Option<Refused> {
        if let Some(at) = line.at {
            self.set(Instant::ORIGIN + at);
        }
        match line.command {
            Some(Command::Reset) => self.subject.reset(),
            Some(Command::Poll) => {
                self.subject.poll();
                self.polled = true;
            }
            Some(command) => self.subject.inner_is(command == Command::Ready),
            None => {}
        }
        for name in line.begin.chars() {
            self.begin(name).unwrap_or_else(|refused| panic!("{place}: {name} got {refused:?}"));
        }
        for (name, how) in &line.end {
            self.subject.end(*name, *how);
        }
        let (mut last, mut times) = (None, 0);
        for letter in line.calls.chars() {
            if let Some(digit) = letter.to_digit(10) {
                times = times * 10 + digit;
                continue;
            }
            for _ in 0..core::mem::take(&mut times).max(1) {
                last = self.call(letter, place).or(last);
            }
        }
        last
    }

    fn call(&mut self, letter: char, place: &str) -> Option<Refused> {
        const NAMELESS: char = '.';
        match (self.begin(NAMELESS), letter) {
            (Err(refused), 'x') => return Some(refused),
            (Ok(()), 'x') => panic!("{place}: a call was let through that should not be"),
            (Err(refused), _) => panic!("{place}: {letter} got {refused:?}"),
            (Ok(()), _) => {}
        }
        if letter.is_ascii_uppercase() {
            self.set(self.now + self.slow.unwrap());
        }
        self.subject.end(NAMELESS, letter.to_ascii_lowercase());
        None
    }
}

impl Line {
    fn check(&self, view: &View, changes_before: usize, refused: Option<&Refused>, place: &str) {
        if let Some(state) = &self.state {
            assert_eq!(view.state.as_str(), state, "{place}: {view:?}");
        }
        if let Some(change) = &self.change {
            let last = view.changes[changes_before..].last().map(|change| name_of(change.reason));
            assert_eq!(last, change.as_deref(), "{place}: {view:?}");
        }
        let counts = [view.counts.total, view.counts.bad, view.counts.slow];
        assert_eq!(counts, self.counts.unwrap_or(counts), "{place}");
        assert_eq!(view.run, self.run.unwrap_or(view.run), "{place}: run");
        assert_eq!(view.late, self.late.unwrap_or(view.late), "{place}: late");
        assert_eq!(view.rejected, self.rejected.unwrap_or(view.rejected), "{place}: rejected");
        if let Some(because) = &self.because {
            let reason = match refused.map(|refused| refused.reason) {
                Some(RejectedReason::Open) => "open",
                Some(RejectedReason::TrialsTaken) => "trials_taken",
                Some(RejectedReason::InnerNotReady) => "inner_not_ready",
                Some(RejectedReason::ForcedOpen) => "forced_open",
                other => panic!("{place}: {other:?}"),
            };
            assert_eq!(reason, because, "{place}");
        }
        if let Some(wait) = &self.retry_after {
            let said =
                refused.unwrap_or_else(|| panic!("{place}: nothing was rejected")).retry_after;
            assert_eq!(said.map(|said| format!("{said:?}")), *wait, "{place}");
        }
    }
}

fn name_of(reason: ChangeReason) -> &'static str {
    match reason {
        ChangeReason::Tripped(TripReason::FailureRate { .. }) => "failure_rate",
        ChangeReason::Tripped(TripReason::SlowCallRate { .. }) => "slow_call_rate",
        ChangeReason::Tripped(TripReason::ConsecutiveFailures { .. }) => "consecutive_failures",
        ChangeReason::OpenTimeOver => "open_time_over",
        ChangeReason::TrialsPassed { .. } => "trials_passed",
        ChangeReason::TrialsFailed { .. } => "trials_failed",
        ChangeReason::TrialsTimedOut => "trials_timed_out",
        ChangeReason::Reset => "reset",
        ChangeReason::ByHand => "by_hand",
        other => panic!("a case cannot name {other:?} yet"),
    }
}

/// A generation for each change, and each begins where the last one ended.
fn assert_chained(changes: &[Change], place: &str) {
    let (mut state, mut generation) = (rely_breaker::State::Closed, 0);
    for change in changes {
        generation += 1;
        assert_eq!((change.from, change.generation), (state, generation), "{place}");
        state = change.to;
    }
}

fn file() -> File {
    let text = include_str!("cases.json");
    config::from_deserializer(&mut serde_json::Deserializer::from_str(text)).unwrap()
}

#[test]
fn every_case_comes_out_as_written_in_every_form() {
    let file = file();
    for case in &file.cases {
        let place = format!("{} {}", case.rule, case.name);
        let config = case.config(&file.config).unwrap_or_else(|error| panic!("{place}: {error}"));
        if let Some(refused) = &case.refused {
            let field = config.check().err().map(|error| error.field().to_owned());
            assert_eq!(&field, refused, "{place}");
            continue;
        }
        let pure = case.play(&mut Pure::new(&config), &config, "machine");
        let layered = case.play(&mut Layered::new(&config), &config, "layer");
        assert_eq!(pure, layered, "{place}: machine and layer disagree");
        // Only a service is asked whether it is ready.
        if !case.asks_for_readiness() {
            let handle = case.play(&mut Handle::new(&config), &config, "handle");
            assert_eq!(pure, handle, "{place}: machine and handle disagree");
        }
        assert_chained(&pure.last().unwrap().changes, &place);
    }
}

#[test]
fn every_rule_of_the_readme_has_two_cases_and_every_case_a_rule() {
    let readme = include_str!("../README.md");
    let rules = readme.lines().filter_map(|line| line.strip_prefix("| B")?.split(' ').next());
    let mut counts: BTreeMap<String, usize> = rules.map(|id| (format!("B{id}"), 0)).collect();
    assert!(!counts.is_empty(), "no table of rules was found");
    let cases = file().cases;
    for case in &cases {
        let count = counts.get_mut(&case.rule);
        *count.unwrap_or_else(|| panic!("{} is no rule: {}", case.rule, case.name)) += 1;
    }
    let few: Vec<_> = counts.iter().filter(|(_, count)| **count < 2).collect();
    assert!(few.is_empty(), "rules with fewer than two cases: {few:?}");
    let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "names that stand twice: {twice:?}");
}

#[test]
fn every_case_says_what_has_to_hold() {
    for case in file().cases {
        let says = |line: &Line| {
            line.state.is_some()
                || line.change.is_some()
                || line.counts.is_some()
                || line.because.is_some()
        };
        let checked = case.refused.is_some() || case.events.last().is_some_and(says);
        assert!(checked, "{} {} ends without a check", case.rule, case.name);
    }
}
