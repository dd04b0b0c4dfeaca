//! Timelines as SVG. Every picture is drawn twice, for a page and for a phone; the style sheet
//! shows one of them. Text keeps its size that way, and nothing has to scroll sideways.

mod axis;
mod fit;
mod frame;
mod key;
mod marks;
mod pattern;
mod place;
mod series;
mod states;
mod thin;
mod weights;

use maud::{Markup, html};

pub(super) use self::frame::Form;
use self::frame::{Drawn, Frame};
use super::number::coordinate as n;
use super::plot::{Content, Plot, Span};
use super::words::{Text, one_line};

const GAP: f64 = 16.0;
const AXIS: f64 = 26.0;

/// The picture, and remarks about what was drawn coarser than it was given.
pub(super) fn draw(
    plot: &Plot<'_>,
    form: Form,
    id: &str,
    caption: &str,
    described_by: &str,
) -> (Markup, Vec<String>) {
    let frame = Frame::new(form, plot.from, plot.to, format!("{id}{}", form.suffix()));
    let mut notes = Vec::new();
    let phases = phase_labels(&plot.phases, &frame);
    let top = phases.height;
    let mut y = top + GAP / 2.0;
    let mut lanes = Vec::new();
    for (index, (name, content)) in plot.lanes.iter().enumerate() {
        let header = frame.header(name, unit(content));
        let drawn = match content {
            Content::States(spans) => states::draw(spans, &frame),
            Content::Marks(marks) => marks::draw(marks, &frame),
            Content::Series(curves) => series::draw(curves, &frame),
            Content::Weights(shares) => weights::draw(shares, &frame),
        };
        if let Some(note) = drawn.note {
            notes.push(format!("{name}: {note}"));
        }
        let below = if form == Form::Narrow { header.height } else { 0.0 };
        lanes.push(html! {
            g data-lane=(index + 1) transform={ "translate(0 " (n(y)) ")" } {
                (header.body)
                g transform={ "translate(0 " (n(below)) ")" } { (drawn.body) }
            }
        });
        y += (below + drawn.height).max(header.height) + GAP;
    }
    let floor = y - GAP / 2.0;
    let axis = axis::time(&frame, top, floor);
    let title = format!("{}-t", frame.id);
    let markup = html! {
        svg class={ "chart " (form.class()) } role="img" aria-labelledby=(title)
            aria-describedby=(described_by)
            viewBox={ "0 0 " (n(frame.width)) " " (n(floor + AXIS)) } {
            title id=(title) { (Text(&one_line(caption, 200))) }
            (pattern::definitions(&frame, plot))
            (phase_shades(&plot.phases, &frame, top, floor))
            (axis)
            (phases.body)
            @for lane in lanes { (lane) }
        }
    };
    (markup, notes)
}

fn unit<'a>(content: &Content<'a>) -> &'a str {
    match content {
        Content::Series(curves) => curves.unit,
        Content::States(_) | Content::Marks(_) | Content::Weights(_) => "",
    }
}

/// More shadings than this cannot be told apart.
const MOST_PHASES: usize = 200;

fn phase_shades(phases: &[Span<'_>], frame: &Frame, top: f64, floor: f64) -> Markup {
    html! {
        @for (index, phase) in phases.iter().take(MOST_PHASES).enumerate() {
            @let (from, to) = (frame.x(phase.from), frame.x(phase.to));
            rect class={ "phase p-" (phase.tone.as_str()) @if index % 2 == 1 { " odd" } }
                x=(n(from)) y=(n(top)) width=(n((to - from).max(1.0))) height=(n(floor - top)) {}
            line class="edge" x1=(n(from)) x2=(n(from)) y1=(n(top - 4.0)) y2=(n(floor)) {}
        }
    }
}

/// The names of the phases above the lanes, in as few rows as they need.
fn phase_labels(phases: &[Span<'_>], frame: &Frame) -> Drawn {
    let anchors: Vec<_> = phases
        .iter()
        .take(MOST_PHASES)
        .map(|phase| place::Anchor { x: frame.x(phase.from), text: phase.label })
        .collect();
    let placed = place::place(&anchors, frame.edge(), 4, 0.0);
    let rows = placed.rows;
    let height = if rows == 0 { 0.0 } else { row(rows) + 6.0 };
    let body = html! {
        @for (phase, label) in phases.iter().zip(&placed.labels) {
            @if let Some(label) = label {
                // The first row stands lowest, next to its shading.
                @let y = height - 8.0 - row(label.row);
                @if label.row > 0 {
                    line class="edge" x1=(n(label.anchor)) x2=(n(label.anchor))
                        y1=(n(y - 9.0)) y2=(n(height)) {}
                }
                text class={ "name t-" (phase.tone.as_str()) } x=(n(label.x)) y=(n(y))
                    text-anchor=(label.align()) { (Text(&label.text)) }
            }
        }
    };
    Drawn { height, body, note: None }
}

fn row(row: usize) -> f64 {
    place::ROW * u32::try_from(row).map_or(0.0, f64::from)
}
