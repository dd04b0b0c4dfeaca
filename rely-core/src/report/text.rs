//! The same timeline in words, for who cannot see the picture and for who wants the exact times.

use maud::{Markup, html};

use super::number::{count, seconds, value};
use super::plot::{Content, Curves, Instant, Plot, Point, Shares, Span};
use super::words::Text;
use super::{Table, Tone, page};

/// More entries than this are not read; the model has them all.
const MOST: usize = 400;
const MOST_STRETCHES: usize = 40;

/// What the picture shows, in one sentence.
pub(super) fn summary(plot: &Plot<'_>) -> Markup {
    html! {
        "Timeline from " (seconds(plot.from)) " to " (seconds(plot.to)) " with "
        @match plot.lanes.len() {
            0 => "no lanes",
            1 => "one lane: ",
            n => { (count(n)) " lanes: " }
        }
        @for (index, (name, content)) in plot.lanes.iter().enumerate() {
            @if index > 0 { "; " }
            bdi { (Text(name)) } " (" (contents(content)) ")"
        }
        "."
    }
}

fn contents(content: &Content<'_>) -> String {
    let plural = |n: usize, one: &str| {
        if n == 1 { format!("one {one}") } else { format!("{} {one}s", count(n)) }
    };
    match content {
        Content::States(spans) => plural(spans.len(), "state"),
        Content::Marks(marks) => plural(marks.len(), "mark"),
        Content::Series(curves) => plural(curves.lines.len(), "line"),
        Content::Weights(shares) => plural(shares.steps.len(), "step"),
    }
}

/// Everything in the picture as lists and tables.
pub(super) fn equivalent(plot: &Plot<'_>, id: &str) -> Markup {
    html! {
        @if !plot.phases.is_empty() {
            p class="of" { "Phases" }
            (states(&plot.phases))
        }
        @for (index, (name, content)) in plot.lanes.iter().enumerate() {
            p class="of" dir="auto" { (Text(name)) }
            @match content {
                Content::States(spans) => (states(spans)),
                Content::Marks(marks) => (instants(marks)),
                Content::Series(curves) => (series(name, curves, &format!("{id}-{index}"))),
                Content::Weights(shares) => (weights(name, shares, &format!("{id}-{index}"))),
            }
        }
    }
}

fn more(all: usize, most: usize) -> Markup {
    html! { @if all > most { li { "and " (count(all - most)) " more" } } }
}

fn word(tone: Tone) -> Markup {
    html! { @if tone != Tone::Neutral { " (" (tone.as_str()) ")" } }
}

fn states(spans: &[Span<'_>]) -> Markup {
    html! {
        ul {
            @for span in spans.iter().take(MOST) {
                li {
                    bdi { (Text(span.label)) } (word(span.tone)) ", "
                    (seconds(span.from)) " to " (seconds(span.to))
                }
            }
            (more(spans.len(), MOST))
            @if spans.is_empty() { li { "nothing" } }
        }
    }
}

fn instants(marks: &[Instant<'_>]) -> Markup {
    html! {
        ul {
            @for mark in marks.iter().take(MOST) {
                li { (seconds(mark.at)) ": " bdi { (Text(mark.label)) } (word(mark.tone)) }
            }
            (more(marks.len(), MOST))
            @if marks.is_empty() { li { "nothing" } }
        }
    }
}

fn series(name: &str, curves: &Curves<'_>, id: &str) -> Markup {
    let caption = if curves.unit.is_empty() {
        format!("{name} in numbers")
    } else {
        format!("{name} in numbers ({})", curves.unit)
    };
    let mut table = Table::new(caption).column("Line");
    for column in ["First", "Lowest", "at", "Highest", "at", "Mean", "Last", "Values", "Gaps"] {
        table = table.numeric(column);
    }
    for (name, points) in &curves.lines {
        table = table.row(row(name, points));
    }
    if !curves.expected.is_empty() {
        table = table.row(row("expected", &curves.expected));
    }
    let first = curves.lines.first();
    html! {
        (page::table(&table, id))
        @if let Some((line, points)) = first {
            @if !curves.thresholds.is_empty() || !curves.band.is_empty() {
                ul {
                    @for (level, label) in &curves.thresholds {
                        @let above = points.iter().map(|(at, v)| (*at, v.is_some_and(|v| v > *level)));
                        li {
                            bdi { (Text(line)) } " above " bdi { (Text(label)) } " (" (value(*level)) "): "
                            (stretches(above))
                        }
                    }
                    @if !curves.band.is_empty() {
                        @let mut outside = curves.outside.iter().peekable();
                        @let flags = points.iter().map(|(at, v)| {
                            let hit = outside.next_if(|(t, w)| t.total_cmp(at).is_eq() && v.is_some_and(|v| v.total_cmp(w).is_eq()));
                            (*at, hit.is_some())
                        });
                        li { bdi { (Text(line)) } " outside of the expected band: " (stretches(flags)) }
                    }
                }
            }
        }
    }
}

fn row(name: &str, points: &[Point]) -> Vec<String> {
    let values: Vec<(f64, f64)> =
        points.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        let mut cells = vec![String::from("–"); 10];
        cells[0] = name.to_owned();
        cells[8] = count(0);
        cells[9] = count(points.len());
        return cells;
    };
    let (mut low, mut high) = (*first, *first);
    let mut mean = 0.0;
    for (n, point) in values.iter().enumerate() {
        if point.1 < low.1 {
            low = *point;
        }
        if point.1 > high.1 {
            high = *point;
        }
        // A running mean: the sum of large values could overflow.
        let n = (n + 1) as f64;
        mean += point.1 / n - mean / n;
    }
    vec![
        name.to_owned(),
        value(first.1),
        value(low.1),
        seconds(low.0),
        value(high.1),
        seconds(high.0),
        value(mean),
        value(last.1),
        count(values.len()),
        count(points.len() - values.len()),
    ]
}

/// Runs of points for which something holds, as a list of times.
fn stretches(flags: impl Iterator<Item = (f64, bool)>) -> String {
    let mut runs: Vec<(f64, f64)> = Vec::new();
    let mut open = false;
    for (at, holds) in flags {
        match runs.last_mut() {
            Some(run) if holds && open => run.1 = at,
            _ if holds => runs.push((at, at)),
            _ => {}
        }
        open = holds;
    }
    if runs.is_empty() {
        return "never".to_owned();
    }
    let mut told: Vec<String> = runs
        .iter()
        .take(MOST_STRETCHES)
        .map(|(from, to)| {
            let (from, to) = (seconds(*from), seconds(*to));
            if from == to { format!("at {from}") } else { format!("{from} to {to}") }
        })
        .collect();
    if runs.len() > MOST_STRETCHES {
        told.push(format!("and {} more times", count(runs.len() - MOST_STRETCHES)));
    }
    told.join(", ")
}

fn weights(name: &str, shares: &Shares<'_>, id: &str) -> Markup {
    let mut table = Table::new(format!("{name}: shares from each step on")).numeric("From");
    for part in shares.parts {
        table = table.numeric(part);
    }
    for (from, _, shares) in shares.steps.iter().take(MOST) {
        let shares = shares.iter().flatten().map(|share| format!("{} %", value(share * 100.0)));
        table = table.row(core::iter::once(seconds(*from)).chain(shares));
    }
    let left = shares.steps.len().saturating_sub(MOST);
    html! {
        (page::table(&table, id))
        @if left > 0 { p { "and " (count(left)) " more steps" } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_join_neighbours() {
        let told = |flags: &[bool]| stretches((0_u32..).map(f64::from).zip(flags.iter().copied()));
        assert_eq!(told(&[false, false]), "never");
        assert_eq!(told(&[true, true, false, true]), "0 s to 1 s, at 3 s");
        assert!(told(&[true, false].repeat(100)).ends_with("and 60 more times"));
    }

    #[test]
    fn a_row_tells_extremes_and_gaps() {
        let points = [(0.0, Some(2.0)), (1.0, None), (2.0, Some(-4.0)), (3.0, Some(8.0))];
        let cells = row("p99", &points);
        assert_eq!(cells, ["p99", "2", "−4", "2 s", "8", "3 s", "2", "8", "3", "1"]);
        assert_eq!(row("none", &[(0.0, None)])[9], "1");
        assert_eq!(row("big", &[(0.0, Some(1e300)), (1.0, Some(1e300))])[6], "1e300");
    }
}
