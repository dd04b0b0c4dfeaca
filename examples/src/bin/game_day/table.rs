//! The day in a few lines.

use crate::journal::{Journal, Sum};

fn number(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.2}{unit}"))
}

/// The rows of the summary: what was measured, for the naive and for the protected client.
pub(crate) fn rows(journal: &Journal) -> Vec<[String; 3]> {
    let sums: Vec<&Sum> = journal.clients.iter().collect();
    let of = |client: &str, measure: &dyn Fn(&Sum) -> String| {
        sums.iter().find(|sum| sum.name == client).map_or_else(|| "-".into(), |sum| measure(sum))
    };
    let both = |what: &str, measure: &dyn Fn(&Sum) -> String| {
        [what.to_owned(), of("naive", measure), of("protected", measure)]
    };
    let mut rows = vec![
        both("orders", &|sum| sum.orders.total.to_string()),
        both(&format!("within {} ms", journal.objective_ms), &|sum| {
            number(sum.orders.percent(), " %")
        }),
    ];
    for act in &journal.acts {
        let share = |client: &str| {
            number(act.clients.get(client).copied().unwrap_or_default().percent(), " %")
        };
        rows.push([format!("  {}", act.name), share("naive"), share("protected")]);
    }
    rows.push(both("p50 of good answers", &|sum| number(sum.p50_ms, " ms")));
    rows.push(both("p99 of good answers", &|sum| number(sum.p99_ms, " ms")));
    rows.push(both("requests upstream", &|sum| sum.orders.upstream.to_string()));
    rows.push(both("messages to the queue", &|sum| sum.enqueued.to_string()));
    for act in &journal.acts {
        if act.detection.is_some() {
            let what = format!("{}: noticed after", act.name);
            rows.push([what, "-".into(), number(act.detection, " s")]);
        }
        if act.recovery.is_some() {
            let what = format!("{}: taken back after", act.name);
            rows.push([what, "-".into(), number(act.recovery, " s")]);
        }
    }
    rows.extend(called(journal));
    rows
}

/// How often somebody was called, after what time, and whether the first suspect was right.
fn called(journal: &Journal) -> Vec<[String; 3]> {
    let row = |what: String, measured: String| [what, "-".into(), measured];
    let expected: u64 =
        journal.acts.iter().fold(0, |sum, act| sum.saturating_add(act.pages_expected));
    let pages = || journal.acts.iter().flat_map(|act| &act.pages);
    let count = pages().count();
    let right = pages().filter(|page| page.right).count();
    let mut rows = vec![
        row("pages sent".into(), format!("{count} of {expected}")),
        row("first suspect right".into(), format!("{right} of {count}")),
    ];
    for act in &journal.acts {
        let sent = format!("{} of {}", act.pages.len(), act.pages_expected);
        rows.push(row(format!("  {}: pages", act.name), sent));
        if let Some(page) = act.pages.first() {
            rows.push(row(format!("  {}: called after", act.name), number(page.after, " s")));
        }
    }
    rows
}

pub(crate) fn print(journal: &Journal) {
    println!("\n{:<38} {:>12} {:>12}", "", "naive", "protected");
    for [what, naive, protected] in rows(journal) {
        println!("{what:<38} {naive:>12} {protected:>12}");
    }
    println!();
    for act in &journal.acts {
        let mark = if act.held() { "held  " } else { "FAILED" };
        println!("{mark}  {}: {}", act.name, act.hypothesis);
        for claim in &act.claims {
            let mark = if claim.held { ' ' } else { '!' };
            println!("      {mark} {}: {}", claim.text, claim.measured);
        }
    }
    println!();
}
