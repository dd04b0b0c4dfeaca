//! The game day, played by the real program: a day with a broken part has to end badly, each with its
//! own exit code and its own words.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

/// One day at a time: each has the machine for itself.
static MACHINE: Mutex<()> = Mutex::new(());

/// A folder to play in, gone afterwards.
struct Stage(PathBuf);

impl Stage {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_game_day"));
        command.args(args).current_dir(&self.0).stdin(Stdio::null());
        command
    }

    fn play(&self, args: &[&str]) -> Output {
        let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        self.command(args).output().unwrap()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join("target/game-day").join(name)).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Plays a day with a broken part; `words` and `code` are what it has to end with.
fn sabotaged(kind: &str, code: i32, words: &str) {
    let stage = Stage::new(kind);
    let output = stage.play(&["--fast", "--sabotage", kind]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{kind}\n{out}\n{err}");
    assert!(err.contains(words), "{kind}\n{err}");
    let journal: serde_json::Value = serde_json::from_str(&stage.file("journal.json")).unwrap();
    assert_eq!(journal["sabotage"], kind, "the journal says so");
    let acts = journal["acts"].as_array().unwrap();
    assert!(out.contains("pages sent") && out.contains("first suspect right"), "{out}");
    assert_eq!(acts[0]["pages"].as_array().unwrap().len(), 0, "nobody is called without trouble");
    for act in acts.iter().filter(|act| act["conclusion"] == "held") {
        let pages = act["pages"].as_array().unwrap();
        assert_eq!(act["pages_expected"], pages.len(), "one trouble, one page: {act}");
        assert!(pages.iter().all(|page| page["right"] == true), "{pages:?}");
    }
    let last = acts.last().unwrap();
    let story = last["story"].as_str().unwrap();
    assert!(story.starts_with("It did not come out as expected"), "{story}");
    let page = stage.file("report.html");
    assert!(page.contains(words) && page.contains(kind), "and the report why");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_fault_that_never_fires_proves_nothing() {
    sabotaged("fault-never-fires", 10, "a fault never fired, so nothing was proved");
}

#[test]
fn a_detector_that_is_off_notices_nothing() {
    sabotaged("detector-off", 11, "nobody noticed in time that something was wrong");
}

#[test]
fn a_breaker_that_is_off_does_not_open() {
    sabotaged("breaker-off", 12, "no circuit breaker opened in time");
}

#[test]
fn a_rollback_that_is_off_takes_nothing_back() {
    sabotaged("rollback-off", 13, "a bad release was not taken back");
}

#[test]
fn a_false_hypothesis_is_refuted() {
    sabotaged("hypothesis-false", 14, "a hypothesis is false");
}

#[test]
fn a_wrong_release_is_not_the_last_known_good() {
    sabotaged("wrong-release", 15, "what runs is not the last known good release");
}

#[test]
fn an_interrupted_day_takes_its_faults_out_and_reports_what_there_is() {
    let stage = Stage::new("interrupted");
    let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut day =
        stage.command(&["--fast"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(day.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("Brown-out")).unwrap().unwrap();
    let interrupt = Command::new("kill").args(["-INT", &day.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    lines.for_each(drop);
    assert_eq!(day.wait().unwrap().code(), Some(130));
    drop(machine);
    let journal: serde_json::Value = serde_json::from_str(&stage.file("journal.json")).unwrap();
    assert_eq!(journal["interrupted"], true);
    assert_eq!(journal["acts"].as_array().unwrap().len(), 2, "the second was cut short");
    assert_eq!(journal["acts"][1]["conclusion"], "stopped");
    assert!(stage.file("report.html").contains("this report is partial"));
}

#[test]
fn a_journal_gives_the_same_report_again() {
    let stage = Stage::new("report");
    let played = stage.play(&["--fast", "--sabotage", "hypothesis-false"]);
    let page = stage.file("report.html");
    std::fs::remove_file(stage.0.join("target/game-day/report.html")).unwrap();
    let again = stage.play(&["--report", "target/game-day/journal.json"]);
    assert_eq!(again.status.code(), played.status.code());
    assert_eq!(stage.file("report.html"), page);

    std::fs::write(stage.0.join("broken.json"), "{\"version\": 1}").unwrap();
    let broken = stage.play(&["--report", "broken.json"]);
    assert_eq!(broken.status.code(), Some(3));
    assert!(text(&broken.stderr).contains("version is 1, allowed: 3"));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let stage = Stage::new("arguments");
    for args in [&["--slow"][..], &["--sabotage", "everything"], &["--fast", "--report", "x"]] {
        assert_eq!(stage.play(args).status.code(), Some(2), "{args:?}");
    }
}
