//! What each row would earn or cost if it were flagged.

use super::{Judged, probation};

/// A row that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) score: f64,
    pub(super) group: u32,
    pub(super) place: Place,
}

impl Row {
    /// The same, where the windows of other series come first.
    pub(super) const fn after(mut self, windows: usize) -> Self {
        if let Place::Within { window, .. } = &mut self.place {
            *window += windows;
        }
        self
    }
}

/// Where a row lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// In a window: what it earns if it is the earliest, from 0 to 1.
    Within { window: usize, worth: f64 },
    /// In none: what it costs, up to 1.
    Outside { cost: f64 },
}

/// The rows after the probation whose score is a number.
pub(super) fn place(judged: &Judged) -> impl Iterator<Item = (f64, Place)> {
    let mut windows = judged.labels().enumerate().peekable();
    let mut before = None;
    let places = (0..judged.len()).map(move |row| {
        if let Some((_, passed)) = windows.next_if(|(_, window)| window.end <= row) {
            before = Some(passed);
        }
        match (windows.peek(), &before) {
            (Some((number, window)), _) if window.contains(&row) => {
                let to_go = (window.end - row) as f64 / window.len() as f64;
                Place::Within { window: *number, worth: sigmoid(-to_go) / sigmoid(-1.0) }
            }
            (_, None) => Place::Outside { cost: 1.0 },
            (_, Some(window)) => {
                let past = (row - (window.end - 1)) as f64 / (window.len() - 1) as f64;
                Place::Outside { cost: -sigmoid(past) }
            }
        }
    });
    let skip = probation(judged.len());
    let rows = judged.scores().iter().copied().zip(places).skip(skip);
    // Finite, so that an infinite threshold flags nothing.
    let finite = |(score, place): (f64, Place)| (score.clamp(f64::MIN, f64::MAX), place);
    rows.filter(|(score, _)| !score.is_nan()).map(finite)
}

/// The benchmark's weight of a position: 0 is the end of a window, −1 its beginning, 1 as far behind it.
fn sigmoid(position: f64) -> f64 {
    // Three widths past a window nothing is left of its grace.
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}
