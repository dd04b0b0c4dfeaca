//! What both scorers read.

use core::ops::Range;
use core::time::Duration;

use rely_core::Instant;

/// A labelled series, and what a detector said about each of its samples.
///
/// A row is a sample, in the order in which they came. A score that is not a number is never flagged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    name: String,
    group: String,
    at: Vec<Instant>,
    scores: Vec<f64>,
    labels: Vec<Range<usize>>,
}

impl Judged {
    /// A series without rows. The name decides in which half [`events::swapped`](super::events::swapped)
    /// puts it.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Puts the series into a group, such as the kind of service; by default it is in the group "".
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// Adds a row: when it was, and how unusual the detector found it.
    pub fn push(&mut self, at: Instant, score: f64) {
        self.at.push(at);
        self.scores.push(score);
    }

    /// Says that something was wrong in these rows. One that begins within an earlier label begins
    /// where that ends; an empty one is none.
    pub fn label(&mut self, rows: Range<usize>) {
        self.labels.push(rows);
        self.tidy();
    }

    fn tidy(&mut self) {
        self.labels.sort_by_key(|label| (label.start, label.end));
        let mut end = 0;
        for label in &mut self.labels {
            label.start = label.start.max(end);
            end = label.end.max(end);
        }
        self.labels.retain(|label| !label.is_empty());
    }

    /// The same for the rows from the first at or after `from` to the last at or before `to`.
    pub fn label_between(&mut self, from: Instant, to: Instant) {
        let first = self.at.iter().position(|at| *at >= from);
        let last = self.at.iter().rposition(|at| *at <= to);
        if let Some((first, last)) = first.zip(last) {
            self.label(first..last + 1);
        }
    }

    /// The same for each run of rows that is marked, the first mark for the first row.
    pub fn label_marked(&mut self, marks: impl IntoIterator<Item = bool>) {
        let mut begin = None;
        for (row, marked) in marks.into_iter().chain([false]).enumerate() {
            match (marked, begin) {
                (true, None) => begin = Some(row),
                (false, Some(first)) => {
                    self.labels.push(first..row);
                    begin = None;
                }
                _ => {}
            }
        }
        self.tidy();
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// The scores, row by row.
    #[must_use]
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Where something was wrong: in order, apart, none empty, all within the rows.
    pub fn labels(&self) -> impl Iterator<Item = Range<usize>> {
        let len = self.len();
        self.labels.iter().map(move |l| l.start..l.end.min(len)).filter(|label| !label.is_empty())
    }

    /// The time that the rows from `first` on cover, each for one usual step.
    pub(super) fn span(&self, first: usize) -> Duration {
        let rows = u32::try_from(self.len().saturating_sub(first)).unwrap_or(u32::MAX);
        self.step().saturating_mul(rows)
    }

    /// The usual time from one row to the next, the median; zero where there is none.
    pub(super) fn step(&self) -> Duration {
        let mut steps: Vec<Duration> =
            self.at.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
        if steps.is_empty() {
            return Duration::ZERO;
        }
        let middle = steps.len() / 2;
        *steps.select_nth_unstable(middle).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(rows: u64) -> Judged {
        let mut judged = Judged::new("minutes");
        (0..rows).for_each(|n| judged.push(Instant::from_nanos(n * 60_000_000_000), 0.0));
        judged
    }

    #[test]
    fn labels_are_kept_in_order_apart_and_within_the_rows() {
        let mut judged = minutes(20);
        for label in [15..40, 3..6, 5..9, 4..5, 12..12, 30..31] {
            judged.label(label);
        }
        assert_eq!(judged.labels().collect::<Vec<_>>(), [3..6, 6..9, 15..20]);
    }

    #[test]
    fn a_label_by_time_holds_both_ends() {
        let at = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
        for (from, to, rows) in
            [(180, 300, Some(3..6)), (150, 330, Some(3..6)), (185, 200, None), (1800, 1860, None)]
        {
            let mut judged = minutes(20);
            judged.label_between(at(from), at(to));
            assert_eq!(judged.labels().next(), rows, "{from} to {to}");
        }
    }

    #[test]
    fn each_run_of_marks_is_a_label() {
        let mut judged = minutes(6);
        judged.label_marked([true, false, true, true, false, true]);
        assert_eq!(judged.labels().collect::<Vec<_>>(), [0..1, 2..4, 5..6]);
    }

    #[test]
    fn the_step_is_the_usual_one_whatever_the_gaps() {
        let mut judged = minutes(10);
        judged.push(Instant::from_nanos(86_400_000_000_000), 0.0);
        assert_eq!(judged.step(), Duration::from_secs(60));
        assert_eq!(judged.span(1), Duration::from_secs(600));
        assert_eq!(Judged::new("none").step(), Duration::ZERO);
    }
}
