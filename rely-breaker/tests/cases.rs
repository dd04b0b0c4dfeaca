//! Runs `cases.json` against the plain machine, the handle and the tower layer, which have to agree,
//! and sees to it that every rule of the README has its cases.
//!
//! # The file
//!
//! `cases.schema.json` says which fields there are. `config` is a [`BreakerConfig`], of which a case
//! may change fields with a `config` of its own. A case names its `rule` (the id in the README's table)
//! and has either `refused`, the field that the configuration is refused for, or null where it is not,
//! or `events`, in order; besides, `probe`, what an active probe says at first, and `open_time`, what
//! the user's own function says at the first opening, the second and so on. What happens in an event,
//! in this order:
//!
//! | field | what |
//! |---|---|
//! | `at` | the clock is set, forward or back; left out, it stays |
//! | `do` | see below |
//! | `weight`, `asks` | what calls that end in this event weigh, and for how long their answers ask to be left alone |
//! | `begin` | calls that begin, one for each letter, which names it; all have to be let through |
//! | `end` | how calls that began end, by name |
//! | `calls` | calls that begin and end one after the other, a letter for each, how many before it |
//!
//! | `do` | what |
//! |---|---|
//! | `reset`, `force_open`, `force_closed`, `disable`, `{"open_for": "5s"}`, `{"open_until": "5s"}` | the commands |
//! | `{"reconfigure": {...}}` | these fields of the configuration change |
//! | `{"probe": "healthy"}` | the probe says so from now on |
//! | `tick` | a driver looks |
//! | `unready`, `ready` | the inner service is from now on |
//! | `poll` | readiness is asked for, and not again by the next call |
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
//! | `generation` | its number |
//! | `until` | when time ends it, since the clock's origin, or null |
//! | `share` | how much of the traffic goes through |
//! | `change` | the name of the last change that the event made, or null |
//! | `counts` | calls, bad calls and slow calls of the window |
//! | `run` | failures in a row |
//! | `late`, `rejected`, `cancelled`, `failed`, `would_reject` | the counters |
//! | `because`, `retry_after` | what the last rejection of the event said; null for no time |
//! | `next` | when the driver wants to look again at the latest, since the clock's origin, or null |
//!
//! After each event the books have to balance, too: every call that was let through is in one of them.

#![cfg(feature = "serde")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "cases/schema.rs"]
mod schema;
#[path = "cases/subjects.rs"]
mod subjects;

use core::time::Duration;
use std::collections::BTreeMap;

use rely_breaker::{BreakerConfig, Change, ChangeReason, RejectedReason, State, TripReason};
use rely_core::{ConfigError, Instant, Level, Outcome, Ratio, Weight, config};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use self::subjects::{Handle, Layered, Order, Pure, Recipe, Refused, Subject, View};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "$schema")]
    _schema: String,
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
    /// The question of the README's table of dialects that it answers.
    settles: Option<String>,
    probe: Option<Level>,
    #[serde(default)]
    open_time: Vec<Text>,
    #[serde(default)]
    events: Vec<Line>,
}

/// A span of time, in words.
#[derive(Clone, Copy, Deserialize)]
#[serde(transparent)]
struct Text(#[serde(with = "config::duration")] Duration);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Option<Text>,
    #[serde(rename = "do")]
    command: Option<Command>,
    weight: Option<u16>,
    asks: Option<Text>,
    #[serde(default)]
    begin: String,
    #[serde(default)]
    end: BTreeMap<char, char>,
    #[serde(default)]
    calls: String,
    state: Option<String>,
    generation: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    until: Option<Option<String>>,
    share: Option<Ratio>,
    #[serde(default, deserialize_with = "given")]
    change: Option<Option<String>>,
    counts: Option<[u64; 3]>,
    run: Option<u32>,
    late: Option<u64>,
    rejected: Option<u64>,
    cancelled: Option<u64>,
    failed: Option<u64>,
    would_reject: Option<u64>,
    because: Option<String>,
    #[serde(default, deserialize_with = "given")]
    retry_after: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    next: Option<Option<String>>,
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Reset,
    ForceOpen,
    ForceClosed,
    Disable,
    OpenFor(#[serde(with = "config::duration")] Duration),
    OpenUntil(#[serde(with = "config::duration")] Duration),
    Reconfigure(Map<String, Value>),
    Probe(Level),
    Tick,
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
    fn fields(&self, base: &Map<String, Value>) -> Map<String, Value> {
        let mut fields = base.clone();
        fields.extend(self.config.clone());
        fields
    }

    fn asks_for_readiness(&self) -> bool {
        self.events.iter().any(|line| line.command == Some(Command::Poll))
    }

    fn recipe(&self, config: &BreakerConfig) -> Recipe {
        let open_time = self.open_time.iter().map(|time| time.0).collect();
        Recipe { config: config.clone(), probe: self.probe, open_time }
    }

    /// Plays the events; returns what could be seen after each of them.
    fn play(
        &self,
        subject: &mut dyn Subject,
        fields: &Map<String, Value>,
        form: &str,
    ) -> Vec<View> {
        let config = read(fields).unwrap();
        let mut player = Player {
            subject,
            fields: fields.clone(),
            config,
            now: Instant::ORIGIN,
            polled: false,
            running: BTreeMap::new(),
            end: Outcome::SUCCESS,
            ended: 0,
            weighs: false,
        };
        let (mut views, mut changes_before) = (Vec::new(), 0);
        for (index, line) in self.events.iter().enumerate() {
            let place = format!("{} {}, event {index}, {form}", self.rule, self.name);
            let said = player.play(line, &place);
            let view = player.subject.view();
            line.check(&view, changes_before, &said, &place);
            player.balance(&view, &place);
            changes_before = view.changes.len();
            views.push(view);
        }
        views
    }
}

fn read(fields: &Map<String, Value>) -> Result<BreakerConfig, ConfigError> {
    config::from_deserializer(Value::Object(fields.clone()))
}

struct Player<'a> {
    subject: &'a mut dyn Subject,
    fields: Map<String, Value>,
    config: BreakerConfig,
    now: Instant,
    /// The next call has been polled for already.
    polled: bool,
    /// Calls under way, and whether they count.
    running: BTreeMap<char, bool>,
    /// What calls weigh and ask for that end now.
    end: Outcome,
    /// How many calls ended that count.
    ended: u64,
    weighs: bool,
}

/// What an event brought to hear.
struct Said {
    /// The last rejection.
    refused: Option<Refused>,
    /// What the driver said.
    next: Option<Option<Instant>>,
}

impl Player<'_> {
    fn set(&mut self, now: Instant) {
        self.now = now;
        self.subject.set(now);
    }

    fn order(&mut self, command: &Command) -> Option<Option<Instant>> {
        match *command {
            Command::Reset => self.subject.order(Order::Reset),
            Command::ForceOpen => self.subject.order(Order::ForceOpen),
            Command::ForceClosed => self.subject.order(Order::ForceClosed),
            Command::Disable => self.subject.order(Order::Disable),
            Command::OpenFor(time) => self.subject.order(Order::OpenFor(time)),
            Command::OpenUntil(until) => {
                self.subject.order(Order::OpenUntil(Instant::ORIGIN + until));
            }
            Command::Reconfigure(ref fields) => {
                self.fields.extend(fields.clone());
                self.config = read(&self.fields).unwrap();
                self.subject.reconfigure(&self.config);
            }
            Command::Probe(level) => self.subject.probe(level),
            Command::Tick => return Some(self.subject.tick()),
            Command::Unready => self.subject.inner_is(false),
            Command::Ready => self.subject.inner_is(true),
            Command::Poll => {
                self.subject.poll();
                self.polled = true;
            }
        }
        None
    }

    fn begin(&mut self, name: char) -> Result<(), Refused> {
        if !core::mem::take(&mut self.polled) {
            self.subject.poll();
        }
        let before = self.subject.uncounted();
        self.subject.begin(name)?;
        let (state, would_reject) = self.subject.uncounted();
        let counts = state != State::Disabled && would_reject == before.1;
        self.running.insert(name, counts);
        Ok(())
    }

    fn end(&mut self, name: char, letter: char) {
        self.ended += u64::from(self.running.remove(&name).unwrap());
        let how = subjects::class(letter).map(|how| how.map(|class| Outcome { class, ..self.end }));
        self.subject.end(name, how);
    }

    fn play(&mut self, line: &Line, place: &str) -> Said {
        if let Some(at) = line.at {
            self.set(Instant::ORIGIN + at.0);
        }
        let next = line.command.as_ref().and_then(|command| self.order(command));
        self.end = Outcome::SUCCESS.with_weight(Weight::new(line.weight.unwrap_or(1)));
        self.end.retry_after = line.asks.map(|asks| asks.0);
        self.weighs |= line.weight.is_some();
        for name in line.begin.chars() {
            self.begin(name).unwrap_or_else(|refused| panic!("{place}: {name} got {refused:?}"));
        }
        for (name, how) in &line.end {
            self.end(*name, *how);
        }
        let (mut refused, mut times) = (None, 0);
        for letter in line.calls.chars() {
            if let Some(digit) = letter.to_digit(10) {
                times = times * 10 + digit;
                continue;
            }
            for _ in 0..core::mem::take(&mut times).max(1) {
                refused = self.call(letter, place).or(refused);
            }
        }
        Said { refused, next }
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
            self.set(self.now + self.config.slow_calls.unwrap().longer_than);
        }
        self.end(NAMELESS, letter.to_ascii_lowercase());
        None
    }

    /// Every call that ended and counts is in one of the books, and no other.
    fn balance(&self, view: &View, place: &str) {
        let View { succeeded, failed, ignored, cancelled, late, .. } = *view;
        if !self.weighs {
            assert_eq!(self.ended, succeeded + failed + ignored + cancelled + late, "{place}");
        }
    }
}

impl Line {
    fn check(&self, view: &View, changes_before: usize, said: &Said, place: &str) {
        let refused = said.refused.as_ref();
        let text = |at: Option<Instant>| at.map(|at| format!("{:?}", at.since_origin()));
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
        let View { generation, share, cancelled, failed, would_reject, .. } = *view;
        assert_eq!(generation, self.generation.unwrap_or(generation), "{place}: generation");
        assert_eq!(share, self.share.unwrap_or(share), "{place}: share");
        assert_eq!(cancelled, self.cancelled.unwrap_or(cancelled), "{place}: cancelled");
        assert_eq!(failed, self.failed.unwrap_or(failed), "{place}: failed");
        assert_eq!(would_reject, self.would_reject.unwrap_or(would_reject), "{place}");
        if let Some(until) = &self.until {
            assert_eq!(text(view.until), *until, "{place}: until");
        }
        if let Some(next) = &self.next {
            let next_said = said.next.unwrap_or_else(|| panic!("{place}: no driver has looked"));
            assert_eq!(text(next_said), *next, "{place}: next");
        }
        if let Some(because) = &self.because {
            let reason = match refused.map(|refused| refused.reason) {
                Some(RejectedReason::Open) => "open",
                Some(RejectedReason::TrialsTaken) => "trials_taken",
                Some(RejectedReason::InnerNotReady) => "inner_not_ready",
                Some(RejectedReason::ForcedOpen) => "forced_open",
                Some(RejectedReason::Ramping) => "ramping",
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
        ChangeReason::Tripped(TripReason::FailureCount { .. }) => "failure_count",
        ChangeReason::Tripped(TripReason::ConsecutiveFailures { .. }) => "consecutive_failures",
        ChangeReason::Probed => "probed",
        ChangeReason::RampStage { .. } => "ramp_stage",
        ChangeReason::RampOver => "ramp_over",
        ChangeReason::Reconfigured => "reconfigured",
        ChangeReason::OpenTimeOver => "open_time_over",
        ChangeReason::TrialsPassed { .. } => "trials_passed",
        ChangeReason::TrialsFailed { .. } => "trials_failed",
        ChangeReason::TrialsTimedOut => "trials_timed_out",
        ChangeReason::Reset => "reset",
        ChangeReason::ByHand => "by_hand",
        other => panic!("a case cannot name {other:?} yet"),
    }
}

/// Each change begins where the last one ended, and a generation but for the stages of a ramp.
fn assert_chained(changes: &[Change], place: &str) {
    let (mut state, mut generation) = (State::Closed, 0);
    for change in changes {
        generation += u64::from(!matches!(change.reason, ChangeReason::RampStage { .. }));
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
        let fields = case.fields(&file.config);
        let config = read(&fields).unwrap_or_else(|error| panic!("{place}: {error}"));
        if let Some(refused) = &case.refused {
            let field = config.check().err().map(|error| error.field().to_owned());
            assert_eq!(&field, refused, "{place}");
            continue;
        }
        let recipe = case.recipe(&config);
        let pure = case.play(&mut Pure::new(&recipe), &fields, "machine");
        let layered = case.play(&mut Layered::new(&recipe), &fields, "layer");
        assert_eq!(pure, layered, "{place}: machine and layer disagree");
        // Only a service is asked whether it is ready.
        if !case.asks_for_readiness() {
            let handle = case.play(&mut Handle::new(&recipe), &fields, "handle");
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
fn the_file_is_as_its_schema_says() {
    let schema = schema::Schema(serde_json::from_str(include_str!("cases.schema.json")).unwrap());
    let cases: Value = serde_json::from_str(include_str!("cases.json")).unwrap();
    schema.check(&cases);
    // What it describes is used: a field of the schema that no case has is not tested.
    let used = |list: &Value, name: &str| {
        list.as_array().unwrap().iter().any(|object| object.get(name).is_some())
    };
    let all = cases["cases"].as_array().unwrap().iter();
    let events: Value =
        all.filter_map(|case| case.get("events")?.as_array()).flatten().cloned().collect();
    for (name, list) in [("case", &cases["cases"]), ("event", &events)] {
        for field in schema.0["$defs"][name]["properties"].as_object().unwrap().keys() {
            assert!(used(list, field), "no {name} has {field}");
        }
    }
    for wrong in
        [r#"{ "rule": "B1" }"#, r#"{ "rule": "B1", "name": "", "events": [{ "stat": "open" }] }"#]
    {
        let mut file = cases.clone();
        file["cases"] = Value::Array(vec![serde_json::from_str(wrong).unwrap()]);
        let check = std::panic::AssertUnwindSafe(|| schema.check(&file));
        assert!(std::panic::catch_unwind(check).is_err(), "{wrong}");
    }
}

/// The first cells of the rows of a table below a heading.
fn first_cells(readme: &'static str, heading: &str) -> Vec<&'static str> {
    let (_, below) = readme.split_once(heading).unwrap();
    let table = below.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    let rows = table.map_while(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.collect()
}

#[test]
fn every_question_of_the_dialects_is_settled_by_a_case() {
    let questions = first_cells(include_str!("../README.md"), "### Where dialects disagree");
    assert_eq!(questions.len(), 8);
    let cases = file().cases;
    let settled: Vec<_> = cases.iter().filter_map(|case| case.settles.as_deref()).collect();
    for question in &questions {
        assert!(settled.contains(question), "no case settles: {question}");
    }
    for question in settled {
        assert!(questions.contains(&question), "nobody asks: {question}");
    }
}

#[test]
fn every_case_says_what_has_to_hold() {
    for case in file().cases {
        let says = |line: &Line| {
            line.state.is_some()
                || line.change.is_some()
                || line.counts.is_some()
                || line.because.is_some()
                || line.next.is_some()
                || line.until.is_some()
        };
        let checked = case.refused.is_some() || case.events.last().is_some_and(says);
        assert!(checked, "{} {} ends without a check", case.rule, case.name);
    }
}
