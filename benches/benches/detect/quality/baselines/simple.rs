//! Rules of a line.

use std::collections::BTreeMap;
use std::time::Duration;

use rely_core::Instant;

use super::Baseline;
use super::past::Past;

const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many times the average of the last week: the operator's classic.
pub(super) struct WeeklyAverage(Past);

impl Default for WeeklyAverage {
    fn default() -> Self {
        Self(Past::new(WEEK))
    }
}

impl Baseline for WeeklyAverage {
    fn score(&mut self, at: Instant, value: f64) -> f64 {
        let usual = self.0.moments();
        self.0.push(at, value);
        usual.map_or(0.0, |(mean, _)| ratio(value, mean))
    }
}

/// How many times the average at the same time of the past four weeks, or a tenth of the average of the
/// last week if that is more: at night there may be next to nothing.
pub(super) struct SameTime {
    values: BTreeMap<Instant, f64>,
    week: Past,
}

impl Default for SameTime {
    fn default() -> Self {
        Self { values: BTreeMap::new(), week: Past::new(WEEK) }
    }
}

impl Baseline for SameTime {
    fn score(&mut self, at: Instant, value: f64) -> f64 {
        let week = u64::try_from(WEEK.as_nanos()).unwrap_or(u64::MAX);
        let before = |weeks: u64| at.as_nanos().checked_sub(weeks * week).map(Instant::from_nanos);
        let known = (1..=4).filter_map(|weeks| self.values.get(&before(weeks)?).copied());
        let known: Vec<f64> = known.collect();
        let floor = self.week.moments().map_or(0.0, |(mean, _)| 0.1 * mean);
        self.values.insert(at, value);
        self.week.push(at, value);
        if known.is_empty() {
            return 0.0;
        }
        ratio(value, floor.max(known.iter().sum::<f64>() / known.len() as f64))
    }
}

/// How many times as much; where nothing is usual, anything is a lot.
fn ratio(value: f64, usual: f64) -> f64 {
    if value <= 0.0 { 0.0 } else { value / usual.max(1e-9) }
}

/// How many standard deviations of the last day from its mean.
pub(super) struct DayDeviation(Past);

impl Default for DayDeviation {
    fn default() -> Self {
        Self(Past::new(DAY))
    }
}

impl Baseline for DayDeviation {
    fn score(&mut self, at: Instant, value: f64) -> f64 {
        let usual = self.0.moments();
        self.0.push(at, value);
        usual.map_or(0.0, |(mean, deviation)| (value - mean).abs() / deviation.max(1e-9))
    }
}

/// How many exponentially weighted standard deviations from the weighted mean, 0.05 for the newest.
#[derive(Default)]
pub(super) struct EwmaZ(Option<(f64, f64)>);

impl Baseline for EwmaZ {
    fn score(&mut self, _: Instant, value: f64) -> f64 {
        const NEWEST: f64 = 0.05;
        let (mean, variance) = *self.0.get_or_insert((value, 0.0));
        let off = value - mean;
        let next = (1.0 - NEWEST) * (variance + NEWEST * off * off);
        self.0 = Some((mean + NEWEST * off, next));
        off.abs() / variance.sqrt().max(1e-9)
    }
}
