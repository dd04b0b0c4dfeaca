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
    let labels: Vec<_> = shares
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            label(&steps, index, part).or_else(|| end_label(&steps, index, part, frame))
        })
        .collect();
    let unnamed = labels.iter().enumerate().filter(|(_, label)| label.is_none());
    let key = key(unnamed.map(|(index, _)| index), shares, frame);
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
        @for (x, y, label) in labels.iter().flatten() {
            text class=(if *x < frame.right { "in part" } else { "out" }) x=(n(*x)) y=(n(*y)) {
                (Text(label))
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
    let body = html! {
        (key.body)
        g transform={ "translate(0 " (n(key.height)) ")" } { (body) }
    };
    Drawn { height: HEIGHT + 2.0 * TOP + key.height, body, note }
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

/// The part's area: along its upper edge and back along the lower one, for each run without a gap.
fn area(steps: &[Step], part: usize) -> String {
    let mut path = String::new();
    let visible = |step: &&Step| {
        let bounds = step.2.as_ref().map(|shares| bounds(shares, part));
        bounds.is_some_and(|(low, high)| high > low)
    };
    let mut rest = steps;
    while let Some(start) = rest.iter().position(|step| visible(&step)) {
        rest = rest.get(start..).unwrap_or_default();
        let run = rest.iter().take_while(visible).count();
        let (run, after) = rest.split_at(run);
        rest = after;
        let edge = |step: &Step| step.2.as_ref().map_or((0.0, 0.0), |shares| bounds(shares, part));
        for (index, step) in run.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let y = n(height_of(edge(step).1));
            // Writing into a String cannot fail.
            let _ = write!(path, "{command}{} {y}H{}", n(step.0), n(step.1));
        }
        for step in run.iter().rev() {
            let _ = write!(path, "V{}H{}", n(height_of(edge(step).0)), n(step.0));
        }
        path.push('z');
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
    let label =
        fit::fit_bold(name, width - 12.0).filter(|label| !label.ends_with('…') || width > 120.0);
    Some((x + 7.0, height_of(middle) + 4.0, label?))
}

/// A place at the right of the plot, for a part that is thin to the end.
fn end_label(steps: &[Step], part: usize, name: &str, frame: &Frame) -> Option<(f64, f64, String)> {
    if frame.form == Form::Narrow {
        return None;
    }
    let (low, high) = bounds(steps.last()?.2.as_ref()?, part);
    if high <= low {
        return None;
    }
    let label = fit::fit(name, frame.width - frame.right - 8.0)?;
    Some((frame.right + 8.0, height_of(f64::midpoint(low, high)) + 4.0, label))
}

/// Samples and names of the parts that found no place in the picture, above it.
fn key(unnamed: impl Iterator<Item = usize>, shares: &Shares<'_>, frame: &Frame) -> Drawn {
    let entries = unnamed.filter_map(|part| Some((part, shares.parts.get(part)?.as_str())));
    super::key::draw(entries.take(24), frame, |part, x, y| {
        html! {
            rect class={ "swatch part" (part % PARTS) } x=(n(x)) y=(n(y)) width="14" height="11" rx="2" {}
            @if part % 2 == 1 {
                rect x=(n(x)) y=(n(y)) width="14" height="11" rx="2"
                    fill={ "url(#" (frame.id) "-part" (part % PARTS) ")" } {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_follow_the_steps_and_stop_at_gaps() {
        let half = || Some(vec![0.5, 0.5]);
        let steps = [(0.0, 10.0, half()), (10.0, 20.0, Some(vec![1.0, 0.0])), (20.0, 30.0, None)];
        assert_eq!(area(&steps, 0), "M0 43H10L10 5H20V81H10V81H0z");
        assert_eq!(area(&steps, 1), "M0 5H10V43H0z");
        assert_eq!(area(&[], 0), "");
    }

    #[test]
    fn steps_too_short_to_be_seen_become_their_mean() {
        let frame = Frame::new(Form::Narrow, 0.0, 10_000.0, "t".to_owned());
        let parts = ["a".to_owned(), "b".to_owned()];
        let steps = (0..10_000)
            .map(|i| {
                let share = f64::from(i % 2);
                (f64::from(i), f64::from(i + 1), Some(vec![share, 1.0 - share]))
            })
            .collect();
        let (coarse, thinned) = coarsen(&Shares { parts: &parts, steps }, &frame);
        assert!(thinned && coarse.len() <= frame.columns());
        for (from, to, shares) in coarse {
            let shares = shares.unwrap();
            assert!(from < to && (shares[0] - 0.5).abs() < 0.05, "{shares:?}");
            assert!((shares[0] + shares[1] - 1.0).abs() < 1e-9);
        }
    }
}
