//! The detectors on labelled history: the Numenta Anomaly Benchmark, and labelled service metrics.
//!
//! ```text
//! cargo run --release --bin nab -- --data NAB --out target/nab
//! cargo run --release --bin nab -- --data NAB --score NAB/results/numenta
//! cargo run --release --bin nab -- --cloud CLOUD-MONITORING
//! ```
//!
//! `NAB` is a copy of the benchmark: its folders `data` and `labels`. Each sample is judged before the
//! next is seen, by one parameter set for all files. A detector is told how long the probation is,
//! which the benchmark allows, and nothing else of a file: not its smallest and largest value, which the
//! benchmark allows as well.
//!
//! Printed are the three scores with the threshold that is best on these very labels, with the one that
//! is best on all *other* categories, and with the library's default. `--out` writes what each sample was
//! scored, as `<category>/<detector>_<file>.csv`, and `final_results.json` and `thresholds.json`, all in
//! the benchmark's own form. `--score` scores a folder of such files, from whatever detector.
//!
//! `CLOUD-MONITORING` is a copy of Microsoft's cloud monitoring dataset, or any folder with `data` and
//! in it, in folders, files of `TimeStamp,Value,Label`. Events and false episodes are counted as
//! [`rely_detect::evaluate::events`] says; series are called `<folder>/<file>`.
//!
//! What is scored where is fixed: on the benchmark how rare a sample is, on service metrics how much it
//! matters.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | scored |
//! | 2 | the arguments make no sense |
//! | 3 | a folder or file is missing or wrong; the message says where |

mod args;
mod cloud;
mod corpus;
#[path = "../detect/read/mod.rs"]
mod read;
mod results;
mod run;
#[path = "../detect/subject.rs"]
mod subject;
mod table;

use std::path::Path;
use std::process::ExitCode;

use args::Args;
use clap::Parser;
use read::Fault;

fn main() -> ExitCode {
    let args = Args::parse();
    let benchmark = args.data.as_ref().map_or(Ok(()), |data| benchmark(&args, data));
    let result = benchmark.and_then(|()| match &args.cloud {
        Some(folder) => cloud::run(&args, folder),
        None => Ok(()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(3)
        }
    }
}

fn benchmark(args: &Args, data: &Path) -> Result<(), Fault> {
    let corpus = corpus::read(data)?;
    let (name, judged) = match &args.score {
        Some(folder) => (results::name(folder), results::read(folder, &corpus)?),
        None => (args.detector.name(), run::all(args.detector, &corpus)),
    };
    if let (Some(out), None) = (&args.out, &args.score) {
        results::write(out, &name, &corpus, &judged)?;
    }
    let scorer = rely_detect::evaluate::nab::Scorer::new(&judged);
    let threshold = args.threshold.or(match &args.score {
        Some(_) => None,
        None => Some(args.detector.default_threshold()),
    });
    table::print(&name, &scorer, threshold);
    match &args.out {
        Some(out) => results::write_scores(out, &name, &scorer),
        None => Ok(()),
    }
}
