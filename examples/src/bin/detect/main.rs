//! Finds anomalies in a file, or in what comes in, and says why.
//!
//! ```text
//! cargo run --release --bin detect -- FILE.csv
//! cargo run --release --bin detect -- FILE.csv --out target/plot.html
//! cargo run --release --bin detect -- FILE.csv --json
//! tail -f -n +1 FILE.csv | cargo run --release --bin detect -- -
//! ```
//!
//! The first column is a time: RFC 3339, `2024-05-01 10:00:00` (taken as UTC), or seconds or
//! milliseconds since 1970. Each other column is a series; an empty field is a missing sample. The first
//! line may name the columns.
//!
//! An anomaly is a run of samples that the detector finds unhealthy. Its beginning is printed with what
//! came, what was expected, between which values it would have been nothing unusual, how rare it is (p),
//! how much it matters (severity), and since when; where there are several series, also which of them
//! deviate most at that time. So is its end. Nothing is known of a series until the detector is warm.
//!
//! `--json` prints the same as JSON, one object a line: `event` (`begin`, `end`, and with `--all` a
//! `sample` for every sample), `time`, `series`, `value`, `expected`, `low`, `high`, `p`, `severity`,
//! `level`, `why`, `since`, and in a `begin` `deviates_most`, a list of `series` and `severity`. What is
//! not known is null.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | read to the end, whatever was found; or nobody listened any longer |
//! | 2 | the arguments make no sense |
//! | 3 | a file is missing or wrong; the message names it, the line and the column |
//! | 4 | read to the end, but no series was long enough to be judged: that nothing was found says nothing |

mod args;
mod page;
mod read;
mod say;
mod subject;
mod watch;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use args::Args;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use read::{Fault, Row, Rows};
use say::Voice;
use watch::{Notice, Watch};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(Ended::Judged) => ExitCode::SUCCESS,
        Ok(Ended::TooShort) => {
            eprintln!("no series was long enough to be judged");
            ExitCode::from(4)
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(3)
        }
    }
}

/// How it came to an end.
enum Ended {
    Judged,
    TooShort,
}

fn run(args: &Args) -> Result<Ended, Fault> {
    let mut rows = if args.is_stdin() {
        Rows::new("standard input".into(), Box::new(io::stdin()))?
    } else {
        Rows::open(&args.file)?
    };
    let bar = bar(args);
    let mut watch = Watch::new(args.detector, rows.names(), args.out.is_some())?;
    let voice = Voice::new(args);
    let mut row = Row::default();
    let (mut stdout, mut lines) = (io::stdout(), String::new());
    while rows.read(&mut row)? {
        watch.observe(&row, |notice: &Notice<'_>| voice.say(notice, &mut lines));
        if !lines.is_empty() {
            let written = bar.suspend(|| stdout.write_all(lines.as_bytes()));
            // Who no longer listens, as `head` does after ten lines, wants no more.
            if written.is_err() {
                return Ok(Ended::Judged);
            }
            lines.clear();
        }
        if row.line % 1024 == 0 {
            bar.set_position(rows.bytes());
        }
    }
    bar.finish_and_clear();
    watch.summary().iter().for_each(|line| eprintln!("{line}"));
    if let Some(out) = &args.out {
        write(out, &page::html(&args.file.display().to_string(), &watch))?;
        eprintln!("plot: {}", out.display());
    }
    Ok(if watch.is_warm() { Ended::Judged } else { Ended::TooShort })
}

fn write(path: &Path, html: &str) -> Result<(), Fault> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder.and_then(|()| fs::write(path, html)).map_err(|error| Fault::io(path, &error))
}

/// How far a file has been read, on a terminal; nothing elsewhere, or where there is no end to reach.
fn bar(args: &Args) -> ProgressBar {
    let length = fs::metadata(&args.file).map(|file| file.len());
    let (false, Ok(length)) = (args.is_stdin(), length) else { return ProgressBar::hidden() };
    let style = ProgressStyle::with_template("[{bar:40}] {bytes} of {total_bytes}, {elapsed}");
    let bar = ProgressBar::new(length);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─"));
    bar
}
