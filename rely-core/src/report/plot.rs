//! A timeline made sound: what cannot be drawn is dropped and counted, the rest is in order of time
//! and inside one axis. Pictures and their text are both made from this, so they always agree.

use super::timeline::{Interval, Lane, Seconds, Timeline};
use super::{Marks, Series, States, Tone, Weights, number};

pub(super) type Point = (f64, Option<f64>);

pub(super) struct Plot<'a> {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) phases: Vec<Span<'a>>,
    pub(super) lanes: Vec<(&'a str, Content<'a>)>,
    pub(super) notes: Vec<String>,
}

pub(super) enum Content<'a> {
    States(Vec<Span<'a>>),
    Marks(Vec<Instant<'a>>),
    Series(Curves<'a>),
    Weights(Shares<'a>),
}

#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) label: &'a str,
    pub(super) tone: Tone,
}

#[derive(Clone, Copy)]
pub(super) struct Instant<'a> {
    pub(super) at: f64,
    pub(super) label: &'a str,
    pub(super) tone: Tone,
}

pub(super) struct Curves<'a> {
    pub(super) unit: &'a str,
    pub(super) lines: Vec<(&'a str, Vec<Point>)>,
    pub(super) expected: Vec<Point>,
    pub(super) band: Vec<(f64, Option<(f64, f64)>)>,
    pub(super) thresholds: Vec<(f64, &'a str)>,
    pub(super) include: &'a [f64],
    /// Points of the first line outside of the band.
    pub(super) outside: Vec<(f64, f64)>,
}

pub(super) struct Shares<'a> {
    pub(super) parts: &'a [String],
    /// Start, end, and each part's share from 0 to 1; none where nothing has a weight.
    pub(super) steps: Vec<(f64, f64, Option<Vec<f64>>)>,
}

/// Counts what a lane had to leave out.
#[derive(Default)]
struct Dropped {
    unsound: usize,
    outside: usize,
}

impl<'a> Plot<'a> {
    pub(super) fn of(timeline: &'a Timeline) -> Self {
        let (from, to) = axis(timeline);
        let mut notes = Vec::new();
        let mut dropped = Dropped::default();
        let phases = spans(timeline.phases.iter().map(|p| &p.interval), from, to, &mut dropped);
        dropped.tell("phases", &mut notes);
        let mut lanes = Vec::with_capacity(timeline.lanes.len());
        for lane in &timeline.lanes {
            let mut dropped = Dropped::default();
            let content = match lane {
                Lane::States(States { intervals, .. }) => {
                    Content::States(spans(intervals, from, to, &mut dropped))
                }
                Lane::Marks(marks) => Content::Marks(instants(marks, from, to, &mut dropped)),
                Lane::Series(series) => Content::Series(curves(series, from, to, &mut dropped)),
                Lane::Weights(weights) => Content::Weights(shares(weights, from, to, &mut dropped)),
            };
            dropped.tell(lane.name(), &mut notes);
            lanes.push((lane.name(), content));
        }
        Self { from, to, phases, lanes, notes }
    }
}

impl Dropped {
    fn tell(&self, name: &str, notes: &mut Vec<String>) {
        if self.unsound > 0 {
            let n = number::count(self.unsound);
            notes.push(format!(
                "{name}: {n} left out, because a time or value is not a number or an end lies before its start."
            ));
        }
        if self.outside > 0 {
            let n = number::count(self.outside);
            notes.push(format!("{name}: {n} outside of the time shown."));
        }
    }

    /// Whether `at` can be drawn; counts it if not.
    fn admit(&mut self, at: Seconds, from: f64, to: f64) -> Option<f64> {
        let Some(at) = at.get() else {
            self.unsound += 1;
            return None;
        };
        if at < from || at > to {
            self.outside += 1;
            return None;
        }
        Some(at)
    }
}

/// The span that was asked for, or one that holds everything; never empty.
fn axis(timeline: &Timeline) -> (f64, f64) {
    if let Some((from, to)) = timeline.span.and_then(|(from, to)| from.get().zip(to.get())) {
        if from < to {
            return (from, to);
        }
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut see = |at: f64| {
        low = low.min(at);
        high = high.max(at);
    };
    let phases = timeline.phases.iter().map(|phase| &phase.interval);
    let states = timeline.lanes.iter().filter_map(|lane| match lane {
        Lane::States(lane) => Some(&lane.intervals),
        Lane::Marks(_) | Lane::Series(_) | Lane::Weights(_) => None,
    });
    for (from, to) in phases.chain(states.flatten()).filter_map(Interval::bounds) {
        see(from);
        see(to);
    }
    let mut see_all = |times: &mut dyn Iterator<Item = Seconds>| {
        times.filter_map(Seconds::get).for_each(&mut see);
    };
    for lane in &timeline.lanes {
        match lane {
            Lane::States(_) => {}
            Lane::Marks(lane) => see_all(&mut lane.marks.iter().map(|mark| mark.at)),
            Lane::Series(lane) => {
                let points = lane.lines.iter().flat_map(|line| &line.points).chain(&lane.expected);
                see_all(&mut points.map(|(at, _)| *at));
                see_all(&mut lane.band.iter().map(|(at, _)| *at));
            }
            Lane::Weights(lane) => see_all(&mut lane.steps.iter().map(|(at, _)| *at)),
        }
    }
    if low > high {
        return (0.0, 1.0);
    }
    // One moment still needs a width; a second, or more where a second is too little to be told.
    let width = 1.0_f64.max(low.abs() * 1e-9);
    if high - low < width * 1e-9 { (low, low + width) } else { (low, high) }
}

fn spans<'a>(
    intervals: impl IntoIterator<Item = &'a Interval>,
    from: f64,
    to: f64,
    dropped: &mut Dropped,
) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    for interval in intervals {
        match interval.bounds() {
            None => dropped.unsound += 1,
            Some((start, end)) if end < from || start > to => dropped.outside += 1,
            Some((start, end)) => spans.push(Span {
                from: start.max(from),
                to: end.min(to),
                label: &interval.label,
                tone: interval.tone,
            }),
        }
    }
    spans.sort_by(|a, b| a.from.total_cmp(&b.from));
    spans
}

fn instants<'a>(lane: &'a Marks, from: f64, to: f64, dropped: &mut Dropped) -> Vec<Instant<'a>> {
    let mut instants: Vec<_> = lane
        .marks
        .iter()
        .filter_map(|mark| {
            let at = dropped.admit(mark.at, from, to)?;
            Some(Instant { at, label: &mark.label, tone: mark.tone })
        })
        .collect();
    instants.sort_by(|a, b| a.at.total_cmp(&b.at));
    instants
}

/// Beyond this the difference of two values could overflow.
fn bounded(value: f64) -> f64 {
    value.clamp(-1e300, 1e300)
}

fn points<T: Copy, U>(
    given: &[(Seconds, Option<T>)],
    from: f64,
    to: f64,
    dropped: &mut Dropped,
    sound: impl Fn(T) -> Option<U>,
) -> Vec<(f64, Option<U>)> {
    let mut points: Vec<_> = given
        .iter()
        .filter_map(|(at, value)| Some((dropped.admit(*at, from, to)?, value.and_then(&sound))))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn curves<'a>(lane: &'a Series, from: f64, to: f64, dropped: &mut Dropped) -> Curves<'a> {
    let sound = |value: f64| value.is_finite().then(|| bounded(value));
    let lines: Vec<_> = lane
        .lines
        .iter()
        .map(|line| (line.name.as_str(), points(&line.points, from, to, dropped, sound)))
        .collect();
    let expected = points(&lane.expected, from, to, dropped, sound);
    let band = points(&lane.band, from, to, dropped, |(lower, upper)| {
        (lower.is_finite() && upper.is_finite() && lower <= upper)
            .then(|| (bounded(lower), bounded(upper)))
    });
    let mut thresholds = Vec::new();
    for (value, label) in &lane.thresholds {
        match sound(*value) {
            Some(value) => thresholds.push((value, label.as_str())),
            None => dropped.unsound += 1,
        }
    }
    let outside = lines.first().map_or_else(Vec::new, |(_, line)| outside(line, &band));
    let (unit, include) = (lane.unit.as_str(), lane.include.as_slice());
    Curves { unit, lines, expected, band, thresholds, include, outside }
}

/// The points that lie outside of the band, which runs straight between its own points.
fn outside(line: &[Point], band: &[(f64, Option<(f64, f64)>)]) -> Vec<(f64, f64)> {
    let mut next = 0;
    let mut outside = Vec::new();
    for &(at, value) in line {
        let Some(value) = value else { continue };
        while band.get(next).is_some_and(|(t, _)| *t < at) {
            next += 1;
        }
        let Some(&(after, Some((upper_low, upper_high)))) = band.get(next) else { continue };
        let before = if after > at { next.checked_sub(1).and_then(|i| band.get(i)) } else { None };
        let (low, high) = match before {
            Some(&(before, Some((low, high)))) => {
                let share = (at - before) / (after - before);
                (low + (upper_low - low) * share, high + (upper_high - high) * share)
            }
            // Exactly on a point of the band; between a gap and a point nothing was expected.
            _ if after <= at => (upper_low, upper_high),
            _ => continue,
        };
        if value < low || value > high {
            outside.push((at, value));
        }
    }
    outside
}

fn shares<'a>(lane: &'a Weights, from: f64, to: f64, dropped: &mut Dropped) -> Shares<'a> {
    let mut starts = Vec::with_capacity(lane.steps.len());
    for (at, weights) in &lane.steps {
        match at.get() {
            None => dropped.unsound += 1,
            Some(at) => starts.push((at, weights)),
        }
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends: Vec<f64> = starts.iter().skip(1).map(|(at, _)| *at).chain([to]).collect();
    let steps = starts
        .into_iter()
        .zip(ends)
        .filter(|((start, _), end)| *start <= to && *end >= from && *start <= *end)
        .map(|((start, weights), end)| {
            (start.max(from), end.min(to), normalised(weights, lane.parts.len()))
        })
        .collect();
    Shares { parts: &lane.parts, steps }
}

fn normalised(weights: &[Option<f64>], parts: usize) -> Option<Vec<f64>> {
    let weight = |i| {
        let weight: Option<f64> = weights.get(i).copied().flatten();
        weight.filter(|w| w.is_finite() && *w > 0.0).map_or(0.0, bounded)
    };
    let largest = (0..parts).map(weight).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    // Scaled before they are added, so that no sum overflows.
    let total: f64 = (0..parts).map(|i| weight(i) / largest).sum();
    Some((0..parts).map(|i| weight(i) / largest / total).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Line, Phase};

    fn curves_of(series: Series) -> (Vec<(f64, f64)>, Vec<String>) {
        let timeline = Timeline::new("t").lane(series);
        let mut plot = Plot::of(&timeline);
        let Some((_, Content::Series(curves))) = plot.lanes.pop() else { panic!("no series") };
        (curves.outside, plot.notes)
    }

    #[test]
    fn a_band_runs_straight_between_its_points_and_stops_at_gaps() {
        let series = Series::new("s")
            .line(Line::new("l").points([
                (0.0, 5.1),
                (1.0, 7.4),
                (1.5, 7.8),
                (2.0, 10.0),
                (3.0, 99.0),
                (9.0, 9.0),
            ]))
            .band([(0.0, 0.0, 5.0), (2.0, 0.0, 10.0), (4.0, 1.0, 0.0)]);
        assert_eq!(curves_of(series).0, [(0.0, 5.1)]);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let timeline =
            Timeline::new("t").span(0.0, 10.0).phase(Phase::new(5.0, 1.0, "backwards")).lane(
                States::new("s")
                    .state(f64::NAN, 2.0, "x", Tone::Bad)
                    .state(20.0, 30.0, "y", Tone::Bad)
                    .state(-5.0, 30.0, "z", Tone::Bad),
            );
        let plot = Plot::of(&timeline);
        assert!(plot.phases.is_empty());
        let Content::States(spans) = &plot.lanes[0].1 else { panic!("no states") };
        assert_eq!((spans.len(), spans[0].from, spans[0].to), (1, 0.0, 10.0));
        assert_eq!(plot.notes.len(), 3, "{:?}", plot.notes);
    }

    #[test]
    fn an_axis_is_never_empty_or_backwards() {
        let moment = |at: f64| Timeline::new("t").lane(Marks::new("m").mark(at, "x", Tone::Info));
        for timeline in [
            Timeline::new("t"),
            moment(0.0),
            moment(1e300),
            moment(f64::NAN),
            moment(3.0).span(5.0, 5.0),
            moment(3.0).span(f64::NAN, 5.0),
        ] {
            let plot = Plot::of(&timeline);
            assert!(plot.from < plot.to && (plot.to - plot.from).is_finite(), "{timeline:?}");
        }
    }

    #[test]
    fn weights_become_shares_of_their_sum() {
        let total = |weights: &[Option<f64>]| {
            normalised(weights, 2).map(|shares| (shares[0] * 100.0, shares[1] * 100.0))
        };
        assert_eq!(total(&[Some(3.0), Some(1.0)]), Some((75.0, 25.0)));
        assert_eq!(total(&[Some(1e308), Some(1e308)]), Some((50.0, 50.0)));
        assert_eq!(total(&[Some(-1.0), None]), None);
        assert_eq!(total(&[]), None);
    }
}
