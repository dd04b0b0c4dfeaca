//! Incidents found in time, and false episodes: what somebody on call would feel.
//!
//! * An **event** is a label. It is found if one of its first rows is flagged: the first eight where
//!   the usual step is up to five minutes, else the first four (`Rules::delay`). It counts once,
//!   however long it is. Later flags within an event are neither good nor bad.
//! * A **false episode** is a run of flagged rows outside of all labels, at most ten rows from one to
//!   the next ([`Rules::join`]): a hundred flags in a row call nobody a hundred times.
//! * The first 15 % of each series are not scored: there detectors learn. An event that begins there is
//!   left out, and its rows are.
//! * One threshold holds for all series.
//!
//! A threshold so low that the alarm is hardly ever off makes few false episodes, for they run into one
//! another, and finds everything: to flag every row would be the best that can be done. Such thresholds
//! are out: the [curve](Curve) ends where more than 10 % of the rows outside of the labels are flagged
//! ([`Rules::flagged_percent`]). A false episode of two rows a day stays within that even where a row is
//! an hour.

mod curve;
mod halves;
mod state;

pub use curve::{Curve, Outcome};
pub use halves::{Swapped, is_odd, swapped};

use core::time::Duration;

use super::Judged;

/// What counts as found, and as one episode.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rules {
    /// So many rows after its first an event may still be found; by default 7 where the usual step is
    /// up to five minutes, else 3.
    pub delay: Option<usize>,
    /// False flags at most so many rows apart are one episode; 10 by default.
    pub join: usize,
    /// So many hundredths of each series, from its beginning, are not scored; 15 by default.
    pub skip_percent: u8,
    /// So many hundredths of the rows outside of the labels, all series together, may be flagged; 10 by
    /// default, 100 for no limit.
    pub flagged_percent: u8,
}

impl Default for Rules {
    fn default() -> Self {
        Self { delay: None, join: 10, skip_percent: 15, flagged_percent: 10 }
    }
}

impl Rules {
    fn delay(&self, judged: &Judged) -> usize {
        let often = judged.step() <= Duration::from_secs(300);
        self.delay.unwrap_or(if often { 7 } else { 3 })
    }

    fn skipped(&self, judged: &Judged) -> usize {
        let share = usize::from(self.skip_percent.min(100));
        judged.len() / 100 * share + judged.len() % 100 * share / 100
    }
}

#[cfg(test)]
mod tests;
