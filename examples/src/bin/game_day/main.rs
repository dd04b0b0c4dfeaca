//! The game day: the whole loop on real HTTP, from measuring to proving.
//!
//! Two clients place the same orders with an order service in three zones, which calls a queue: one
//! client only tries again, the other has a protective stack. In five acts things go wrong: the queue
//! browns out, a zone dies, a bad release goes out, a replica drifts from what it was told to run.
//! Every act is an experiment of `rely-chaos`, with a hypothesis, an abort condition, and the proof
//! that something did go wrong.
//!
//! ```text
//! cargo run --release --bin game_day               about a minute
//! cargo run --release --bin game_day -- --fast     forty seconds
//! cargo run --release --bin game_day -- --report target/game-day/journal.json
//! cargo run --release --bin game_day -- --sabotage breaker-off
//! ```
//!
//! It prints what happens and a table, and writes `target/game-day/report.html` and `journal.json`
//! (see [`journal`]). An act that does not hold ends the day: there is nothing to learn from breaking
//! what does not behave. Only an act that did not hold while the machine itself stood still, as
//! virtual ones do, is played again, at most twice.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | every hypothesis held and every fault provably fired |
//! | 1 | an experiment came to another end (aborted, not steady, not recovered, failed), or a journal holds no whole day |
//! | 2 | the arguments make no sense |
//! | 3 | the day could not be played |
//! | 10 to 15 | a claim failed, see [`journal::Kind`] |
//! | 130 | interrupted; the faults were taken out, and the report is partial. A second Ctrl-C leaves none |

mod acts;
mod args;
mod backend;
mod build;
mod client;
mod day;
mod fleet;
mod http;
mod journal;
mod load;
mod notes;
mod oncall;
mod orders;
mod page;
mod queue;
mod replica;
mod screen;
mod standstill;
mod table;
mod watch;
mod world;

use std::path::Path;
use std::process::ExitCode;

use args::{Args, Pace};
use clap::Parser;
use day::Day;
use journal::Journal;

/// How many acts a whole day has.
const ACTS: usize = 5;

/// Where the files go.
const FOLDER: &str = "target/game-day";

/// The exit code after Ctrl-C, as a shell has it.
const INTERRUPTED: u8 = 130;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.report {
        Some(path) => read(path),
        None => play(&args).await,
    };
    match result {
        Ok(journal) => conclude(&journal),
        Err(error) => {
            eprintln!("the game day could not be played: {error}");
            ExitCode::from(3)
        }
    }
}

/// The exit code, and on standard error why it is not zero.
fn conclude(journal: &Journal) -> ExitCode {
    if journal.interrupted {
        eprintln!("interrupted: the report is partial");
        return ExitCode::from(INTERRUPTED);
    }
    if let Some((act, claim)) = journal.failure() {
        eprintln!("{}: {}", act.name, claim.kind.failure());
        eprintln!("  {}: {}", claim.text, claim.measured);
        return ExitCode::from(claim.kind.exit_code());
    }
    if journal.held() {
        return ExitCode::SUCCESS;
    }
    match journal.acts.iter().find(|act| !act.held()) {
        Some(act) => eprintln!("{}: {}", act.name, act.because),
        None => eprintln!("{} of {ACTS} acts were played", journal.acts.len()),
    }
    ExitCode::FAILURE
}

async fn play(args: &Args) -> Result<Journal, BoxError> {
    let pace = if args.fast { Pace::FAST } else { Pace::FULL };
    // Before the day, which takes a while.
    std::fs::create_dir_all(FOLDER)?;
    let journal = Day::new(pace, args.sabotage).await?.play().await?;
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
