//! What is found in labelled service metrics, beside the rules that people use.
//!
//! A copy of Microsoft's cloud monitoring dataset lies in `cloud-monitoring`, in the folder that
//! `RELY_DATA` names or else in `../shared/data` beside the project; without it this is left out, and a
//! line says so. Each method has one setting for all series and sees each sample before the next.
//!
//! | column | meaning |
//! |---|---|
//! | `f1` | events found in time against false episodes; the threshold was chosen on the other half of the series |
//! | `f1_best` | the same with the threshold that is best on all of them |
//! | `recall_day` | share of events found at one false episode per series and day |
//! | `recall_day_swapped`, `false_per_day` | the same with the threshold chosen on the other half, and what it comes to |
//!
//! See [`rely_detect::evaluate::events`] for what counts.

mod baselines;

use std::time::Duration;

use rely_benches::{Proof, Row};
use rely_detect::Sample;
use rely_detect::evaluate::{Judged, events};

use crate::rely;
use crate::series::{self, Labelled};

const DAY: Duration = Duration::from_secs(24 * 3600);
const COLUMNS: [&str; 7] =
    ["bytes", "bytes_said", "f1", "f1_best", "recall_day", "recall_day_swapped", "false_per_day"];

/// Prints the table and writes it, below the rows that are given.
pub(crate) fn run(rows: Vec<Row>) -> Result<(), Box<dyn std::error::Error>> {
    let mut proof = Proof::new("bench-detect-quality");
    proof.rows = rows;
    match series::folder() {
        Some(folder) => proof.rows.extend(score(&series::read(&folder)?)),
        None => {
            println!("skipped: quality (no cloud-monitoring in the folder of data, see RELY_DATA)");
        }
    }
    print(&proof);
    println!("written: {}", proof.write()?.display());
    Ok(())
}

fn score(all: &[Labelled]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, make) in rely::DETECTORS {
        rows.push(row(name, all, |_| {
            let mut detector = make();
            Box::new(move |at, value| detector.observe(Sample::new(at, value)).severity)
        }));
    }
    for (name, make) in baselines::ALL {
        rows.push(row(name, all, |series| {
            let mut baseline = make(series.step());
            // None of the rules says what to do without a value.
            let mut score = move |at, value| baseline.score(at, value);
            Box::new(move |at, value| if value.is_nan() { 0.0 } else { score(at, value) })
        }));
    }
    rows
}

type Judge = Box<dyn FnMut(rely_core::Instant, f64) -> f64>;

fn row(name: &str, all: &[Labelled], judge: impl Fn(&Labelled) -> Judge) -> Row {
    let judged: Vec<Judged> = all
        .iter()
        .map(|series| {
            let (mut judged, mut judge) = (Judged::new(&series.name), judge(series));
            series.rows.iter().for_each(|(at, value)| judged.push(*at, judge(*at, *value)));
            judged.label_marked(series.labels.iter().copied());
            judged
        })
        .collect();
    let rules = events::Rules::default();
    let curve = events::Curve::new(&judged, &rules);
    let quiet = events::swapped(&judged, &rules, |curve| curve.quiet(DAY)).all();
    let mut row = Row::new(format!("{name}/events"));
    row.set("f1", events::swapped(&judged, &rules, events::Curve::best).all().f1());
    row.set("f1_best", curve.best().f1());
    row.set("recall_day", curve.quiet(DAY).recall());
    row.set("recall_day_swapped", quiet.recall());
    row.set("false_per_day", quiet.false_episodes_per(DAY));
    row
}

fn print(proof: &Proof) {
    print!("\n{:28}", "");
    COLUMNS.iter().for_each(|column| print!(" {column:>18}"));
    println!();
    for row in &proof.rows {
        print!("{:28}", row.name);
        for column in COLUMNS {
            let number =
                row.get(column).map_or_else(|| "-".to_owned(), |number| number.to_string());
            print!(" {number:>18}");
        }
        println!();
    }
    println!();
}
