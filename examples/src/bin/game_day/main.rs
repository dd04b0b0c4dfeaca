//! The game day: one loop on real HTTP, from measuring to taking a bad release back.
//!
//! Two versions of an order service listen on loopback sockets. An open-loop load, whose arrivals do
//! not wait for answers, goes through a meter, a router with two arms, and on each arm a breaker and
//! another meter. Version 2 is rolled out in steps; when it has half of the traffic, a fault breaks
//! it. A detector and the breaker notice, and the rollout takes itself back.
//!
//! ```text
//! cargo run --release --bin game_day               about a minute
//! cargo run --release --bin game_day -- --fast     half a minute
//! cargo run --release --bin game_day -- --report target/game-day/journal.json
//! ```
//!
//! It prints what happens and a table, writes `target/game-day/report.html` and `journal.json` (see
//! [`journal`]), and exits 0 only if every hypothesis held and the fault provably fired.

mod client;
mod day;
mod journal;
mod load;
mod page;
mod service;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use day::{Day, Pace};
use journal::Journal;

/// Where the files go.
const FOLDER: &str = "target/game-day";

const USAGE: &str = "usage: game_day [--fast] [--report JOURNAL]";

enum Job {
    Play(Pace),
    Report(PathBuf),
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Job, String> {
    let mut job = Job::Play(Pace::FULL);
    while let Some(arg) = args.next() {
        job = match arg.as_str() {
            "--fast" => Job::Play(Pace::FAST),
            "--report" => Job::Report(args.next().ok_or("--report needs a journal")?.into()),
            other => return Err(format!("unknown option {other}")),
        };
    }
    Ok(job)
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match parse(std::env::args().skip(1)) {
        Ok(Job::Play(pace)) => play(pace).await,
        Ok(Job::Report(path)) => read(&path),
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(journal) if journal.held() => ExitCode::SUCCESS,
        Ok(journal) => {
            for act in journal.acts.iter().filter(|act| !act.held) {
                eprintln!("did not hold: {}: {}", act.hypothesis, act.measured);
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the game day could not be played: {error}");
            ExitCode::from(3)
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn play(pace: Pace) -> Result<Journal, BoxError> {
    let journal = Day::new(pace).await?.play().await?;
    std::fs::create_dir_all(FOLDER)?;
    let path = Path::new(FOLDER).join("journal.json");
    std::fs::write(&path, serde_json::to_string_pretty(&journal)? + "\n")?;
    table::print(&journal);
    write_page(&journal)?;
    println!("journal: {}", path.display());
    Ok(journal)
}

/// Makes the report again from a journal.
fn read(path: &Path) -> Result<Journal, BoxError> {
    let journal = Journal::read(&std::fs::read_to_string(path)?)?;
    table::print(&journal);
    std::fs::create_dir_all(FOLDER)?;
    write_page(&journal)?;
    Ok(journal)
}

fn write_page(journal: &Journal) -> std::io::Result<()> {
    let path = Path::new(FOLDER).join("report.html");
    std::fs::write(&path, page::of(journal).to_html())?;
    println!("report:  {}", path.display());
    Ok(())
}
