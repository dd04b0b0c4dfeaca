//! What the bench does when it has started itself.

use std::process::ExitCode;

use crate::{Case, Options, run};

/// The part of the work that this process has.
#[derive(Debug)]
pub(crate) enum Child {
    /// One interleaved run of all cases; nanoseconds as JSON on standard output.
    OneRun,
    /// One case so many times, for callgrind to count.
    Iterate { case: String, times: u64 },
}

pub(crate) fn serve(child: &Child, cases: &[Case], options: &Options) -> ExitCode {
    match child {
        Child::OneRun => {
            let nanos = run::interleaved(cases, options);
            println!("{}", serde_json::json!(nanos));
            ExitCode::SUCCESS
        }
        Child::Iterate { case, times } => match cases.iter().find(|c| c.name() == case) {
            Some(case) => {
                for mut body in case.bodies() {
                    body(*times);
                }
                ExitCode::SUCCESS
            }
            None => {
                eprintln!("no case {case}");
                ExitCode::from(2)
            }
        },
    }
}
