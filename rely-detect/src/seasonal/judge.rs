//! How rare a residual is, and how far one may be out.

use super::Seasonal;
use super::config::Side;
use super::residuals::Tail;
use crate::Band;

/// What a value is measured against.
pub(super) struct Judgement {
    pub(super) band: Band,
    pub(super) p_value: f64,
    pub(super) outside: bool,
    /// The band on either side, which learning looks at: a fall is no trouble, but no noise either.
    pub(super) strange: bool,
    pub(super) tolerated: bool,
    pub(super) floor: f64,
    pub(super) resolution: f64,
}

impl Seasonal {
    pub(super) fn judge(&self, expected: f64, residual: f64, weight: f64) -> Judgement {
        let (rules, residuals) = (&self.rules, &self.state.residuals);
        let tolerance = rules.tolerance.max(rules.tolerance_share * expected.abs());
        // A series that never varied still has a tail, or the least change would be a certainty.
        let floor = tolerance / 4.0;
        let p_of = |tail| residuals.p_value(tail, residual * weight, floor);
        let (high, low) = (p_of(Tail::Upper), p_of(Tail::Lower));
        let both = (2.0 * high.min(low)).min(1.0);
        let (p_value, sides) = match rules.side {
            Side::Both => (both, 2.0),
            Side::High => (high, 1.0),
            Side::Low => (low, 1.0),
        };
        let share = rules.alpha / sides;
        let edge = |tail| residuals.edge(tail, share, floor) / weight;
        let band = Band {
            low: expected + edge(Tail::Lower).min(-tolerance),
            high: expected + edge(Tail::Upper).max(tolerance),
        };
        let tolerated = residual.abs() <= tolerance;
        Judgement {
            band,
            p_value,
            outside: !tolerated && p_value <= rules.alpha,
            strange: !tolerated && both <= rules.alpha,
            tolerated,
            floor,
            resolution: sides * residuals.resolution(),
        }
    }

    /// A mean of few observations says less than one of many.
    pub(super) fn weight(&self, count: u64) -> f64 {
        let usual = self.state.kept.usual_count;
        if usual > 0.0 { (count as f64 / usual).sqrt().clamp(1e-6, 1.0) } else { 1.0 }
    }
}
