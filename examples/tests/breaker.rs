//! The story of the breaker, told once by the real program, and once cut short.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn the_story_is_told_and_holds() {
    let output = Command::new(env!("CARGO_BIN_EXE_breaker")).stdin(Stdio::null()).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    assert!(err.is_empty(), "{err}");
    // Each after the one before.
    let mut rest = &*out;
    for words in [
        "the server is well",
        "the server is slow",
        "breaker open: ",
        "calls took 100ms or longer, the limit is 50 %",
        "breaker half_open: the open time is over",
        "took too long",
        "the server is well again",
        "breaker closed: ",
        "the server is failing",
        "calls were bad, the limit is 50 %",
        "the server is well at last",
        "breaker closed: ",
        "the server is ",
        "The server was spared",
    ] {
        let (_, after) =
            rest.split_once(words).unwrap_or_else(|| panic!("no {words:?} in:\n{out}"));
        rest = after;
    }
    assert_eq!(out.matches("held  ").count(), 6, "{out}");
}

#[test]
fn interrupted_it_says_how_far_it_came_and_claims_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_breaker"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut story = command.spawn().unwrap();
    let mut lines = BufReader::new(story.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("the server is slow")));
    let interrupt = Command::new("kill").args(["-INT", &story.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(story.wait().unwrap().code(), Some(130));
    assert!(rest.iter().any(|line| line.starts_with("The server was spared")), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("held")), "{rest:?}");
}
