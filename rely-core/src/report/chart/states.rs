//! A lane of intervals: bars that carry their state as word, colour and hatching.

use maud::{Markup, html};

use super::super::number::{self, coordinate as n};
use super::super::plot::Span;
use super::super::words::{Text, one_line};
use super::fit;
use super::frame::{Drawn, Frame};
use super::place::{self, Anchor};
use super::row;
use crate::report::Tone;

const BAR: f64 = 22.0;
const ROW: f64 = 26.0;
/// States that overlap deeper than this are not drawn; the text has them.
const MOST_ROWS: usize = 8;

/// What is drawn: one interval, or several that are too short to be seen apart.
struct Bar<'a> {
    from: f64,
    to: f64,
    span: Span<'a>,
    merged: usize,
}

impl Bar<'_> {
    fn width(&self) -> f64 {
        (self.to - self.from).max(2.0)
    }
}

pub(super) fn draw(spans: &[Span<'_>], frame: &Frame) -> Drawn {
    let (rows, lost) = pack(spans);
    let rows: Vec<Vec<Bar<'_>>> = rows.iter().map(|row| merge(row, frame)).collect();
    let merged: usize = rows.iter().flatten().map(|bar| bar.merged - 1).sum();
    let mut height = -4.0;
    let mut outside = Vec::new();
    let mut bars = Vec::new();
    for row in &rows {
        let y = height + ROW - BAR;
        height += ROW;
        let mut taken = frame.edge().0;
        for (index, bar) in row.iter().enumerate() {
            let label = label(bar, taken, row.get(index + 1), frame);
            taken = bar.from + bar.width() + 10.0;
            match &label {
                None => outside.push((bar.from + bar.width() / 2.0, bar.span.label)),
                Some(Place::After(label)) => taken += fit::width(label) + 6.0,
                Some(_) => {}
            }
            bars.push(draw_bar(bar, y, label, frame));
        }
    }
    // Leaders start at a bar, so they would cross the rows below any but the last.
    if rows.len() > 1 {
        outside.clear();
    }
    let anchors: Vec<_> = outside.iter().map(|&(x, text)| Anchor { x, text }).collect();
    let placed = place::place(&anchors, frame.edge(), 3, 5.0);
    let below = height + 6.0;
    let callouts = html! {
        @for label in placed.labels.iter().flatten() {
            @let y = below + row(label.row);
            path class="leader" d={ "M" (n(label.anchor)) " " (n(height + 1.0)) "V" (n(y + 8.0)) } {}
        }
        @for label in placed.labels.iter().flatten() {
            @let y = below + row(label.row);
            text class="out halo" x=(n(label.x)) y=(n(y + 12.0)) text-anchor=(label.align()) {
                (Text(&label.text))
            }
        }
    };
    let empty = html! { text class="none" x=(n(frame.left + 6.0)) y="15" { "nothing" } };
    if placed.rows > 0 {
        height = below + row(placed.rows);
    }
    let drawn = spans.len() - lost;
    Drawn {
        height: height.max(BAR),
        body: html! { @for bar in bars { (bar) } (callouts) @if drawn == 0 { (empty) } },
        note: note(merged, lost),
    }
}

fn note(merged: usize, lost: usize) -> Option<String> {
    let mut parts = Vec::new();
    if merged > 0 {
        let merged = number::count(merged);
        parts.push(format!("{merged} states too short to be seen are drawn together with a neighbour, in the worst tone of both"));
    }
    if lost > 0 {
        parts.push(format!("{} states that overlap others are not drawn", number::count(lost)));
    }
    (!parts.is_empty()).then(|| parts.join("; ") + ".")
}

/// Spreads intervals over rows so that none overlap; those beyond the last row are counted.
fn pack<'a>(spans: &[Span<'a>]) -> (Vec<Vec<Span<'a>>>, usize) {
    let mut rows: Vec<Vec<Span<'a>>> = Vec::new();
    let mut lost = 0;
    for span in spans {
        let is_free = |row: &Vec<Span<'_>>| row.last().is_none_or(|last| last.to <= span.from);
        let free = rows.iter().position(is_free).unwrap_or(rows.len());
        if free == rows.len() && free < MOST_ROWS {
            rows.push(Vec::new());
        }
        match rows.get_mut(free) {
            Some(row) => row.push(*span),
            None => lost += 1,
        }
    }
    (rows, lost)
}

/// Joins neighbours that share a pixel.
fn merge<'a>(spans: &[Span<'a>], frame: &Frame) -> Vec<Bar<'a>> {
    let mut bars: Vec<Bar<'a>> = Vec::new();
    for span in spans {
        let (from, to) = (frame.x(span.from), frame.x(span.to));
        match bars.last_mut() {
            Some(last) if to - last.from < 1.0 => {
                last.to = last.to.max(to);
                last.merged += 1;
                last.span.to = last.span.to.max(span.to);
                if span.tone.weight() > last.span.tone.weight() {
                    (last.span.tone, last.span.label) = (span.tone, span.label);
                }
            }
            _ => bars.push(Bar { from, to, span: *span, merged: 1 }),
        }
    }
    bars
}

fn tooltip(bar: &Bar<'_>) -> String {
    let label = one_line(bar.span.label, 120);
    let (from, to) = (number::seconds(bar.span.from), number::seconds(bar.span.to));
    match bar.merged {
        1 => format!("{label}: {from} to {to}"),
        more => format!("{label} and {} more: {from} to {to}", number::count(more - 1)),
    }
}

/// Where a label stands, and how it reads there.
enum Place {
    Inside(String),
    After(String),
    Before(String),
}

/// In the bar, or in the free space beside it: whole if there is room, else cut.
fn label(bar: &Bar<'_>, taken: f64, next: Option<&Bar<'_>>, frame: &Frame) -> Option<Place> {
    const READABLE: f64 = 80.0;
    let end = next.map_or(frame.edge().1, |next| next.from - 8.0);
    let inside = bar.width() - 10.0;
    let after = end - bar.from - bar.width() - 6.0;
    let before = bar.from - 6.0 - taken;
    let text = bar.span.label;
    let is_whole = |label: &String| !label.ends_with('…');
    let whole = |room| fit::fit(text, room).filter(is_whole);
    fit::fit_bold(text, inside)
        .filter(is_whole)
        .map(Place::Inside)
        .or_else(|| whole(after).map(Place::After))
        .or_else(|| whole(before).map(Place::Before))
        .or_else(|| fit::fit_bold(text, inside).filter(|_| inside >= READABLE).map(Place::Inside))
        .or_else(|| fit::fit(text, after).filter(|_| after >= READABLE).map(Place::After))
}

fn draw_bar(bar: &Bar<'_>, y: f64, label: Option<Place>, frame: &Frame) -> Markup {
    let tone = bar.span.tone.as_str();
    let (x, width) = (n(bar.from), n(bar.width()));
    html! {
        g {
            title { (Text(&tooltip(bar))) }
            rect class={ "bar f-" (tone) } x=(x) y=(n(y)) width=(width) height=(n(BAR)) rx="2" {}
            @if bar.span.tone != Tone::Good {
                rect x=(x) y=(n(y)) width=(width) height=(n(BAR)) rx="2"
                    fill={ "url(#" (frame.id) "-" (tone) ")" } {}
            }
        }
        @match label {
            Some(Place::Inside(label)) => text class={ "in i-" (tone) } x=(n(bar.from + 6.0))
                y=(n(y + 15.5)) { (Text(&label)) },
            Some(Place::After(label)) => text class="out" x=(n(bar.from + bar.width() + 6.0))
                y=(n(y + 15.5)) { (Text(&label)) },
            Some(Place::Before(label)) => text class="out" x=(n(bar.from - 6.0)) y=(n(y + 15.5))
                text-anchor="end" { (Text(&label)) },
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Form;
    use super::*;

    fn span(from: f64, to: f64, tone: Tone) -> Span<'static> {
        Span { from, to, label: "x", tone }
    }

    #[test]
    fn overlaps_take_rows_and_neighbours_share_one() {
        let spans = [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)].map(|(f, t)| span(f, t, Tone::Bad));
        let (rows, lost) = pack(&spans);
        assert_eq!((rows.len(), lost), (2, 0));
        let (rows, lost) = pack(&[span(0.0, 1.0, Tone::Bad); 20]);
        assert_eq!((rows.len(), lost), (MOST_ROWS, 20 - MOST_ROWS));
    }

    #[test]
    fn a_million_short_states_stay_few_and_keep_the_worst() {
        let frame = Frame::new(Form::Wide, 0.0, 1e6, "t".to_owned());
        let spans: Vec<_> = (0..1_000_000)
            .map(|i| {
                let tone = if i == 500_001 { Tone::Bad } else { Tone::Good };
                span(f64::from(i), f64::from(i + 1), tone)
            })
            .collect();
        let bars = merge(&spans, &frame);
        assert!(bars.len() <= frame.columns() + 1, "{}", bars.len());
        assert_eq!(bars.iter().filter(|bar| bar.span.tone == Tone::Bad).count(), 1);
    }
}
