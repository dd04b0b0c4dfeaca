//! Labelled service metrics.

use std::path::Path;
use std::time::Duration;

use rely_detect::evaluate::{Judged, events};
use rely_detect::{Detector, Sample};

use crate::args::Args;
use crate::corpus::{entries, last, rows};
use crate::read::{Fault, Row};
use crate::run;
use crate::subject::Kind;

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A file: its name, its rows and which of them are labelled.
struct Series {
    group: String,
    file: String,
    rows: Vec<Row>,
}

pub(crate) fn run(args: &Args, folder: &Path) -> Result<(), Fault> {
    let series = read(folder)?;
    let bar = run::bar(series.len());
    let mut judged = Vec::with_capacity(series.len());
    for series in &series {
        judged.push(judge(args.detector, series));
        bar.inc(1);
    }
    bar.finish_and_clear();
    print(&args.detector.name(), &judged, args.threshold);
    Ok(())
}

fn read(folder: &Path) -> Result<Vec<Series>, Fault> {
    let mut all = Vec::new();
    for folder in entries(&folder.join("data"), true)? {
        for path in entries(&folder, false)? {
            let rows = rows(&path)?;
            if let Some(row) = rows.iter().find(|row| row.values.len() != 2) {
                let what = "three columns are needed: TimeStamp, Value, Label";
                return Err(Fault::new(path.display().to_string(), what).line(row.line));
            }
            all.push(Series { group: last(&folder), file: last(&path), rows });
        }
    }
    if all.is_empty() {
        return Err(Fault::new(folder.display().to_string(), "no series in its folder data"));
    }
    Ok(all)
}

fn judge(kind: Kind, series: &Series) -> Judged {
    let mut judged =
        Judged::new(format!("{}/{}", series.group, series.file)).in_group(&series.group);
    // What is skipped by the scorer is what the detector may learn from.
    let mut detector = run::detector(kind, series.rows.len() * 15 / 100);
    for row in &series.rows {
        judged.push(row.at, detector.observe(Sample::new(row.at, row.values[0])).severity);
    }
    judged.label_marked(series.rows.iter().map(|row| row.values[1] > 0.0));
    judged
}

fn print(detector: &str, judged: &[Judged], threshold: Option<f64>) {
    let rules = events::Rules::default();
    println!("{detector} on labelled service metrics, {} series\n", judged.len());
    println!(
        "{:<34} {:>9} {:>6} {:>9} {:>6} {:>7} {:>10} {:>9}",
        "threshold", "", "F1", "precision", "recall", "found", "false", "per day"
    );
    let line = |what: &str, outcome: &events::Outcome| {
        // Two halves have a threshold each.
        let threshold = Some(outcome.threshold).filter(|threshold| !threshold.is_nan());
        println!(
            "{what:<34} {:>9} {:>6.3} {:>9.3} {:>6.3} {:>7} {:>10} {:>9.3}",
            threshold.map_or("-".into(), |threshold| format!("{threshold:.3}")),
            outcome.f1(),
            outcome.precision(),
            outcome.recall(),
            format!("{}/{}", outcome.found, outcome.events),
            outcome.false_episodes,
            outcome.false_episodes_per(DAY),
        );
    };
    let curve = events::Curve::new(judged, &rules);
    line("best F1 on these labels", &curve.best());
    let best = events::swapped(judged, &rules, events::Curve::best);
    line("best F1 on even, for odd series", &best.odd);
    line("best F1 on odd, for even series", &best.even);
    line("both halves", &best.all());
    for (every, what) in [(DAY, "day"), (WEEK, "week")] {
        line(&format!("one false episode a {what}"), &curve.quiet(every));
        let swapped = events::swapped(judged, &rules, |curve| curve.quiet(every));
        line("  chosen on the other half", &swapped.all());
    }
    if let Some(threshold) = threshold {
        line("as given", &curve.at(threshold));
    }
    println!("\nby folder, at the threshold of the best F1");
    let mut groups: Vec<&str> = judged.iter().map(Judged::group).collect();
    groups.dedup();
    for group in groups {
        let of_group = judged.iter().filter(|judged| judged.group() == group);
        let outcome = events::Curve::new(of_group, &rules).at(curve.best().threshold);
        line(group, &outcome);
    }
    println!();
}
