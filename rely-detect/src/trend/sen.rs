use super::kendall::MannKendall;

/// A slope that a few wild values cannot move: the median of the slopes of all pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TheilSen {
    /// The slope, in the unit of the values for each unit of time.
    pub slope: f64,
    /// The value at time zero: the median of what the slope leaves of the values.
    pub intercept: f64,
}

impl TheilSen {
    /// The value of the line at a time.
    #[must_use]
    pub fn at(&self, time: f64) -> f64 {
        self.intercept + self.slope * time
    }
}

/// The Theil-Sen line through points (time, value) (P. K. Sen: "Estimates of the Regression Coefficient
/// Based on Kendall's Tau", JASA 63, 1968), or nothing where no two points differ in time. Points that
/// are not numbers are left out.
///
/// ```
/// let line = rely_detect::trend::theil_sen(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0), (3.0, 90.0), (4.0, 9.0)]);
/// assert_eq!(line.map(|line| (line.slope, line.intercept)), Some((2.0, 1.0)));
/// ```
#[must_use]
pub fn theil_sen(points: &[(f64, f64)]) -> Option<TheilSen> {
    let mut slopes = slopes(points);
    let slope = median(&mut slopes)?;
    let sound = points.iter().filter(|(at, value)| at.is_finite() && value.is_finite());
    let mut rest: Vec<f64> = sound.map(|(at, value)| value - slope * at).collect();
    Some(TheilSen { slope, intercept: median(&mut rest)? })
}

/// Between which slopes the true one lies, with `z` standard deviations of the normal distribution (1.96
/// for 95 %), by Sen's ranks among the slopes of all pairs; `test` is that of the same values and brings
/// the variance, corrected for autocorrelation or not.
///
/// Infinite where there are too few points to bound it on a side.
#[must_use]
pub fn sen_interval(points: &[(f64, f64)], test: &MannKendall, z: f64) -> (f64, f64) {
    let mut slopes = slopes(points);
    slopes.sort_unstable_by(f64::total_cmp);
    let (count, reach) = (slopes.len() as f64, z * test.variance.max(0.0).sqrt());
    let rank = |rank: f64, beyond: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least one here, and at most the number of slopes counts"
        )]
        let place = |rank: f64| slopes.get(rank as usize - 1).copied();
        if rank >= 1.0 { place(rank).unwrap_or(beyond) } else { beyond }
    };
    let low = rank(((count - reach) / 2.0).floor(), f64::NEG_INFINITY);
    let high = rank(((count + reach) / 2.0).ceil() + 1.0, f64::INFINITY);
    (low, high)
}

fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let pairs = points.len() * points.len().saturating_sub(1) / 2;
    let mut slopes = Vec::with_capacity(pairs);
    for (n, (at, value)) in points.iter().enumerate() {
        let slope = |(before, early): &(f64, f64)| (value - early) / (at - before);
        slopes.extend(points[..n].iter().map(slope).filter(|slope| slope.is_finite()));
    }
    slopes
}

/// The middle value, or the mean of the two; reorders what it is given.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let even = values.len() % 2 == 0;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().max_by(f64::total_cmp).filter(|_| even);
    // Half of each, as the sum of two large values may be infinite.
    Some(lower.map_or(upper, |lower| 0.5 * lower + 0.5 * upper))
}
