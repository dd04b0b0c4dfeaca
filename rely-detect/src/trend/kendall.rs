use core::fmt;

use statrs::function::erf;

/// What the Mann-Kendall test says: whether values keep rising or falling, whatever the shape.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct MannKendall {
    /// Pairs that rise less pairs that fall (Kendall's S).
    pub s: i64,
    /// What S varies by where there is no trend.
    pub variance: f64,
    /// S in standard deviations, with Kendall's correction by one for continuity.
    pub z: f64,
    /// How often as strong a trend, up or down, comes about by chance.
    pub p_value: f64,
}

impl MannKendall {
    pub(super) fn new(s: i64, variance: f64) -> Self {
        let shifted = (s - s.signum()) as f64;
        let z = if variance > 0.0 { shifted / variance.sqrt() } else { 0.0 };
        Self { s, variance, z, p_value: erf::erfc(z.abs() / core::f64::consts::SQRT_2).min(1.0) }
    }

    /// How often as strong a rise comes about by chance.
    #[must_use]
    pub fn p_rising(&self) -> f64 {
        0.5 * erf::erfc(self.z / core::f64::consts::SQRT_2)
    }

    /// The same test where neighbours resemble each other, so that `factor` values, at least one, say
    /// as much as a single one would.
    #[must_use]
    pub fn inflated(self, factor: f64) -> Self {
        Self::new(self.s, self.variance * factor.max(1.0))
    }
}

impl fmt::Display for MannKendall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.s {
            0 => "no trend",
            1.. => "rising",
            _ => "falling",
        };
        write!(f, "{word}, z {:.2}, p {:.1e}", self.z, self.p_value)
    }
}

/// The Mann-Kendall test of `values` in the order of time, corrected for ties (H. B. Mann 1945; M. G.
/// Kendall: "Rank Correlation Methods", 1975). Values that are not numbers are left out.
///
/// The p-value is that of the normal approximation, good from about eight values on.
///
/// ```
/// let test = rely_detect::trend::mann_kendall(&[1.0, 2.0, 2.0, 3.0, 5.0, 4.0, 6.0, 8.0]);
/// assert_eq!(test.s, 25);
/// assert!(test.p_value < 0.005);
/// ```
#[must_use]
pub fn mann_kendall(values: &[f64]) -> MannKendall {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    MannKendall::new(score(&values), variance(&values))
}

/// The test with its variance corrected for autocorrelation by the method of Hamed and Rao ("A modified
/// Mann-Kendall trend test for autocorrelated data", Journal of Hydrology 204, 1998): from the ranks of
/// the values less their Theil-Sen trend. Correlation counts up to the lag where it ends, rather than
/// where it is significant on its own: of short series hardly any is.
///
/// ```
/// use rely_detect::trend::{mann_kendall, mann_kendall_autocorrelated};
///
/// // Once around a slow wave; that is no trend.
/// let wave: Vec<f64> = (0..40).map(|n| (f64::from(n) / 6.3).sin()).collect();
/// assert!(mann_kendall(&wave).p_value < 0.01);
/// assert!(mann_kendall_autocorrelated(&wave).p_value > 0.05);
/// ```
#[must_use]
pub fn mann_kendall_autocorrelated(values: &[f64]) -> MannKendall {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let points: Vec<(f64, f64)> = values.iter().enumerate().map(|(n, v)| (n as f64, *v)).collect();
    MannKendall::new(score(&values), variance(&values)).inflated(inflation(&points))
}

/// Pairs that rise less pairs that fall.
fn score(values: &[f64]) -> i64 {
    let mut score = 0;
    for (n, late) in values.iter().enumerate() {
        score += values[..n].iter().map(|early| sign(*early, *late)).sum::<i64>();
    }
    score
}

pub(super) fn sign(early: f64, late: f64) -> i64 {
    i64::from(late > early) - i64::from(late < early)
}

/// n(n−1)(2n+5)/18, less the same of each group of equal values.
pub(super) fn variance(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let term = |n: usize| n as f64 * (n as f64 - 1.0) * (2.0 * n as f64 + 5.0) / 18.0;
    let ties = sorted.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|group| term(group.len()));
    (term(values.len()) - ties.sum::<f64>()).max(0.0)
}

/// How much autocorrelation raises the variance of S, at least one; points are (time, value).
pub(super) fn inflation(points: &[(f64, f64)]) -> f64 {
    let n = points.len();
    let Some(trend) = super::sen::theil_sen(points).filter(|_| n >= 8) else { return 1.0 };
    let flat: Vec<f64> = points.iter().map(|(at, value)| value - trend.slope * at).collect();
    let ranks = ranks(&flat);
    let mean = (n as f64 + 1.0) / 2.0;
    let spread: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    if spread <= 0.0 {
        return 1.0;
    }
    let count = n as f64;
    // Weights fall with the third power of what is left, so the last lags say nothing.
    let sum: f64 = (1..n - 2)
        .map(|lag| {
            let along = ranks.iter().zip(&ranks[lag..]);
            let sum: f64 = along.map(|(a, b)| (a - mean) * (b - mean)).sum();
            (lag as f64, sum / spread)
        })
        .take_while(|(_, correlation)| *correlation > 0.0)
        .map(|(lag, correlation)| {
            (count - lag) * (count - lag - 1.0) * (count - lag - 2.0) * correlation
        })
        .sum();
    (1.0 + 2.0 * sum / (count * (count - 1.0) * (count - 2.0))).max(1.0)
}

/// The rank of each value from one, equal ones sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for group in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        let rank = below as f64 + (group.len() as f64 + 1.0) / 2.0;
        group.iter().for_each(|place| ranks[*place] = rank);
        below += group.len();
    }
    ranks
}
