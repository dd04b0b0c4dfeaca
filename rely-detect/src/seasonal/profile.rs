//! What is usual at each time of the season.

/// The last values of each slot of the season, one for each visit.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub(super) struct Profile {
    slots: Vec<Slot>,
}

/// Oldest first; few enough to move them all.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Slot {
    recent: Vec<f64>,
    /// The latest of those that were not learnt, `times` visits in a row.
    refused: Vec<f64>,
    times: u32,
}

impl Profile {
    pub(super) fn new(slots: usize) -> Self {
        let recent = || Vec::with_capacity(depth(slots));
        let slot = || Slot { recent: recent(), refused: Vec::new(), times: 0 };
        Self { slots: (0..slots).map(|_| slot()).collect() }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let held = |slot: &Slot| slot.recent.capacity() + slot.refused.capacity();
        self.slots.capacity() * size_of::<Slot>()
            + self.slots.iter().map(held).sum::<usize>() * size_of::<f64>()
    }

    pub(super) fn push(&mut self, slot: usize, value: f64) {
        let depth = depth(self.slots.len());
        let slot = &mut self.slots[slot];
        slot.forget_refused();
        push(&mut slot.recent, depth, value);
    }

    /// Takes note of a visit that is not learnt from; after `most` in a row it is what is usual.
    pub(super) fn refuse(&mut self, slot: usize, value: f64, most: u32) {
        let depth = depth(self.slots.len());
        let slot = &mut self.slots[slot];
        push(&mut slot.refused, depth, value);
        slot.times = slot.times.saturating_add(1);
        if slot.times >= most {
            slot.recent.clone_from(&slot.refused);
            slot.forget_refused();
        }
    }

    pub(super) fn forget_refused(&mut self) {
        self.slots.iter_mut().for_each(Slot::forget_refused);
    }

    /// Whether `slot` was ever visited.
    pub(super) fn knows(&self, slot: usize) -> bool {
        !self.slots[slot].recent.is_empty()
    }

    /// What is usual in `slot`. One that was never visited takes the mean of its nearest neighbours
    /// that were, once those are at least half of all.
    pub(super) fn usual(&self, slot: usize) -> Option<f64> {
        self.slots[slot].usual().or_else(|| {
            let all = self.slots.len();
            let seen = self.slots.iter().filter(|slot| !slot.recent.is_empty()).count();
            if 2 * seen < all || seen == 0 {
                return None;
            }
            let before = (1..all).find_map(|ago| self.slots[(slot + all - ago) % all].usual())?;
            let after = (1..all).find_map(|ahead| self.slots[(slot + ahead) % all].usual())?;
            Some((before + after) / 2.0)
        })
    }

    /// Raises the whole profile.
    pub(super) fn shift(&mut self, by: f64) {
        let values = |slot| {
            let Slot { recent, refused, .. }: &mut Slot = slot;
            recent.iter_mut().chain(refused)
        };
        self.slots.iter_mut().flat_map(values).for_each(|value| *value += by);
    }

    /// Whether it could have been made here, and holds nothing but usable numbers.
    pub(super) fn is_sound(&self, slots: usize, usable: impl Fn(&f64) -> bool) -> bool {
        let all = |values: &[f64]| values.len() <= depth(slots) && values.iter().all(&usable);
        let sound = |slot: &Slot| all(&slot.recent) && all(&slot.refused);
        self.slots.len() == slots && self.slots.iter().all(sound)
    }
}

fn push(values: &mut Vec<f64>, depth: usize, value: f64) {
    if values.len() >= depth {
        values.remove(0);
    }
    values.push(value);
}

impl Slot {
    fn forget_refused(&mut self) {
        self.refused.clear();
        self.times = 0;
    }

    /// The mean of the middle half, which a quarter of outliers on each side cannot move far.
    fn usual(&self) -> Option<f64> {
        let mut sorted = [0.0; DEEPEST];
        let sorted = &mut sorted[..self.recent.len()];
        sorted.copy_from_slice(&self.recent);
        sorted.sort_unstable_by(f64::total_cmp);
        let cut = (sorted.len() + 1) / 4;
        let middle = &sorted[cut..sorted.len() - cut];
        (!middle.is_empty()).then(|| middle.iter().sum::<f64>() / middle.len() as f64)
    }
}

const DEEPEST: usize = 60;

/// How many visits are kept: five seasons, more where there are few slots to average over.
fn depth(slots: usize) -> usize {
    (DEEPEST / slots.max(1)).clamp(5, DEEPEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_among_three_or_more_moves_nothing() {
        let cases: [(&[f64], f64); 6] = [
            (&[7.0], 7.0),
            (&[7.0, 9.0], 8.0),
            (&[1.0, 900.0, 2.0], 2.0),
            (&[1.0, 900.0, 2.0, 3.0], 2.5),
            (&[1.0, 900.0, 2.0, 3.0, -900.0], 2.0),
            // The sixth visit pushes out the first.
            (&[-900.0, 1.0, 900.0, 2.0, 3.0, 2.5], 2.5),
        ];
        for (values, usual) in cases {
            let mut profile = Profile::new(12);
            for value in values {
                profile.push(3, *value);
            }
            assert!((profile.usual(3).unwrap() - usual).abs() < 1e-12, "{values:?}");
        }
    }

    #[test]
    fn a_slot_without_a_past_asks_its_neighbours() {
        let mut profile = Profile::new(4);
        assert_eq!(profile.usual(0), None);
        profile.push(3, 10.0);
        assert_eq!(profile.usual(0), None, "one of four is too few");
        profile.push(2, 20.0);
        assert_eq!(profile.usual(0), Some(15.0));
        assert_eq!(profile.usual(1), Some(15.0));
        assert_eq!(profile.usual(2), Some(20.0));
    }
}
