//! Is trouble noticed before the users do? Twenty kinds of incident at a simulated service, each for
//! many courses of chance, and as many quiet weeks.
//!
//! `cargo run --release --bin incidents` prints a table and writes `target/proof/incidents.json`;
//! `--seeds N` plays fewer courses than twenty. It exits with 1 if a bar is missed.

mod chance;
mod course;
mod fault;
mod monitor;
mod table;
mod world;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "Twenty kinds of incident at a simulated service: who notices first?")]
struct Args {
    /// Courses of chance for each kind.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Quiet days for each course in which nothing may be reported, after those to learn in.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=60))]
    quiet_days: u64,
    /// Says what noticed what.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut found = table::Table::default();
    for seed in 0..args.seeds {
        let mut course = course::Course::learnt(seed).expect("the monitor's settings are in range");
        for kind in &fault::KINDS {
            let end = course.incident(kind);
            if args.verbose {
                println!("{seed:>3} {:<28} {end}", kind.name);
            }
            found.incident(kind, end);
        }
        for page in course.quiet(args.quiet_days) {
            if args.verbose {
                println!("{seed:>3} false: {page}");
            }
            found.false_page();
        }
        found.quiet(args.quiet_days);
    }
    println!("{found}");
    if let Err(error) = found.write() {
        eprintln!("incidents: {error}");
        return ExitCode::from(2);
    }
    match found.missed().as_slice() {
        [] => ExitCode::SUCCESS,
        missed => {
            missed.iter().for_each(|bar| eprintln!("missed: {bar}"));
            ExitCode::FAILURE
        }
    }
}
