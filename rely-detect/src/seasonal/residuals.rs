//! How far ordinary samples were from what was expected, and how rare a deviation is among them.

use std::collections::VecDeque;

/// No p-value is smaller: below this the tail's model means nothing.
const SMALLEST: f64 = 1e-15;
/// The tail that is fitted: a tenth of the residuals, but no fewer than this.
const FEWEST_IN_TAIL: usize = 8;
/// The shape that a tail is taken to have before it is seen, and how many residuals that weighs.
/// Heavier than a normal or an exponential tail, about that of Student's t with five degrees.
const PRIOR_SHAPE: f64 = 0.3;
const PRIOR_WEIGHT: f64 = 30.0;

/// The latest residuals, in order of time and of size.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Residuals {
    recent: VecDeque<f64>,
    sorted: Vec<f64>,
    capacity: usize,
}

/// A p-value, and an upper or a lower tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Upper,
    Lower,
}

impl Residuals {
    pub(super) fn new(capacity: usize) -> Self {
        let (recent, sorted) = (VecDeque::with_capacity(capacity), Vec::with_capacity(capacity));
        Self { recent, sorted, capacity }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        (self.recent.capacity() + self.sorted.capacity()) * size_of::<f64>()
    }

    pub(super) fn recent(&self) -> impl Iterator<Item = f64> + '_ {
        self.recent.iter().copied()
    }

    pub(super) fn push(&mut self, residual: f64) {
        if self.recent.len() >= self.capacity {
            if let Some(oldest) = self.recent.pop_front() {
                let place = self.sorted.partition_point(|held| held.total_cmp(&oldest).is_lt());
                self.sorted.remove(place);
            }
        }
        let place = self.sorted.partition_point(|held| held.total_cmp(&residual).is_lt());
        self.sorted.insert(place, residual);
        self.recent.push_back(residual);
    }

    /// A robust standard deviation, from the quartiles.
    pub(super) fn spread(&self) -> f64 {
        match self.len() {
            0 => 0.0,
            n => (self.sorted[3 * n / 4] - self.sorted[n / 4]) / 1.349,
        }
    }

    /// Takes in a residual beyond the band; a gross one only if one is `owed`, which it pays for.
    ///
    /// Without those beyond the band the tail would be learnt from what lies inside it alone, and be
    /// too light; with every gross one, an incident would hide the next. Gross is more than twice as
    /// far out as the second farthest, and counts for that: the farthest may be a gross one itself, and
    /// incidents that come again and again must not double it each time.
    pub(super) fn push_strange(&mut self, residual: f64, floor: f64, owed: &mut f64) {
        let reach = |tail| 2.0 * self.out(tail, 1).max(floor);
        let clamped = residual.clamp(-reach(Tail::Lower), reach(Tail::Upper));
        if clamped.total_cmp(&residual).is_ne() {
            if *owed < 1.0 {
                return;
            }
            *owed -= 1.0;
        }
        self.push(clamped);
    }

    /// The smallest p-value that ranks alone can give.
    pub(super) fn resolution(&self) -> f64 {
        1.0 / (self.len() + 1) as f64
    }

    /// How often an ordinary residual is at least so far out: its rank among those that were seen,
    /// and beyond them all a generalised Pareto tail. `floor` is the least scale of that tail.
    pub(super) fn p_value(&self, tail: Tail, residual: f64, floor: f64) -> f64 {
        let (n, out) = (self.len(), tail.outwards(residual));
        let beyond = match tail {
            Tail::Upper => n - self.sorted.partition_point(|held| *held < residual),
            Tail::Lower => self.sorted.partition_point(|held| *held <= residual),
        };
        if beyond > 0 || n == 0 {
            return (beyond + 1) as f64 / (n + 1) as f64;
        }
        let (fit, farthest) = (self.fit(tail, floor), self.out(tail, 0));
        (self.resolution() * fit.ratio(farthest, out)).clamp(SMALLEST, self.resolution())
    }

    /// The residual beyond which p-values are below `p`, signed.
    pub(super) fn edge(&self, tail: Tail, p: f64, floor: f64) -> f64 {
        let n = self.len();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "p is in 0..1")]
        let allowed = (p * (n + 1) as f64) as usize;
        let out = match allowed.checked_sub(1) {
            Some(rank) => self.out(tail, rank.min(n.saturating_sub(1))),
            None => self.fit(tail, floor).edge(self.out(tail, 0), p / self.resolution()),
        };
        tail.outwards(out)
    }

    /// The residual that is `rank`-th from the outer end, as a distance outwards.
    fn out(&self, tail: Tail, rank: usize) -> f64 {
        let held = match tail {
            Tail::Upper => self.len().checked_sub(rank + 1).and_then(|i| self.sorted.get(i)),
            Tail::Lower => self.sorted.get(rank),
        };
        held.map_or(0.0, |held| tail.outwards(*held))
    }

    /// Moments of the excesses over a threshold give scale and shape (J. R. M. Hosking, J. R. Wallis:
    /// "Parameter and quantile estimation for the generalized Pareto distribution", Technometrics 29,
    /// 1987); the shape is drawn to its prior, since a handful of residuals tells little about it.
    fn fit(&self, tail: Tail, floor: f64) -> Pareto {
        let n = self.len();
        let size = (n / 10).max(FEWEST_IN_TAIL).min(n / 2);
        let threshold = self.out(tail, size);
        let k = size.max(1) as f64;
        let excesses = || (0..size).map(|rank| self.out(tail, rank) - threshold);
        let mean = excesses().sum::<f64>() / k;
        let mut shape = PRIOR_SHAPE;
        if mean > 0.0 {
            let variance = excesses().map(|excess| (excess / mean - 1.0).powi(2)).sum::<f64>() / k;
            let seen = 0.5 * (1.0 - 1.0 / variance.max(0.5));
            shape = (k * seen + PRIOR_WEIGHT * PRIOR_SHAPE) / (k + PRIOR_WEIGHT);
        }
        let shape = shape.max(0.05);
        Pareto { threshold, scale: mean.max(floor) * (1.0 - shape), shape }
    }
}

impl Tail {
    /// Its own inverse.
    fn outwards(self, residual: f64) -> f64 {
        match self {
            Self::Upper => residual,
            Self::Lower => -residual,
        }
    }
}

/// A generalised Pareto tail over a threshold.
struct Pareto {
    threshold: f64,
    scale: f64,
    shape: f64,
}

impl Pareto {
    /// What share of those beyond `near` is also beyond `far`, neither under the threshold.
    fn ratio(&self, near: f64, far: f64) -> f64 {
        let reach = |out: f64| self.scale + self.shape * (out - self.threshold).max(0.0);
        if reach(near) <= 0.0 {
            return if far > near { 0.0 } else { 1.0 };
        }
        (reach(far) / reach(near)).powf(-1.0 / self.shape)
    }

    /// Beyond what a share `ratio` of those beyond `near` is.
    fn edge(&self, near: f64, ratio: f64) -> f64 {
        let reach = self.scale + self.shape * (near - self.threshold).max(0.0);
        near + reach * (ratio.powf(-self.shape) - 1.0).max(0.0) / self.shape
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Residuals {
        let mut residuals = Residuals::new(64);
        values.into_iter().for_each(|value| residuals.push(value));
        residuals
    }

    #[track_caller]
    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
    }

    #[test]
    fn ranks_are_counted_with_ties_against_the_sample() {
        let residuals = of((0..19).map(f64::from));
        close(residuals.p_value(Tail::Upper, -1.0, 0.0), 1.0);
        close(residuals.p_value(Tail::Upper, 9.0, 0.0), 11.0 / 20.0);
        close(residuals.p_value(Tail::Upper, 9.5, 0.0), 10.0 / 20.0);
        close(residuals.p_value(Tail::Upper, 18.0, 0.0), 2.0 / 20.0);
        close(residuals.p_value(Tail::Lower, 0.0, 0.0), 2.0 / 20.0);
        close(residuals.p_value(Tail::Lower, 20.0, 0.0), 1.0);
        assert!(residuals.p_value(Tail::Upper, 18.1, 0.0) <= 1.0 / 20.0);
        assert!(residuals.p_value(Tail::Upper, 60.0, 0.0) < 1e-3);
    }

    #[test]
    fn what_never_varied_leaves_the_scale_to_the_floor() {
        let residuals = of([0.0; 40]);
        close(residuals.p_value(Tail::Upper, 0.0, 1.0), 1.0);
        close(residuals.p_value(Tail::Upper, 1e-9, 0.0), SMALLEST);
        let p = residuals.p_value(Tail::Upper, 1.0, 1.0);
        assert!((1e-3..0.05).contains(&p), "{p}");
    }

    #[test]
    fn the_oldest_make_room() {
        let mut residuals = of((0..100).map(f64::from));
        assert_eq!(residuals.len(), 64);
        close(residuals.out(Tail::Lower, 0), -36.0);
        residuals.push(-5.0);
        close(residuals.out(Tail::Lower, 0), 5.0);
        assert_eq!(residuals.recent().last(), Some(-5.0));
    }

    proptest! {
        #[test]
        fn p_values_stay_in_range_and_fall_outwards(
            values in prop::collection::vec(-1e150..1e150, 0..80),
            a in -1e151..1e151,
            b in -1e151..1e151,
            floor in 0.0..1e150,
        ) {
            let residuals = of(values);
            for tail in [Tail::Upper, Tail::Lower] {
                let (near, far) = if (a < b) == (tail == Tail::Upper) { (a, b) } else { (b, a) };
                let (near, far) = (residuals.p_value(tail, near, floor), residuals.p_value(tail, far, floor));
                prop_assert!((0.0..=1.0).contains(&near) && far > 0.0);
                prop_assert!(far <= near, "{far} {near}");
            }
        }

        #[test]
        fn beyond_the_edge_is_rarer_than_asked_for(
            values in prop::collection::vec(-1e3..1e3, 20..80),
            p in 1e-9..0.4,
        ) {
            let residuals = of(values);
            for (tail, sign) in [(Tail::Upper, 1.0), (Tail::Lower, -1.0)] {
                let edge = residuals.edge(tail, p, 0.1);
                let beyond = residuals.p_value(tail, edge + sign * 1e-6, 0.1);
                prop_assert!(beyond <= p * 1.000_001, "{beyond} {p}");
            }
        }
    }
}
