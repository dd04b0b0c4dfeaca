//! A lane of instants: a shape for the tone, a label with a leader where there is room.

use maud::{Markup, html};

use super::super::number::{self, coordinate as n};
use super::super::plot::Instant;
use super::super::words::{Text, one_line};
use super::frame::{Drawn, Form, Frame};
use super::place::{self, Anchor};
use super::row;
use super::thin::column;
use crate::report::Tone;

const TOP: f64 = 11.0;

pub(super) fn draw(marks: &[Instant<'_>], frame: &Frame) -> Drawn {
    let seen = merge(marks, frame);
    let merged = marks.len() - seen.len();
    let anchors: Vec<_> =
        seen.iter().map(|mark| Anchor { x: frame.x(mark.at), text: mark.label }).collect();
    let most_rows = if frame.form == Form::Wide { 6 } else { 8 };
    let placed = place::place(&anchors, frame.edge(), most_rows, 5.0);
    let body = html! {
        line class="rail" x1=(n(frame.left)) x2=(n(frame.right)) y1=(n(TOP)) y2=(n(TOP)) {}
        @for label in placed.labels.iter().flatten() {
            @let y = TOP + 12.0 + row(label.row);
            path class="leader" d={ "M" (n(label.anchor)) " " (n(TOP)) "V" (n(y + 6.0)) } {}
        }
        @for label in placed.labels.iter().flatten() {
            @let y = TOP + 12.0 + row(label.row);
            text class="out halo" x=(n(label.x)) y=(n(y + 7.0)) text-anchor=(label.align()) {
                (Text(&label.text))
            }
        }
        @for mark in &seen {
            g transform={ "translate(" (n(frame.x(mark.at))) " " (n(TOP)) ")" } {
                title { (Text(&one_line(mark.label, 120))) ", " (number::seconds(mark.at)) }
                (shape(mark.tone))
            }
        }
        @if seen.is_empty() { text class="none" x=(n(frame.left + 6.0)) y="15" { "nothing" } }
    };
    let note = (merged > 0).then(|| {
        let merged = number::count(merged);
        format!("{merged} marks in the same place as another are drawn as one, in the worst tone.")
    });
    let height = if placed.rows == 0 { 2.0 * TOP } else { TOP + 14.0 + row(placed.rows) };
    Drawn { height, body, note }
}

/// One mark of each tone for each column; more could not be told apart.
fn merge<'a>(marks: &[Instant<'a>], frame: &Frame) -> Vec<Instant<'a>> {
    let mut seen: Vec<Instant<'a>> = Vec::new();
    let place = |at| column(at, frame.from, frame.to, frame.columns());
    for mark in marks {
        match seen.last_mut() {
            // Few marks keep their labels even where they share a pixel.
            Some(last) if marks.len() > 60 && place(last.at) == place(mark.at) => {
                if mark.tone.weight() > last.tone.weight() {
                    *last = *mark;
                }
            }
            _ => seen.push(*mark),
        }
    }
    seen
}

fn shape(tone: Tone) -> Markup {
    let path = match tone {
        Tone::Good | Tone::Neutral => "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        Tone::Warning => "M0 -5.5L5.5 4.5H-5.5z",
        Tone::Bad => "M0 -6L6 0L0 6L-6 0z",
        Tone::Info => "M-4.5 -4.5H4.5V4.5H-4.5z",
    };
    html! { path class={ "mark m-" (tone.as_str()) } d=(path) {} }
}
