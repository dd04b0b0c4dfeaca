//! Fewer points, the same picture: what a column of pixels can show of the points in it.

use super::super::plot::Point;

/// A line in pieces without gaps.
#[derive(Debug, PartialEq)]
pub(super) struct Thinned {
    pub(super) runs: Vec<Vec<(f64, f64)>>,
    /// Whether points were left out.
    pub(super) coarse: bool,
}

/// The column, counted from zero, in which a time lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the share is clamped to 0..=1, and float casts saturate"
)]
pub(super) fn column(at: f64, from: f64, to: f64, columns: usize) -> usize {
    let share = ((at - from) / (to - from)).clamp(0.0, 1.0);
    let columns_f = columns as f64;
    ((share * columns_f) as usize).min(columns.saturating_sub(1))
}

/// Points of one column: the first, lowest, highest and last in order of time.
struct Bucket {
    column: usize,
    first: (f64, f64),
    low: (f64, f64),
    high: (f64, f64),
    last: (f64, f64),
}

impl Bucket {
    const fn new(column: usize, point: (f64, f64)) -> Self {
        Self { column, first: point, low: point, high: point, last: point }
    }

    fn add(&mut self, point: (f64, f64)) {
        if point.1 < self.low.1 {
            self.low = point;
        }
        if point.1 > self.high.1 {
            self.high = point;
        }
        self.last = point;
    }

    fn flush(self, run: &mut Vec<(f64, f64)>) {
        let (a, b) =
            if self.low.0 <= self.high.0 { (self.low, self.high) } else { (self.high, self.low) };
        for point in [self.first, a, b, self.last] {
            if run.last() != Some(&point) {
                run.push(point);
            }
        }
    }
}

/// Keeps, where there are more than four points for a column, its first, lowest, highest and last:
/// the drawn line covers the same pixels (the "M4" aggregation of Jugel et al., VLDB 2014).
///
/// A gap that lies inside one column, between points of it, cannot be seen and is not drawn then.
pub(super) fn thin(points: &[Point], from: f64, to: f64, columns: usize) -> Thinned {
    let coarse = points.iter().filter(|(_, value)| value.is_some()).count() > 4 * columns;
    let mut runs = Vec::new();
    let mut run = Vec::new();
    let mut bucket: Option<Bucket> = None;
    let mut gap = false;
    for &(at, value) in points {
        let Some(value) = value else {
            gap = true;
            continue;
        };
        let here = column(at, from, to, columns);
        match &mut bucket {
            Some(bucket) if coarse && bucket.column == here => bucket.add((at, value)),
            _ => {
                if let Some(full) = bucket.replace(Bucket::new(here, (at, value))) {
                    full.flush(&mut run);
                }
                if gap && !run.is_empty() {
                    runs.push(core::mem::take(&mut run));
                }
            }
        }
        gap = false;
    }
    if let Some(full) = bucket {
        full.flush(&mut run);
    }
    if !run.is_empty() {
        runs.push(run);
    }
    Thinned { runs, coarse }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_breaks_the_line() {
        let points = [(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(3.0))];
        let thinned = thin(&points, 0.0, 3.0, 10);
        assert_eq!(thinned.runs, [vec![(0.0, 1.0), (1.0, 2.0)], vec![(3.0, 3.0)]]);
        assert!(!thinned.coarse);
        assert!(thin(&[(0.0, None)], 0.0, 1.0, 10).runs.is_empty());
    }

    #[test]
    fn a_wide_gap_stays_when_points_are_thinned() {
        let points: Vec<Point> = (0..10_000)
            .map(|i| (f64::from(i), (!(4000..6000).contains(&i)).then_some(1.0)))
            .collect();
        let thinned = thin(&points, 0.0, 10_000.0, 100);
        assert!(thinned.coarse);
        assert_eq!(thinned.runs.len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn extremes_and_ends_survive_in_every_column(
            values in prop::collection::vec(prop::option::weighted(0.9, -1e3..1e3_f64), 1..600),
            columns in 1..12_usize,
        ) {
            let to = f64::from(u32::try_from(values.len()).unwrap());
            let points: Vec<Point> =
                (0_u32..).map(f64::from).zip(values.iter().copied()).collect();
            let thinned = thin(&points, 0.0, to, columns);
            let kept: Vec<_> = thinned.runs.concat();
            prop_assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(kept.len() <= 4 * columns);
            for wanted in 0..columns {
                let inside = |points: &[(f64, f64)]| -> Vec<f64> {
                    let of = points.iter().filter(|p| column(p.0, 0.0, to, columns) == wanted);
                    of.map(|p| p.1).collect()
                };
                let finite: Vec<_> =
                    points.iter().filter_map(|(at, v)| Some((*at, (*v)?))).collect();
                let (before, after) = (inside(&finite), inside(&kept));
                prop_assert_eq!(before.first(), after.first());
                prop_assert_eq!(before.last(), after.last());
                let low = |v: &[f64]| v.iter().copied().fold(f64::INFINITY, f64::min).to_bits();
                let high = |v: &[f64]| v.iter().copied().fold(f64::NEG_INFINITY, f64::max).to_bits();
                prop_assert_eq!(low(&before), low(&after));
                prop_assert_eq!(high(&before), high(&after));
            }
        }
    }
}
