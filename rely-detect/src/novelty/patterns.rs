//! The patterns that a series has shown, in little room.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

use rely_core::ConfigError;

/// How many numbers make up a pattern.
pub(crate) const DIMS: usize = 3;
/// How many patterns are compared side by side.
const LANES: usize = 32;
/// How many blocks are compared before one looks which one was the nearest.
const CHUNK: usize = 8;
/// The largest number that is stored: three differences of it fit into 16 bits.
const TOP: f64 = 16_383.0;
/// How fine a range of the series is stored, at best and at worst.
const FINENESS: (f64, f64) = (250.0, 60.0);
/// After how many samples the clock that tells which pattern was last used moves on.
const TICK: u32 = 32;

/// Some patterns, all first numbers first, so that the machine compares several at a time.
type Block = [[u16; LANES]; DIMS];

/// Patterns in sixteen-bit numbers against an affine scale, which moves with the range of the series.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(crate) struct Patterns {
    blocks: Vec<Block>,
    /// When each was last the nearest, in ticks.
    used: Vec<u16>,
    /// What is stored as zero.
    origin: f64,
    /// What is stored as one.
    unit: f64,
    samples: u32,
    now: u16,
}

/// The stored pattern that is nearest to the one asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) index: usize,
    /// The mean of the absolute differences.
    pub(crate) distance: f64,
    /// The sum of the differences: over zero where the one asked for is higher.
    pub(crate) lean: f64,
    /// Its first number.
    pub(crate) value: f64,
}

impl Patterns {
    pub(crate) fn new(range: f64) -> Self {
        let mut patterns = Self {
            blocks: Vec::new(),
            used: Vec::new(),
            origin: 0.0,
            unit: 1.0,
            samples: 0,
            now: 0,
        };
        (patterns.origin, patterns.unit) = Self::scale(0.0, range);
        patterns
    }

    /// A scale with `center` in the middle.
    fn scale(center: f64, range: f64) -> (f64, f64) {
        let unit = range / 125.0;
        (center - unit * TOP / 2.0, unit)
    }

    /// Keeps the fineness within bounds, and what is usual within what can be stored.
    pub(crate) fn fit(&mut self, center: f64, range: f64) {
        let fineness = range / self.unit;
        let place = (center - self.origin) / self.unit;
        if (FINENESS.1..=FINENESS.0).contains(&fineness)
            && (TOP / 4.0..=TOP * 0.75).contains(&place)
        {
            return;
        }
        let (origin, unit) = Self::scale(center, range);
        let (factor, shift) = (self.unit / unit, (self.origin - origin) / unit);
        for number in self.blocks.iter_mut().flatten().flatten() {
            *number = (f64::from(*number) * factor + shift + 0.5).clamp(0.0, TOP) as u16;
        }
        (self.origin, self.unit) = (origin, unit);
    }

    fn quantised(&self, pattern: [f64; DIMS]) -> [u16; DIMS] {
        pattern.map(|x| ((x - self.origin) / self.unit + 0.5).clamp(0.0, TOP) as u16)
    }

    pub(crate) fn len(&self) -> usize {
        self.used.len()
    }

    /// Room for `capacity`, so that nothing is allocated later.
    pub(crate) fn reserve(&mut self, capacity: usize) {
        let blocks = capacity.div_ceil(LANES);
        self.blocks.reserve_exact(blocks.saturating_sub(self.blocks.len()));
        self.used.reserve_exact(capacity.saturating_sub(self.used.len()));
    }

    /// The nearest pattern; the nearest two may be told apart no finer than they are stored.
    pub(crate) fn nearest(&self, pattern: [f64; DIMS]) -> Option<Nearest> {
        let wanted = self.quantised(pattern);
        let mut best = (u16::MAX, 0);
        for (n, chunk) in self.blocks.chunks(CHUNK).enumerate() {
            let mut least = [u16::MAX; LANES];
            for block in chunk {
                let differences = differences(block, wanted);
                least
                    .iter_mut()
                    .zip(&differences)
                    .for_each(|(least, off)| *least = (*least).min(*off));
            }
            let least = least.into_iter().min().unwrap_or(u16::MAX);
            if least < best.0 {
                best = (least, n * CHUNK);
            }
        }
        let in_chunk = self.blocks.get(best.1..)?.iter().take(CHUNK).enumerate();
        let (block, lane) = in_chunk.into_iter().find_map(|(n, block)| {
            let lane = differences(block, wanted).into_iter().position(|d| d == best.0)?;
            Some((best.1 + n, lane))
        })?;
        let stored = self.get(block, lane)?;
        let lean =
            wanted.iter().zip(stored).map(|(a, b)| f64::from(*a) - f64::from(b)).sum::<f64>();
        Some(Nearest {
            index: block * LANES + lane,
            distance: f64::from(best.0) / DIMS as f64 * self.unit,
            lean: lean * self.unit,
            value: f64::from(stored[0]) * self.unit + self.origin,
        })
    }

    fn get(&self, block: usize, lane: usize) -> Option<[u16; DIMS]> {
        let block = self.blocks.get(block)?;
        let mut numbers = [0; DIMS];
        for (number, row) in numbers.iter_mut().zip(block) {
            *number = *row.get(lane)?;
        }
        Some(numbers)
    }

    fn put(&mut self, index: usize, numbers: [u16; DIMS]) {
        let Some(block) = self.blocks.get_mut(index / LANES) else { return };
        for (row, number) in block.iter_mut().zip(numbers) {
            if let Some(place) = row.get_mut(index % LANES) {
                *place = number;
            }
        }
    }

    /// Notes that a pattern was the nearest.
    pub(crate) fn touch(&mut self, index: usize) {
        if let Some(used) = self.used.get_mut(index) {
            *used = self.now;
        }
    }

    /// Stores a pattern; at `capacity` in place of the one that has been of no use for longest.
    pub(crate) fn store(&mut self, pattern: [f64; DIMS], capacity: usize) {
        let numbers = self.quantised(pattern);
        if self.len() < capacity {
            let index = self.len();
            if index % LANES == 0 {
                // No doubling: while the past is kept as well, room is short.
                self.blocks.reserve_exact(1);
                self.used.reserve_exact(LANES);
                // Lanes that hold nothing yet repeat the first one: they are never nearer.
                self.blocks.push(numbers.map(|number| [number; LANES]));
            }
            self.used.push(self.now);
            self.put(index, numbers);
            return;
        }
        // Two simple passes are faster than one that carries an index.
        let oldest = self.used.iter().copied().fold(u16::MAX, u16::min);
        if let Some(index) = self.used.iter().position(|used| *used == oldest) {
            self.put(index, numbers);
            self.touch(index);
        }
    }

    /// Counts a sample, and forgets what was of no use for `samples`.
    pub(crate) fn tick(&mut self, samples: u32) {
        self.samples += 1;
        if self.samples < TICK {
            return;
        }
        self.samples = 0;
        if self.now == u16::MAX {
            let half = u16::MAX / 2;
            self.used.iter_mut().for_each(|used| *used = used.saturating_sub(half));
            self.now -= half;
        }
        self.now += 1;
        // One in each tick is enough to keep up: a pattern is stored only when it is new.
        let limit = u16::try_from(samples / TICK).unwrap_or(u16::MAX);
        let oldest = self.used.iter().position(|used| self.now - used.min(&self.now) > limit);
        if let Some(index) = oldest {
            self.forget(index);
        }
    }

    /// Puts the last one in its place.
    fn forget(&mut self, index: usize) {
        let last = self.len().saturating_sub(1);
        let (Some(numbers), Some(used)) = (self.get(last / LANES, last % LANES), self.used.pop())
        else {
            return;
        };
        if index < last {
            self.put(index, numbers);
            if let Some(place) = self.used.get_mut(index) {
                *place = used;
            }
        }
        if last % LANES == 0 {
            self.blocks.pop();
        } else if let Some(first) = self.get(last / LANES, 0) {
            self.put(last, first);
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>() + self.used.capacity() * size_of::<u16>()
    }

    /// A snapshot may come from anywhere.
    pub(crate) fn check(&self, capacity: usize) -> Result<(), ConfigError> {
        let sound = self.len() <= capacity
            && self.blocks.len() == self.len().div_ceil(LANES)
            && self.blocks.iter().flatten().flatten().all(|number| f64::from(*number) <= TOP)
            && self.used.iter().all(|used| *used <= self.now)
            && self.samples < TICK
            && self.origin.abs() <= 1e36
            && (1e-12..=1e36).contains(&self.unit);
        let allowed = "patterns of fourteen bits, each with the tick when it was last used";
        if sound {
            Ok(())
        } else {
            Err(ConfigError::new("snapshot.patterns", "something else", allowed))
        }
    }
}

/// How far each pattern of a block is off, in units.
#[inline]
fn differences([first, second, third]: &Block, wanted: [u16; DIMS]) -> [u16; LANES] {
    let mut sums = [0_u16; LANES];
    let rows = first.iter().zip(second).zip(third);
    for (sum, ((first, second), third)) in sums.iter_mut().zip(rows) {
        *sum = first.abs_diff(wanted[0]) + second.abs_diff(wanted[1]) + third.abs_diff(wanted[2]);
    }
    sums
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(stored: &[[f64; DIMS]], capacity: usize) -> Patterns {
        let mut patterns = Patterns::new(1.0);
        stored.iter().for_each(|pattern| patterns.store(*pattern, capacity));
        patterns
    }

    #[test]
    fn the_one_of_no_use_for_longest_makes_room() {
        let mut patterns = filled(&[[0.0; 3], [1.0; 3], [2.0; 3]], 3);
        (0..TICK).for_each(|_| patterns.tick(10_000));
        patterns.touch(0);
        patterns.touch(2);
        patterns.store([3.0; 3], 3);
        assert_eq!(patterns.len(), 3);
        let distance = |x: f64| patterns.nearest([x; 3]).unwrap().distance;
        assert!(distance(0.0) < 0.01 && distance(2.0) < 0.01 && distance(3.0) < 0.01);
        assert!((distance(1.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn what_was_of_no_use_is_forgotten_in_time() {
        let mut patterns = filled(&(0..40).map(|n| [f64::from(n); 3]).collect::<Vec<_>>(), 100);
        for _ in 0..100 * TICK {
            patterns.tick(640);
            patterns.touch(patterns.nearest([7.0; 3]).unwrap().index);
        }
        assert_eq!(patterns.len(), 1);
        assert!(patterns.nearest([7.0; 3]).unwrap().distance < 0.01);
        assert!(patterns.check(100).is_ok() && patterns.check(0).is_err());
    }

    #[test]
    fn the_clock_of_use_may_run_over() {
        let mut patterns = filled(&[[0.0; 3], [1.0; 3]], 2);
        patterns.now = u16::MAX;
        patterns.touch(1);
        (0..TICK).for_each(|_| patterns.tick(u32::MAX));
        patterns.store([5.0; 3], 2);
        assert!(patterns.nearest([1.0; 3]).unwrap().distance < 0.01);
        assert!(patterns.check(2).is_ok());
    }

    #[test]
    fn a_new_range_keeps_what_is_known() {
        let mut patterns = filled(&[[0.0; 3], [0.5; 3], [-4.0; 3]], 10);
        patterns.fit(3.0, 8.0);
        for x in [0.0, 0.5, -4.0] {
            assert!(patterns.nearest([x; 3]).unwrap().distance < 0.1, "{x}");
        }
        patterns.fit(1e9, 1e3);
        assert!(patterns.nearest([1e9; 3]).unwrap().distance > 1e3);
    }

    proptest! {
        #[test]
        fn the_nearest_is_the_nearest(
            stored in prop::collection::vec(prop::array::uniform3(-20.0..20.0_f64), 1..400),
            wanted in prop::array::uniform3(-20.0..20.0_f64),
        ) {
            let patterns = filled(&stored, 1000);
            let distance = |pattern: &[f64; 3]| {
                pattern.iter().zip(wanted).map(|(a, b)| (a - b).abs()).sum::<f64>() / 3.0
            };
            let found = patterns.nearest(wanted).unwrap();
            let least = stored.iter().map(distance).fold(f64::INFINITY, f64::min);
            prop_assert!((found.distance - least).abs() < 0.01, "{} {least}", found.distance);
            prop_assert!((distance(&stored[found.index]) - least).abs() < 0.02);
            prop_assert!((found.value - stored[found.index][0]).abs() < 0.01);
        }
    }
}
