//! A lane of shares: areas stacked to a hundred per cent, in steps.

use core::fmt::Write as _;

use maud::html;

use super::super::number::coordinate as n;
use super::super::plot::Shares;
use super::super::words::{Text, one_line};
use super::fit;
use super::frame::{Drawn, Form, Frame};
use super::pattern::PARTS;
use super::thin::column;

const HEIGHT: f64 = 76.0;
const TOP: f64 = 5.0;

/// Start and end as coordinates, and the shares in between.
type Step = (f64, f64, Option<Vec<f64>>);

pub(super) fn draw(shares: &Shares<'_>, frame: &Frame) -> Drawn {
    let (steps, coarse) = coarsen(shares, frame);
    let body = html! {
        @for (index, part) in shares.parts.iter().enumerate() {
            @let path = area(&steps, index);
            g {
                title { (Text(&one_line(part, 120))) }
                path class={ "part part" (index % PARTS) } d=(path) {}
                @if index % 2 == 1 {
                    path d=(path) fill={ "url(#" (frame.id) "-part" (index % PARTS) ")" } {}
                }
            }
        }
        @for (index, part) in shares.parts.iter().enumerate() {
            @if let Some((x, y, label)) = label(&steps, index, part) {
                text class="in part" x=(n(x)) y=(n(y)) { (Text(&label)) }
            } @else if let Some((y, label)) = end_label(&steps, index, part, frame) {
                text class="out" x=(n(frame.right + 8.0)) y=(n(y)) { (Text(&label)) }
            }
        }
        @for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
            @let y = height_of(share);
            line class="grid over" x1=(n(frame.left)) x2=(n(frame.right)) y1=(n(y)) y2=(n(y)) {}
            @if frame.form == Form::Wide {
                text class="tick" x=(n(frame.left - 8.0)) y=(n(y + 4.0)) text-anchor="end" { (label) }
            }
        }
        @if steps.is_empty() { text class="none" x=(n(frame.left + 6.0)) y="15" { "nothing" } }
    };
    let note =
        coarse.then(|| "steps too short to be seen are drawn as their mean share.".to_owned());
    Drawn { height: HEIGHT + 2.0 * TOP, body, note }
}

fn height_of(share: f64) -> f64 {
    TOP + HEIGHT * (1.0 - share)
}

/// The steps as they are, or one for each column where there are more.
fn coarsen(shares: &Shares<'_>, frame: &Frame) -> (Vec<Step>, bool) {
    let exact = shares.steps.iter();
    let exact = exact.map(|(from, to, shares)| (frame.x(*from), frame.x(*to), shares.clone()));
    if shares.steps.len() <= frame.columns() {
        return (exact.collect(), false);
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut here = usize::MAX;
    let mut weight = 0.0;
    for ((from, to, shares), (start, _, _)) in exact.zip(&shares.steps) {
        let column = column(*start, frame.from, frame.to, frame.columns());
        match steps.last_mut() {
            Some((_, end, mean)) if column == here => {
                *end = to;
                let width = to - from;
                if let (Some(mean), Some(shares)) = (mean, shares) {
                    weight += width;
                    if weight > 0.0 {
                        for (mean, share) in mean.iter_mut().zip(shares) {
                            *mean += (share - *mean) * width / weight;
                        }
                    }
                }
            }
            _ => {
                (here, weight) = (column, to - from);
                steps.push((from, to, shares));
            }
        }
    }
    (steps, true)
}

/// Where a part begins and ends in a stack.
fn bounds(shares: &[f64], part: usize) -> (f64, f64) {
    let below: f64 = shares.iter().take(part).sum();
    (below, (below + shares.get(part).copied().unwrap_or(0.0)).min(1.0))
}

fn area(steps: &[Step], part: usize) -> String {
    let mut path = String::new();
    for (from, to, shares) in steps {
        let Some(shares) = shares else { continue };
        let (low, high) = bounds(shares, part);
        if high > low {
            let (x, right) = (n(*from), n(*to));
            // Writing into a String cannot fail.
            let _ = write!(path, "M{x} {}H{right}V{}H{x}z", n(height_of(high)), n(height_of(low)));
        }
    }
    path
}

/// A place inside of the part's widest step that is high enough for text.
fn label(steps: &[Step], part: usize, name: &str) -> Option<(f64, f64, String)> {
    let mut best: Option<(f64, f64, f64)> = None;
    for (from, to, shares) in steps {
        let Some(shares) = shares else { continue };
        let (low, high) = bounds(shares, part);
        let width = to - from;
        if (high - low) * HEIGHT >= 16.0 && best.is_none_or(|(_, _, widest)| width > widest) {
            best = Some((*from, f64::midpoint(low, high), width));
        }
    }
    let (x, middle, width) = best?;
    let label = fit::fit(name, width - 14.0).filter(|label| !label.ends_with('…') || width > 120.0);
    Some((x + 7.0, height_of(middle) + 4.0, label?))
}

/// A place at the right of the plot, for a part that is thin to the end.
fn end_label(steps: &[Step], part: usize, name: &str, frame: &Frame) -> Option<(f64, String)> {
    if frame.form == Form::Narrow {
        return None;
    }
    let (low, high) = bounds(steps.last()?.2.as_ref()?, part);
    if high <= low {
        return None;
    }
    let label = fit::fit(name, frame.width - frame.right - 8.0)?;
    Some((height_of(f64::midpoint(low, high)) + 4.0, label))
}
