//! The harness that every bench of the house uses.
//!
//! A bench is a list of [`Case`]s and a `main` of one line. What it does with them:
//!
//! - **Interleaved.** All cases run in one process, one short batch of each in turn, many rounds: what
//!   the machine does to one it does to all. The figure is the median of a case's batches.
//! - **Thread-CPU time**, so that being put to sleep costs nothing. Full runs repeat the whole in
//!   seven processes and give the median of the runs with the lowest and the highest.
//! - **Two threads** meet in cases made by [`Case::threads`]; only batches in which both provably ran
//!   are kept.
//! - **Instructions** come from callgrind, as the difference between a long and a short run, and
//!   **allocations** from a counting allocator. Both are the same on every run, so they can have a
//!   limit ([`Case::at_most`], [`Case::without_allocations`]) above which the bench fails;
//!   nanoseconds are for reading, as a ratio to the bare service of the same run.
//!
//! It prints a table and writes `target/proof/bench-<name>.json`. Options: `--quick` (one process,
//! short), `--only <text>` (cases whose name contains it), `--no-instructions`.

mod case;
mod child;
mod drive;
mod gate;
mod proof;
mod run;
mod table;

pub use case::Case;
pub use drive::{bare, drive, drive_rejected, repeat};
pub use proof::{Proof, Row};

use std::process::ExitCode;

/// Runs the bench called `name`; cases are compared with the one called `bare`.
pub fn main(name: &str, bare: &str, cases: &[Case]) -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    match &options.child {
        Some(child) => child::serve(child, cases, &options),
        None => match run::all(name, bare, cases, &options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{name}: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// What the command line asked for.
#[derive(Debug, Default)]
struct Options {
    quick: bool,
    only: Option<String>,
    no_instructions: bool,
    child: Option<child::Child>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                // Cargo says this to every bench.
                "--bench" => {}
                "--quick" => options.quick = true,
                "--no-instructions" => options.no_instructions = true,
                "--only" => options.only = Some(value()?),
                "--one-run" => options.child = Some(child::Child::OneRun),
                "--iterate" => {
                    let case = value()?;
                    let times = value()?.parse().map_err(|error| format!("--iterate: {error}"))?;
                    options.child = Some(child::Child::Iterate { case, times });
                }
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(options)
    }

    fn wants(&self, case: &Case) -> bool {
        self.only.as_ref().is_none_or(|only| case.name().contains(only))
    }
}
