//! Rows flagged one after the other, and what has come of it.

use std::collections::BTreeSet;

use super::{Judged, Rules};

/// A row that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) score: f64,
    /// Which series, and which row of it.
    pub(super) series: usize,
    pub(super) row: usize,
    /// The event that it would find, if any.
    pub(super) event: Option<usize>,
}

/// The rows of a series that count, and how many events it has. Late rows of an event are none.
pub(super) fn rows(
    judged: &Judged,
    rules: &Rules,
    series: usize,
    events: usize,
) -> (Vec<Row>, usize) {
    let (skip, delay) = (rules.skipped(judged), rules.delay(judged));
    let scored = judged.labels().filter(|label| label.start >= skip).count();
    let mut labels = judged.labels().peekable();
    let mut event = events;
    let mut rows = Vec::new();
    for (row, &score) in judged.scores().iter().enumerate() {
        if let Some(passed) = labels.next_if(|label| label.end <= row) {
            event += usize::from(passed.start >= skip);
        }
        let within = labels.peek().filter(|label| label.contains(&row));
        let counts = within.is_none_or(|label| label.start >= skip && row - label.start <= delay);
        if row >= skip && counts && !score.is_nan() {
            // Finite, so that an infinite threshold flags nothing.
            let score = score.clamp(f64::MIN, f64::MAX);
            rows.push(Row { score, series, row, event: within.map(|_| event) });
        }
    }
    (rows, scored)
}

/// What has been flagged so far.
#[derive(Debug)]
pub(super) struct Flagged {
    join: usize,
    is_found: Vec<bool>,
    false_rows: Vec<BTreeSet<usize>>,
    pub(super) found: usize,
    pub(super) false_episodes: usize,
    pub(super) false_row_count: usize,
}

impl Flagged {
    pub(super) fn new(join: usize, series: usize, events: usize) -> Self {
        Self {
            join,
            is_found: vec![false; events],
            false_rows: vec![BTreeSet::new(); series],
            found: 0,
            false_episodes: 0,
            false_row_count: 0,
        }
    }

    pub(super) fn flag(&mut self, row: &Row) {
        if let Some(event) = row.event {
            let before = core::mem::replace(&mut self.is_found[event], true);
            self.found += usize::from(!before);
            return;
        }
        // Between two flagged rows the new one may begin an episode, lengthen one, or join two.
        let rows = &mut self.false_rows[row.series];
        let before = rows.range(..row.row).next_back().copied();
        let after = rows.range(row.row + 1..).next().copied();
        let joins =
            |a: Option<usize>, b: Option<usize>| a.zip(b).is_some_and(|(a, b)| b - a <= self.join);
        let new = Some(row.row);
        self.false_episodes += 1 + usize::from(joins(before, after));
        self.false_episodes -= usize::from(joins(before, new)) + usize::from(joins(new, after));
        self.false_row_count += 1;
        rows.insert(row.row);
    }
}
