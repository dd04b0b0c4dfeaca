//! The last values of a series, in order of time and of size.

use std::collections::VecDeque;

use rely_core::Instant;

use super::usable;

/// So many values stay, however old they are: what was long ago is better than nothing.
pub(super) const FEWEST: usize = 16;

/// At most so many values over a stretch of time: where more come, every other one is left out.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Window {
    /// Nanoseconds.
    span: u64,
    most: usize,
    /// Nanoseconds from one value to the next, at least.
    spacing: u64,
    values: VecDeque<(Instant, f64)>,
    sorted: Vec<f64>,
}

/// A number that looks drawn by chance, and is always the same for the same time.
const fn shuffled(at: Instant) -> u64 {
    let mixed = at.as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

impl Window {
    pub(super) fn new(span: u64, most: usize) -> Self {
        let values = VecDeque::with_capacity(most);
        Self { span, most, spacing: 0, values, sorted: Vec::with_capacity(most) }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn push(&mut self, at: Instant, value: f64) {
        let since = |then: Instant| at.as_nanos().saturating_sub(then.as_nanos());
        // Between a half and one and a half of the spacing: what alternates must not fall in step with it.
        let apart = |last: Instant| self.spacing / 2 + shuffled(last) % (self.spacing + 1);
        if self.values.back().is_some_and(|(last, _)| since(*last) < apart(*last)) {
            return;
        }
        while self.values.len() > FEWEST
            && self.values.front().is_some_and(|(first, _)| since(*first) > self.span)
        {
            self.pop();
        }
        if self.values.len() >= self.most {
            self.thin();
        }
        self.values.push_back((at, value));
        let place = self.sorted.partition_point(|held| *held < value);
        self.sorted.insert(place, value);
    }

    fn pop(&mut self) {
        if let Some((_, value)) = self.values.pop_front() {
            let place = self.sorted.partition_point(|held| *held < value);
            if place < self.sorted.len() {
                self.sorted.remove(place);
            }
        }
    }

    /// Leaves out one of each two values, and lets them come half as close from now on.
    fn thin(&mut self) {
        let ends = self.values.front().zip(self.values.back());
        let covered = ends
            .map_or(0, |((first, _), (last, _))| last.as_nanos().saturating_sub(first.as_nanos()));
        let most = self.most as u64;
        self.spacing = (covered / most * 2).min(self.span / most + 1);
        let (mut second, mut first_stays) = (true, false);
        self.values.retain(|(at, _)| {
            second = !second;
            if !second {
                first_stays = shuffled(*at) % 2 == 0;
            }
            first_stays != second
        });
        self.sorted.clear();
        self.sorted.extend(self.values.iter().map(|(_, value)| *value));
        self.sorted.sort_unstable_by(f64::total_cmp);
    }

    pub(super) fn shift(&mut self, by: f64) {
        self.values.iter_mut().for_each(|(_, value)| *value += by);
        self.sorted.iter_mut().for_each(|value| *value += by);
    }

    pub(super) fn median(&self) -> Option<f64> {
        self.sorted.get(self.sorted.len() / 2).copied()
    }

    /// The median distance to `centre`: of half of the values, which stand side by side.
    pub(super) fn median_distance(&self, centre: f64) -> f64 {
        let half = self.sorted.len() / 2 + 1;
        let at = |place: usize| self.sorted.get(place).copied().unwrap_or(centre);
        let (mut low, mut high) = (0, self.sorted.len().saturating_sub(half));
        while low < high {
            let middle = usize::midpoint(low, high);
            if centre - at(middle) > at(middle + half) - centre {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (centre - at(low)).max(at(low + half - 1) - centre)
    }

    /// From the lowest twentieth to the highest.
    pub(super) fn range(&self) -> f64 {
        let cut = self.sorted.len() / 20;
        let high = self.sorted.len().checked_sub(cut + 1).and_then(|place| self.sorted.get(place));
        self.sorted.get(cut).zip(high).map_or(0.0, |(low, high)| high - low)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.values.capacity() * size_of::<(Instant, f64)>()
            + self.sorted.capacity() * size_of::<f64>()
    }

    pub(super) fn fits(&self, restored: &Self) -> bool {
        let mut sorted: Vec<f64> = restored.values.iter().map(|(_, value)| *value).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let order = restored.values.iter().zip(restored.values.iter().skip(1));
        (self.span, self.most) == (restored.span, restored.most)
            && restored.spacing <= self.span / self.most as u64 + 1
            && order.into_iter().all(|((one, _), (next, _))| one <= next)
            && restored.values.len() <= self.most
            && sorted == restored.sorted
            && sorted.into_iter().all(usable)
    }
}
