//! The score of the Numenta Anomaly Benchmark, version 1.1.
//!
//! A. Lavin, S. Ahmad: "Evaluating Real-time Anomaly Detection Algorithms – the Numenta Anomaly
//! Benchmark", ICMLA 2015. Labels are windows around an anomaly:
//!
//! * The first rows of a series, the [probation], are never scored.
//! * In a window only the earliest flagged row earns, the more the earlier: a sigmoid that falls from 1
//!   at the window's beginning to 0 at its end. Its weight is [`Profile::found`].
//! * A window without a flagged row costs [`Profile::missed`].
//! * Each flagged row outside of all windows costs [`Profile::false_row`], less shortly after a window,
//!   by the same sigmoid.
//! * One threshold holds for all series. 0 is what flagging nothing gets, 100 a flag at the very
//!   beginning of each window and nowhere else.
//!
//! ```
//! use rely_core::Instant;
//! use rely_detect::evaluate::{Judged, nab};
//!
//! let mut judged = Judged::new("cpu");
//! for second in 0..1_000_u64 {
//!     let score = if second == 600 { 5.0 } else { 1.0 };
//!     judged.push(Instant::from_nanos(second * 1_000_000_000), score);
//! }
//! judged.label(590..640);
//! let scorer = nab::Scorer::new([&judged]);
//! let best = scorer.best(nab::Profile::STANDARD);
//! assert!(best.threshold == 5.0 && (95.0..100.0).contains(&best.points()));
//! assert_eq!(scorer.at(nab::Profile::STANDARD, 9.0).points(), 0.0);
//! ```

mod rows;

use std::collections::BTreeMap;

use self::rows::{Place, Row, place};
use super::Judged;

/// How many rows at the beginning of a series of so many are not scored: 15 %, at most 750.
///
/// What the benchmark calls the probationary period. A detector may know this number.
#[must_use]
pub const fn probation(rows: usize) -> usize {
    // In whole numbers: no rounding differs from that of the benchmark's own floor.
    let share = rows / 20 * 3 + rows % 20 * 3 / 20;
    if share < 750 { share } else { 750 }
}

/// What a find, a false row and a miss weigh.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The benchmark's name for it.
    pub name: &'static str,
    /// What a window flagged at its very beginning earns.
    pub found: f64,
    /// What a flagged row outside of the windows costs.
    pub false_row: f64,
    /// What a missed window costs.
    pub missed: f64,
}

impl Profile {
    /// Finds and misses weigh the same, a false row about a ninth of them.
    pub const STANDARD: Self = Self::of("standard", 0.11, 1.0);
    /// False rows cost twice as much.
    pub const LOW_FALSE_POSITIVES: Self = Self::of("reward_low_FP_rate", 0.22, 1.0);
    /// Misses cost twice as much.
    pub const LOW_FALSE_NEGATIVES: Self = Self::of("reward_low_FN_rate", 0.11, 2.0);
    /// The three of the benchmark.
    pub const ALL: [Self; 3] =
        [Self::STANDARD, Self::LOW_FALSE_POSITIVES, Self::LOW_FALSE_NEGATIVES];

    const fn of(name: &'static str, false_row: f64, missed: f64) -> Self {
        Self { name, found: 1.0, false_row, missed }
    }
}

/// What flagging every row with at least `threshold` is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Score {
    /// From which score on a row is flagged; infinite if none is.
    pub threshold: f64,
    /// The sum of what was earned and what it cost, as the benchmark's own files have it.
    pub raw: f64,
    /// How many windows have a flagged row.
    pub found: usize,
    /// How many windows there are.
    pub windows: usize,
    /// How many rows outside of the windows were flagged.
    pub false_rows: usize,
    profile: Profile,
}

impl Score {
    const fn nothing_flagged(profile: Profile, windows: usize) -> Self {
        let raw = -profile.missed * windows as f64;
        Self { threshold: f64::INFINITY, raw, found: 0, windows, false_rows: 0, profile }
    }

    /// The score as it is quoted: 0 for flagging nothing, 100 for perfection, and below 0 for worse
    /// than nothing. Without any window it is 0.
    #[must_use]
    pub fn points(&self) -> f64 {
        let windows = self.windows as f64;
        let (worst, best) = (-self.profile.missed * windows, self.profile.found * windows);
        if self.windows == 0 { 0.0 } else { 100.0 * (self.raw - worst) / (best - worst) }
    }

    /// The score over the series of both; the threshold is that of `self`.
    fn and(mut self, other: &Self) -> Self {
        self.raw += other.raw;
        self.found += other.found;
        self.windows += other.windows;
        self.false_rows += other.false_rows;
        self
    }
}

/// Scores series together, under one threshold.
#[derive(Clone, Debug)]
pub struct Scorer {
    /// From the highest score down.
    rows: Vec<Row>,
    /// The group of each window.
    windows: Vec<u32>,
    /// The number of each group.
    groups: BTreeMap<String, u32>,
}

impl Scorer {
    /// Takes in the series, with their windows as labels.
    pub fn new<'a>(series: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut scorer = Self { rows: Vec::new(), windows: Vec::new(), groups: BTreeMap::new() };
        for judged in series {
            let next = u32::try_from(scorer.groups.len()).unwrap_or(u32::MAX);
            let group = *scorer.groups.entry(judged.group().to_owned()).or_insert(next);
            let first = scorer.windows.len();
            scorer.windows.extend(judged.labels().map(|_| group));
            let rows = place(judged).map(|(score, place)| Row { score, group, place });
            scorer.rows.extend(rows.map(|row| row.after(first)));
        }
        scorer.rows.sort_by(|a, b| b.score.total_cmp(&a.score));
        scorer
    }

    /// What a threshold is worth: a row with exactly this score is flagged.
    #[must_use]
    pub fn at(&self, profile: Profile, threshold: f64) -> Score {
        self.score_of(profile, threshold, |_| true)
    }

    /// The threshold that is worth most, chosen on these very labels. Of equals the highest.
    #[must_use]
    pub fn best(&self, profile: Profile) -> Score {
        self.best_of(profile, |_| true)
    }

    /// Each group at the threshold that is best on all others, and all of them together.
    ///
    /// It says what to expect of a threshold on series of a kind that it was not chosen on. The
    /// threshold of the sum means nothing and is infinite.
    #[must_use]
    pub fn left_out(&self, profile: Profile) -> (Score, Vec<(&str, Score)>) {
        let mut groups = Vec::with_capacity(self.groups.len());
        for (name, group) in &self.groups {
            let threshold = self.best_of(profile, |other| other != *group).threshold;
            let score = self.score_of(profile, threshold, |other| other == *group);
            groups.push((name.as_str(), score));
        }
        let none = Score::nothing_flagged(profile, 0);
        (groups.iter().fold(none, |sum, (_, score)| sum.and(score)), groups)
    }

    /// What a threshold is worth in each group.
    #[must_use]
    pub fn by_group(&self, profile: Profile, threshold: f64) -> Vec<(&str, Score)> {
        let score = |group: u32| self.score_of(profile, threshold, |other| other == group);
        self.groups.iter().map(|(name, group)| (name.as_str(), score(*group))).collect()
    }

    fn score_of(&self, profile: Profile, threshold: f64, wanted: impl Fn(u32) -> bool) -> Score {
        let mut sweep = Sweep::new(self, profile, &wanted);
        let flagged = self.rows.iter().take_while(|row| row.score >= threshold);
        flagged.filter(|row| wanted(row.group)).for_each(|row| sweep.flag(row));
        Score { threshold, ..sweep.score }
    }

    fn best_of(&self, profile: Profile, wanted: impl Fn(u32) -> bool) -> Score {
        let mut sweep = Sweep::new(self, profile, &wanted);
        let mut best = sweep.score;
        let mut rows = self.rows.iter().filter(|row| wanted(row.group)).peekable();
        while let Some(row) = rows.next() {
            sweep.flag(row);
            // Rows with the same score are flagged together or not at all.
            let is_last = rows.peek().is_none_or(|next| next.score < row.score);
            if is_last && sweep.score.raw > best.raw {
                best = Score { threshold: row.score, ..sweep.score };
            }
        }
        best
    }
}

/// Rows flagged one after the other.
struct Sweep {
    score: Score,
    /// What each window has earned so far.
    earned: Vec<Option<f64>>,
}

impl Sweep {
    fn new(scorer: &Scorer, profile: Profile, wanted: impl Fn(u32) -> bool) -> Self {
        let windows = scorer.windows.iter().filter(|group| wanted(**group)).count();
        let score = Score::nothing_flagged(profile, windows);
        Self { score, earned: vec![None; scorer.windows.len()] }
    }

    fn flag(&mut self, row: &Row) {
        let profile = self.score.profile;
        match row.place {
            Place::Outside { cost } => {
                self.score.raw -= cost * profile.false_row;
                self.score.false_rows += 1;
            }
            Place::Within { window, worth } => {
                let earned = &mut self.earned[window];
                let before = earned.unwrap_or(-profile.missed);
                let after = (worth * profile.found).max(earned.unwrap_or(f64::NEG_INFINITY));
                self.score.found += usize::from(earned.is_none());
                self.score.raw += after - before;
                *earned = Some(after);
            }
        }
    }
}

#[cfg(test)]
mod tests;
