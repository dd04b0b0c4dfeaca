//! Correlation over shifts, and how often chance brings one as strong.

use statrs::function::{erf, gamma};

/// How two series go together when one is shifted against the other.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Correlation {
    /// How far the second series lags behind the first, in steps, at the strongest correlation;
    /// negative where it leads.
    pub shift: i64,
    /// Pearson's coefficient at that shift, from −1 to 1.
    pub coefficient: f64,
    /// The coefficient, raised by up to [`SHIFT_WEIGHT`] where the first series leads and lowered where
    /// it follows: of two candidates alike, the earlier one is the likelier cause.
    pub shifted_coefficient: f64,
    /// Pairs of values that it rests on.
    pub pairs: usize,
    /// How many independent pairs they are worth.
    pub effective_pairs: f64,
    /// How often unrelated series that resemble themselves as much go together as strongly at some
    /// shift.
    pub p_value: f64,
}

/// What leading by the longest shift adds to a coefficient: a twentieth of it, enough to break ties.
pub const SHIFT_WEIGHT: f64 = 0.05;

/// The fewest pairs that a coefficient is computed from.
const FEWEST: usize = 8;

/// The strongest correlation, up or down, of two series over shifts of at most `max_shift` steps either
/// way, or nothing where one never varies or too few values overlap. Of equals the shortest shift.
///
/// Both are on the same fixed grid; not-a-number stands for a gap, whose pairs are left out. Each shift
/// is normalised over the pairs that it has. The effective number of pairs n* follows B. J. Pyper and R.
/// M. Peterman ("Comparison of methods to account for autocorrelation in correlation analyses of fish
/// data", Canadian Journal of Fisheries and Aquatic Sciences 55, 1998) after M. S. Bartlett: 1/n* is 1/n
/// plus 2/n Σ (n−j)/n ρ₁(j)ρ₂(j), over the lags j up to a fifth of n. The p-value is that of Fisher's
/// transformation, not below what the orders of n* values allow, corrected for as many shifts as are
/// independent of each other (Šidák).
///
/// ```
/// let cause: Vec<f64> = (0..200).map(|n| f64::from(n * n % 37)).collect();
/// let mut effect = vec![0.0; 3];
/// effect.extend(cause.iter().map(|cause| 7.0 - 2.0 * cause).take(197));
/// let found = rely_detect::correlate::correlate(&cause, &effect, 10).unwrap();
/// assert_eq!(found.shift, 3);
/// assert!(found.coefficient < -0.99 && found.p_value < 1e-6);
/// ```
#[must_use]
pub fn correlate(first: &[f64], second: &[f64], max_shift: usize) -> Option<Correlation> {
    let length = first.len().min(second.len());
    let (first, second) = (&first[..length], &second[..length]);
    let most = i64::try_from(max_shift.min(length.saturating_sub(FEWEST))).unwrap_or(0);
    // From the shortest on, so that of equals the shortest wins.
    let shifts = (0..=most).flat_map(|shift| [shift, -shift]);
    let mut best: Option<(i64, f64, usize)> = None;
    for shift in shifts {
        let Some((coefficient, pairs)) = at_shift(first, second, shift) else { continue };
        if best.is_none_or(|(_, most, _)| coefficient.abs() > most.abs() + 1e-12) {
            best = Some((shift, coefficient, pairs));
        }
    }
    let (shift, coefficient, pairs) = best?;
    let effective_pairs = effective(first, second, pairs);
    let leads = if most == 0 { 0.0 } else { shift as f64 / most as f64 };
    Some(Correlation {
        shift,
        coefficient,
        shifted_coefficient: coefficient * (1.0 + SHIFT_WEIGHT * leads),
        pairs,
        effective_pairs,
        p_value: p_value(coefficient, effective_pairs, pairs, 2 * most + 1),
    })
}

/// Pearson's coefficient of the first series with the second `shift` steps later.
fn at_shift(first: &[f64], second: &[f64], shift: i64) -> Option<(f64, usize)> {
    let by = usize::try_from(shift.unsigned_abs()).ok()?;
    let (first, second) = if shift >= 0 { (first, &second[by..]) } else { (&first[by..], second) };
    let pairs = || first.iter().zip(second).filter(|(a, b)| a.is_finite() && b.is_finite());
    let (mut count, mut means) = (0_usize, (0.0, 0.0));
    for (a, b) in pairs() {
        count += 1;
        means.0 += (a - means.0) / count as f64;
        means.1 += (b - means.1) / count as f64;
    }
    let (mut along, mut squares) = (0.0, (0.0, 0.0));
    for (a, b) in pairs() {
        let (a, b) = (a - means.0, b - means.1);
        along += a * b;
        squares.0 += a * a;
        squares.1 += b * b;
    }
    // What rounding leaves of a constant is no variation.
    let varies = |squares: f64, mean: f64| squares > count as f64 * (1e-12 * mean).powi(2);
    if count < FEWEST || !varies(squares.0, means.0) || !varies(squares.1, means.1) {
        return None;
    }
    let coefficient = along / (squares.0.sqrt() * squares.1.sqrt());
    coefficient.is_finite().then(|| (coefficient.clamp(-1.0, 1.0), count))
}

/// How many independent pairs so many are worth, between three and all.
fn effective(first: &[f64], second: &[f64], pairs: usize) -> f64 {
    let count = pairs as f64;
    let (one, other) = (Own::of(first), Own::of(second));
    let lags = 1..=pairs / 5;
    let sum: f64 = lags.map(|lag| (count - lag as f64) / count * one.at(lag) * other.at(lag)).sum();
    (count / (1.0 + 2.0 * sum).max(1.0)).clamp(3.0_f64.min(count), count)
}

/// A series against itself.
struct Own {
    centred: Vec<f64>,
    variance: f64,
}

impl Own {
    fn of(series: &[f64]) -> Self {
        let known = || series.iter().filter(|value| value.is_finite());
        let count = known().count().max(1) as f64;
        let mean = known().map(|value| value / count).sum::<f64>();
        // A gap is as good as the mean: it adds nothing.
        let centre = |value: &f64| if value.is_finite() { value - mean } else { 0.0 };
        let centred: Vec<f64> = series.iter().map(centre).collect();
        let variance = centred.iter().map(|value| value * value).sum();
        Self { centred, variance }
    }

    /// Autocorrelation over all that is known, which is drawn to zero by what the shift leaves out.
    fn at(&self, lag: usize) -> f64 {
        let along = self.centred.iter().zip(self.centred.iter().skip(lag));
        let along: f64 = along.map(|(a, b)| a * b).sum();
        if self.variance > 0.0 { along / self.variance } else { 0.0 }
    }
}

fn p_value(coefficient: f64, effective: f64, pairs: usize, shifts: i64) -> f64 {
    if effective <= 3.0 {
        return 1.0;
    }
    // Short of one, or a perfect line would be infinitely far out.
    let z = coefficient.abs().min(1.0 - 1e-12).atanh() * (effective - 3.0).sqrt();
    // So few can be put in order in so few ways, however well they fit.
    let orders = 2.0 * (-gamma::ln_gamma(effective + 1.0)).exp();
    let one = erf::erfc(z / core::f64::consts::SQRT_2).max(orders).min(1.0 - f64::EPSILON);
    // Neighbouring shifts say the same where the series resemble themselves.
    let tries = (shifts as f64 * effective / pairs as f64).max(1.0);
    (-f64::exp_m1(tries * (-one).ln_1p())).clamp(f64::MIN_POSITIVE, 1.0)
}
