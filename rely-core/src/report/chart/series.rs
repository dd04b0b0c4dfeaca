//! A lane of measured lines, with band, expectation and thresholds.

use core::fmt::Write as _;

use maud::{Markup, html};

use super::super::number::{self, coordinate as n};
use super::super::plot::{Curves, Point};
use super::super::words::Text;
use super::axis::{self, Ticks};
use super::fit;
use super::frame::{Drawn, Form, Frame};
use super::key;
use super::thin::{Thinned, column, thin};

const HEIGHT: f64 = 108.0;
const TOP: f64 = 6.0;
/// Lines are told apart by this many styles before they repeat.
const STYLES: usize = 4;

struct Scale {
    ticks: Ticks,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(curves: &Curves<'_>) -> Self {
        let points = curves.lines.iter().flat_map(|(_, points)| points).chain(&curves.expected);
        let values = points
            .filter_map(|(_, value)| *value)
            .chain(curves.band.iter().filter_map(|(_, b)| *b).flat_map(|(low, high)| [low, high]))
            .chain(curves.thresholds.iter().map(|(value, _)| *value))
            .chain(curves.include.iter().filter(|v| v.is_finite()).map(|v| v.clamp(-1e300, 1e300)));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low > 0.0 && low <= high / 2.0 {
            low = 0.0;
        }
        let ticks = axis::values(low, high, 3);
        let low = ticks.at.first().copied().unwrap_or(low);
        let high = ticks.at.last().copied().unwrap_or(high);
        Self { ticks, low, high }
    }

    fn y(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        TOP + HEIGHT * (1.0 - share)
    }
}

pub(super) fn draw(curves: &Curves<'_>, frame: &Frame) -> Drawn {
    let scale = Scale::of(curves);
    let thin = |points: &[Point]| thin(points, frame.from, frame.to, frame.columns());
    let lines: Vec<Thinned> = curves.lines.iter().map(|(_, points)| thin(points)).collect();
    let expected = thin(&curves.expected);
    let key = line_key(curves, frame);
    let note = lines.iter().any(|line| line.coarse).then(|| {
        let points: usize = curves.lines.iter().map(|(_, points)| points.len()).sum();
        format!(
            "{} points are more than the picture has columns of pixels; drawn are the first, lowest, highest and last of each column.",
            number::count(points)
        )
    });
    let body = html! {
        (key.body)
        g transform={ "translate(0 " (n(key.height)) ")" } {
            (grid(&scale, frame))
            path class="band" d=(band(curves, &scale, frame)) {}
            @for (value, _) in &curves.thresholds {
                @let y = n(scale.y(*value));
                line class="threshold" x1=(n(frame.left)) x2=(n(frame.right)) y1=(y) y2=(y) {}
            }
            @if !expected.runs.is_empty() {
                path class="expected" d=(path(&expected, &scale, frame)) {}
            }
            @for (index, line) in lines.iter().enumerate() {
                path class={ "line l" (index % STYLES) } d=(path(line, &scale, frame)) {}
            }
            @for (x, y) in rings(curves, &scale, frame) {
                circle class="ring" cx=(n(x)) cy=(n(y)) r="3" {}
            }
            (numbers(&scale, frame))
            @if frame.form == Form::Wide {
                (end_labels(curves, &lines, &expected, &scale, frame))
            } @else {
                @for (value, label) in &curves.thresholds {
                    @if let Some(label) = fit::fit(label, 150.0) {
                        text class="out halo t-threshold" x=(n(frame.right)) text-anchor="end"
                            y=(n((scale.y(*value) - 4.0).max(10.0))) { (Text(&label)) }
                    }
                }
            }
            @if lines.iter().all(|line| line.runs.is_empty()) {
                text class="none" x=(n(frame.left + 40.0)) y=(n(TOP + HEIGHT / 2.0)) { "no values" }
            }
        }
    };
    Drawn { height: HEIGHT + 2.0 * TOP + key.height, body, note }
}

fn grid(scale: &Scale, frame: &Frame) -> Markup {
    html! {
        @for tick in &scale.ticks.at {
            @let y = n(scale.y(*tick));
            line class="grid" x1=(n(frame.left)) x2=(n(frame.right)) y1=(y) y2=(y) {}
        }
    }
}

fn numbers(scale: &Scale, frame: &Frame) -> Markup {
    html! {
        @for tick in &scale.ticks.at {
            @let label = number::tick(*tick, scale.ticks.step);
            @if frame.form == Form::Wide {
                text class="tick" x=(n(frame.left - 8.0)) y=(n(scale.y(*tick) + 4.0))
                    text-anchor="end" { (label) }
            } @else {
                text class="tick halo" x=(n(frame.left + 1.0)) y=(n((scale.y(*tick) - 3.0).max(9.0))) {
                    (label)
                }
            }
        }
    }
}

fn path(line: &Thinned, scale: &Scale, frame: &Frame) -> String {
    let mut path = String::new();
    for run in &line.runs {
        for (index, (at, value)) in run.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            // Writing into a String cannot fail.
            let _ = write!(path, "{command}{} {}", n(frame.x(*at)), n(scale.y(*value)));
        }
        if run.len() == 1 {
            // Round caps turn a line without length into a dot.
            path.push_str("h.1");
        }
    }
    path
}

/// The band as areas, at its widest in each column.
fn band(curves: &Curves<'_>, scale: &Scale, frame: &Frame) -> String {
    let coarse = curves.band.len() > 2 * frame.columns();
    let mut runs: Vec<Vec<(f64, f64, f64)>> = vec![Vec::new()];
    let mut here = usize::MAX;
    for (at, bounds) in &curves.band {
        let column = column(*at, frame.from, frame.to, frame.columns());
        match (bounds, runs.last_mut()) {
            (Some((low, high)), Some(run)) => match run.last_mut() {
                Some(last) if coarse && column == here => {
                    (last.1, last.2) = (last.1.min(*low), last.2.max(*high));
                }
                _ => run.push((*at, *low, *high)),
            },
            // A gap inside of one column cannot be seen.
            _ if coarse && column == here => {}
            _ => runs.push(Vec::new()),
        }
        here = column;
    }
    let mut path = String::new();
    for run in runs.iter().filter(|run| !run.is_empty()) {
        let upper = run.iter().map(|(at, _, high)| (at, high));
        let lower = run.iter().rev().map(|(at, low, _)| (at, low));
        for (index, (at, value)) in upper.chain(lower).enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", n(frame.x(*at)), n(scale.y(*value)));
        }
        path.push('z');
    }
    path
}

/// Points outside of the band, the lowest and the highest of each column.
fn rings(curves: &Curves<'_>, scale: &Scale, frame: &Frame) -> Vec<(f64, f64)> {
    let mut rings: Vec<(f64, f64)> = Vec::new();
    let place = |at| column(at, frame.from, frame.to, frame.columns());
    for column in curves.outside.chunk_by(|a, b| place(a.0) == place(b.0)) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = column.iter().min_by(by_value).into_iter().chain(column.iter().max_by(by_value));
        let ends = ends.take(column.len());
        rings.extend(ends.map(|(at, value)| (frame.x(*at), scale.y(*value))));
    }
    rings
}

/// Names at the ends of the lines, moved apart where they would overlap.
fn end_labels(
    curves: &Curves<'_>,
    lines: &[Thinned],
    expected: &Thinned,
    scale: &Scale,
    frame: &Frame,
) -> Markup {
    let end = |line: &Thinned| line.runs.last().and_then(|run| run.last()).map(|(_, value)| *value);
    let mut labels: Vec<(f64, String, &str)> = Vec::new();
    for (index, ((name, _), line)) in curves.lines.iter().zip(lines).enumerate() {
        if let Some(value) = end(line) {
            labels.push((scale.y(value), format!("t-l{}", index % STYLES), name));
        }
    }
    if let Some(value) = end(expected) {
        labels.push((scale.y(value), "t-expected".to_owned(), "expected"));
    } else if let Some(&(low, high)) = curves.band.iter().rev().find_map(|(_, b)| b.as_ref()) {
        labels.push((scale.y(f64::midpoint(low, high)), "t-expected".to_owned(), "band"));
    }
    for (value, label) in &curves.thresholds {
        labels.push((scale.y(*value), "t-threshold".to_owned(), label));
    }
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let places = spread(&labels.iter().map(|label| label.0).collect::<Vec<_>>());
    html! {
        @for ((_, class, name), y) in labels.iter().zip(places) {
            @if let (Some(y), Some(name)) = (y, fit::fit_bold(name, frame.width - frame.right - 8.0)) {
                text class={ "out " (class) } x=(n(frame.right + 8.0)) y=(n(y + 4.0)) { (Text(&name)) }
            }
        }
    }
}

/// Moves rising heights apart, inside of the lane; those for which there is no room are left out.
fn spread(wished: &[f64]) -> Vec<Option<f64>> {
    const STEP: f64 = 14.0;
    let mut places: Vec<f64> = Vec::new();
    let mut floor = TOP;
    for wish in wished {
        let y = wish.max(floor);
        places.push(y);
        floor = y + STEP;
    }
    let mut ceiling = TOP + HEIGHT;
    for y in places.iter_mut().rev() {
        *y = y.min(ceiling);
        ceiling = *y - STEP;
    }
    places.into_iter().map(|y| (y >= TOP - 1.0).then_some(y)).collect()
}

/// On a phone: a sample of each line with its name, above the plot.
fn line_key(curves: &Curves<'_>, frame: &Frame) -> Drawn {
    let mut entries: Vec<(String, &str)> = Vec::new();
    for (index, (name, _)) in curves.lines.iter().enumerate() {
        entries.push((format!("line l{}", index % STYLES), name));
    }
    if !curves.expected.is_empty() || !curves.band.is_empty() {
        entries.push(("expected".to_owned(), "expected"));
    }
    if frame.form == Form::Wide {
        entries.clear();
    }
    key::draw(entries.into_iter().take(24), frame, |class, x, y| {
        html! { path class=(class) d={ "M" (n(x)) " " (n(y + 6.0)) "h18" } {} }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_at_one_height_move_apart_and_stay_inside() {
        let places = spread(&[110.0, 111.0, 112.0]);
        let places: Vec<_> = places.into_iter().flatten().collect();
        assert_eq!(places, [86.0, 100.0, 114.0]);
        let crowded = spread(&[50.0; 40]);
        assert_eq!(crowded.len(), 40);
        assert!(crowded.iter().flatten().all(|y| (TOP - 1.0..=TOP + HEIGHT).contains(y)));
    }
}
