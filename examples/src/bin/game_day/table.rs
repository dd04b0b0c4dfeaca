//! The day on a terminal.

use crate::journal::Journal;

fn number(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}{unit}"))
}

pub(crate) fn print(journal: &Journal) {
    println!();
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>12} {:>9} {:>9}",
        "seen by", "success", "failure", "rejected", "availability", "p50", "p99"
    );
    for sum in &journal.sums {
        println!(
            "{:<12} {:>9} {:>9} {:>9} {:>12} {:>9} {:>9}",
            sum.name,
            sum.success,
            sum.failure,
            sum.rejected,
            number(sum.percent(), " %"),
            number(sum.p50_ms, " ms"),
            number(sum.p99_ms, " ms"),
        );
    }
    println!();
    let detection = journal.noticed_seconds.zip(journal.first_bad_seconds);
    println!("requests sent              {}", journal.sent);
    println!("calls that the fault hit   {}", journal.fired);
    println!(
        "first bad answer to alarm  {}",
        number(detection.map(|(noticed, bad)| noticed - bad), " s")
    );
    println!("first bad answer to rollback  {}", number(journal.rollback_time(), " s"));
    println!();
    for act in &journal.acts {
        let mark = if act.held { "held  " } else { "FAILED" };
        println!("{mark}  {}: {}", act.name, act.hypothesis);
        println!("        {}", act.measured);
    }
    println!();
}
