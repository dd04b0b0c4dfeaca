//! What is taken over from a sample once it has been judged.

use super::Seasonal;
use super::state::{State, Visit};

/// How fast the offset and the usual count follow.
const GAIN: f64 = 0.05;
/// Nothing is learnt from the part of a deviation beyond so many robust standard deviations.
const CLIP: f64 = 3.0;
/// So many gross residuals may be learnt in a row before chance has to bring more.
const MOST_OWED: f64 = 2.0;

impl Seasonal {
    pub(super) fn learn_count(&mut self, count: u64) {
        let usual = &mut self.state.kept.usual_count;
        let count = count as f64;
        // One flood must not make all that follows count for nothing.
        *usual += if *usual > 0.0 { GAIN * (count.min(2.0 * *usual) - *usual) } else { count };
    }

    pub(super) fn learn(&mut self, slot: usize, lap: u64, residual: f64, usual: f64, weight: f64) {
        let State { kept, residuals } = &mut self.state;
        // A handful of residuals gives no spread to clip by, and nothing for the offset to follow.
        if residuals.len() >= 8 {
            let reach = CLIP * residuals.spread();
            kept.offset += GAIN * (residual * weight).clamp(-reach, reach);
        }
        if kept.profile.knows(slot) {
            residuals.push(residual * weight);
            kept.owed = (kept.owed + self.rules.owing).min(MOST_OWED);
        }
        // Not clipped: the middle half takes care of outliers, and forgets a wrong start.
        self.learn_value(slot, lap, usual + residual);
    }

    pub(super) fn learn_value(&mut self, slot: usize, lap: u64, value: f64) {
        Visit::add(&mut self.state.kept.visit, slot, lap, value);
    }

    pub(super) fn leave_visit(&mut self, slot: usize, lap: u64) {
        let (kept, most) = (&mut self.state.kept, self.rules.relearn_visits);
        let is_over = |visit: &mut Visit| (visit.slot, visit.lap) != (slot, lap);
        let refused = kept.refused.take_if(is_over);
        let visit = kept.visit.take_if(is_over);
        // One that was ordinary in part is ordinary.
        if let Some(refused) = refused.filter(|_| visit.is_none()) {
            kept.profile.refuse(refused.slot, refused.mean, most);
        }
        if let Some(visit) = visit {
            kept.profile.push(visit.slot, visit.mean);
            // Expects the same afterwards, and keeps the two from drifting apart.
            if visit.lap != lap {
                kept.profile.shift(kept.offset);
                kept.offset = 0.0;
            }
        }
    }
}
