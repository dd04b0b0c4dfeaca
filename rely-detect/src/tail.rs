//! How rare a score is among those that came before it.
#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

use rely_core::ConfigError;

/// Turns a score that is zero or more, of any scale, into a p-value, as the scores come.
///
/// A histogram with logarithmic bins, whose old entries fade. Inside of what was seen the p-value is
/// the rank of the score, `(1 + above + half of its own bin) / (1 + all)`: a conformal p-value (V. Vovk,
/// A. Gammerman, G. Shafer: "Algorithmic Learning in a Random World", 2005) that counts ties by half, so
/// that a score which is nearly always the same is not rare. In the upper fiftieth a power law
/// takes over, `p = share above the knot × (x / knot)^(-1 / ξ)`, its ξ being the mean of ln(x / knot)
/// (B. Hill: "A simple general approach to inference about the tail of a distribution", Annals of
/// Statistics 3, 1975), drawn to [`PRIOR_SHAPE`] while there is little to go by.
///
/// Nothing here depends on the clock; `memory` counts scores.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(crate) struct Tail {
    /// What each bin holds; the lowest one holds everything below the others, zero above all.
    bins: Vec<f32>,
    /// The sum of the bins.
    total: f64,
    /// What the last score added: it grows instead of all others becoming smaller.
    unit: f64,
    /// By what it grows.
    growth: f64,
    /// Two to this power bins to an octave.
    fineness: u8,
    /// The exponent of the lower end of the second bin: less than that is the same as zero.
    lowest: i8,
}

/// Where the power law begins: the share of scores above the knot.
const KNOT: f64 = 0.02;
/// The fewest scores that may stand above the knot.
const KNOT_COUNT: f64 = 4.0;
/// The ξ of a tail of which nothing is known: between an exponential's and that of Student's t with
/// three degrees of freedom, so that a short past errs towards silence.
pub(crate) const PRIOR_SHAPE: f64 = 0.3;
/// For how many scores above the knot that prior stands.
const PRIOR_COUNT: f64 = 20.0;
/// ξ stays between these: a bin is no wider than the one, the mean is infinite beyond the other.
const SHAPES: (f64, f64) = (0.05, 1.0);
/// When the growing unit is brought back to one, long before `f32` runs out.
const REBASE: f64 = 1e6;
/// No p-value is smaller: an extrapolation that far says nothing but "never seen the like".
const LEAST: f64 = 1e-30;

/// The power law above `start`.
struct Power {
    start: f64,
    share: f64,
    shape: f64,
}

impl Power {
    fn p_value(&self, x: f64) -> f64 {
        (self.share * (x / self.start).powf(-1.0 / self.shape)).clamp(LEAST, 1.0)
    }
}

impl Tail {
    /// Eight bins to an octave from a millionth to 4096, 1 kB; a score counts for e⁻¹ after `memory` others.
    pub(crate) fn new(memory: u32) -> Self {
        Self::with(memory, 3, -20)
    }

    /// Two bins to an octave from a four-thousandth to 4096, 200 bytes.
    pub(crate) fn coarse(memory: u32) -> Self {
        Self::with(memory, 1, -12)
    }

    fn with(memory: u32, fineness: u8, lowest: i8) -> Self {
        let octaves = usize::from(lowest.unsigned_abs()) + 12;
        let growth = 1.0 + 1.0 / f64::from(memory.max(1));
        let bins = vec![0.0; (octaves << fineness) + 1];
        Self { bins, total: 0.0, unit: 1.0, growth, fineness, lowest }
    }

    /// Which bin: exponent and first bits of the mantissa, so that no logarithm is taken.
    fn bin(&self, x: f64) -> usize {
        let shift = 52 - u32::from(self.fineness);
        let lowest = (1023 + i32::from(self.lowest)).unsigned_abs() as usize;
        // 2^14 times the first bits fit any `usize`.
        let place = (x.max(0.0).to_bits() >> shift) as usize;
        (place + 1).saturating_sub(lowest << self.fineness).min(self.bins.len() - 1)
    }

    /// The lower end of a bin but the lowest.
    fn edge(&self, bin: usize) -> f64 {
        let lowest = (1023 + i32::from(self.lowest)).unsigned_abs() as usize;
        let place = (bin.max(1) - 1 + (lowest << self.fineness)) as u64;
        f64::from_bits(place << (52 - u32::from(self.fineness)))
    }

    /// How many scores it has seen, faded ones counted by what is left of them.
    pub(crate) fn count(&self) -> f64 {
        self.total / self.unit
    }

    /// The smallest p-value that counting can give; one for an empty past.
    pub(crate) fn resolution(&self) -> f64 {
        1.0 / (1.0 + self.count())
    }

    /// How often an earlier score was as high; `None` while there is none, or for no number.
    pub(crate) fn p_value(&self, x: f64) -> Option<f64> {
        if self.total <= 0.0 || x.is_nan() {
            return None;
        }
        let bin = self.bin(x);
        let (above, own) = (self.above(bin + 1), self.weight(bin));
        // The sum of the lanes is rounded apart from the total.
        let rank = ((self.unit + above + own / 2.0) / (self.total + self.unit)).min(1.0);
        // Nearly every score ends here.
        if above >= self.knot_mass() {
            return Some(rank);
        }
        match self.power() {
            // Where the like was seen often enough, no law makes it much rarer than it is.
            Some(power) if x >= power.start && above + own >= KNOT_COUNT * self.unit => {
                Some(power.p_value(x).max(rank / 2.0))
            }
            Some(power) if x >= power.start => Some(power.p_value(x)),
            _ => Some(rank),
        }
    }

    /// The score whose p-value is `p`: where the band of ordinary scores ends.
    pub(crate) fn quantile(&self, p: f64) -> Option<f64> {
        if self.total <= 0.0 {
            return None;
        }
        if let Some(power) = self.power().filter(|power| p < power.share) {
            return Some(power.start * (power.share / p.max(LEAST)).powf(power.shape));
        }
        let wanted = p * (self.total + self.unit) - self.unit;
        let mut above = 0.0;
        let bin = (1..self.bins.len()).rev().find(|&bin| {
            above += self.weight(bin);
            above >= wanted
        });
        Some(bin.map_or(0.0, |bin| self.edge(bin + 1)))
    }

    /// Takes in a score; what is no number changes nothing.
    pub(crate) fn add(&mut self, x: f64) {
        if x.is_nan() {
            return;
        }
        self.unit *= self.growth;
        if self.unit > REBASE {
            self.rebase();
        }
        let bin = self.bin(x);
        if let Some(weight) = self.bins.get_mut(bin) {
            *weight += self.unit as f32;
        }
        self.total += self.unit;
    }

    /// Takes in all that another one of the same fineness has seen, as if it were its own.
    pub(crate) fn merge(&mut self, other: &Self) {
        let scale = self.unit / other.unit;
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            *mine += (f64::from(*theirs) * scale) as f32;
        }
        self.sum();
    }

    /// What it takes up on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<f32>()
    }

    /// A snapshot may come from anywhere: whether this one could be `like`'s.
    pub(crate) fn check(&self, like: &Self) -> Result<(), ConfigError> {
        let sound = |weight: &f32| (0.0..1e20).contains(weight);
        let sum: f64 = self.bins.iter().map(|weight| f64::from(*weight)).sum();
        let fits = self.bins.len() == like.bins.len()
            && self.fineness == like.fineness
            && self.lowest == like.lowest
            && self.growth.to_bits() == like.growth.to_bits()
            && self.bins.iter().all(sound)
            && (1.0..=REBASE).contains(&self.unit)
            && (self.total - sum).abs() <= 1e-3 * sum;
        let allowed = "bins of numbers, as many as configured, and their sum";
        if fits {
            Ok(())
        } else {
            Err(ConfigError::new("snapshot.tail", "something else", allowed))
        }
    }

    fn rebase(&mut self) {
        let factor = (1.0 / self.unit) as f32;
        self.bins.iter_mut().for_each(|weight| *weight *= factor);
        self.unit = 1.0;
        self.sum();
    }

    /// Adds up anew, so that rounding does not add up.
    fn sum(&mut self) {
        self.total = self.bins.iter().map(|weight| f64::from(*weight)).sum();
    }

    fn weight(&self, bin: usize) -> f64 {
        self.bins.get(bin).copied().map_or(0.0, f64::from)
    }

    /// The sum from a bin upwards, in lanes that the machine adds side by side.
    fn above(&self, bin: usize) -> f64 {
        let mut chunks = self.bins.get(bin..).unwrap_or(&[]).chunks_exact(8);
        let mut lanes = [0.0_f32; 8];
        for chunk in &mut chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, weight)| *lane += weight);
        }
        lanes.iter().chain(chunks.remainder()).map(|weight| f64::from(*weight)).sum()
    }

    /// How much has to stand above the knot.
    fn knot_mass(&self) -> f64 {
        (KNOT * self.total).max(KNOT_COUNT * self.unit)
    }

    /// The law of the upper tail; `None` where nothing but zeros was seen.
    fn power(&self) -> Option<Power> {
        let wanted = self.knot_mass();
        let (mut above, mut top) = (0.0, None);
        for bin in (1..self.bins.len()).rev() {
            let weight = self.weight(bin);
            if above + weight >= wanted {
                // The knot is in this bin: the tail begins where the bin ends.
                let all = self.total + self.unit;
                let shape = self.shape(bin + 1);
                return Some(Power {
                    start: self.edge(bin + 1),
                    share: (above + self.unit) / all,
                    shape,
                });
            }
            if weight > 0.0 && top.is_none() {
                top = Some(bin);
            }
            above += weight;
        }
        let start = self.edge(top? + 1);
        Some(Power { start, share: self.resolution(), shape: PRIOR_SHAPE })
    }

    /// Hill's ξ of the bins from `first` upwards, drawn to the prior.
    fn shape(&self, first: usize) -> f64 {
        // Half a bin is where the mean of a bin lies, on the logarithmic scale.
        let width = core::f64::consts::LN_2 / f64::from(1_u32 << self.fineness);
        let prior = PRIOR_COUNT * self.unit;
        let (mut sum, mut mass) = (prior * PRIOR_SHAPE, prior);
        for (n, weight) in self.bins.iter().skip(first).enumerate() {
            let weight = f64::from(*weight);
            sum += weight * (n as f64 + 0.5) * width;
            mass += weight;
        }
        (sum / mass).clamp(SHAPES.0, SHAPES.1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rely_core::rng::Rng;

    use super::*;

    fn exponential(rng: &mut Rng) -> f64 {
        -(1.0 - rng.unit_f64()).ln()
    }

    fn filled(scores: impl IntoIterator<Item = f64>) -> Tail {
        let mut tail = Tail::new(10_000);
        scores.into_iter().for_each(|x| tail.add(x));
        tail
    }

    #[test]
    fn a_bin_holds_what_lies_between_its_edges() {
        for tail in [Tail::new(100), Tail::coarse(100)] {
            for bin in 1..tail.bins.len() {
                let edge = tail.edge(bin);
                assert_eq!(tail.bin(edge), bin);
                assert_eq!(tail.bin(edge * 0.999_999), bin - 1);
            }
            assert_eq!([0.0, -1.0, 1e-9].map(|x| tail.bin(x)), [0; 3]);
            assert_eq!(tail.bin(f64::INFINITY), tail.bins.len() - 1);
        }
    }

    #[test]
    fn nothing_is_said_without_a_past() {
        let mut tail = Tail::new(100);
        tail.add(f64::NAN);
        assert_eq!((tail.p_value(1.0), tail.quantile(0.5), tail.resolution()), (None, None, 1.0));
        tail.add(1.0);
        assert_eq!(tail.p_value(f64::NAN), None);
        assert_eq!((tail.resolution(), tail.count().round()), (0.5, 1.0));
    }

    #[test]
    fn p_values_come_as_often_as_they_say() {
        for mut tail in [Tail::new(10_000), Tail::coarse(10_000)] {
            let mut rng = Rng::seeded(3);
            let mut seen = [0.0; 3];
            for n in 0..400_000 {
                let x = exponential(&mut rng).powf(1.5);
                if n > 1000 {
                    let p = tail.p_value(x).unwrap();
                    for (seen, limit) in seen.iter_mut().zip([0.1, 0.01, 1e-3]) {
                        *seen += if p <= limit { 1.0 / limit / 399_000.0 } else { 0.0 };
                    }
                }
                tail.add(x);
            }
            assert!(seen.iter().all(|ratio| (0.6..1.4).contains(ratio)), "{seen:?}");
        }
    }

    #[test]
    fn ties_are_no_surprise_and_a_first_value_off_them_is_no_certainty() {
        let constant = filled([0.0; 500]);
        assert!(constant.p_value(0.0).unwrap() > 0.4);
        let p = constant.p_value(7.0).unwrap();
        assert!((0.001..0.003).contains(&p), "{p}");
        // Two values only: the rarer one is as rare as it is.
        let two = filled((0..1000).map(|n| if n % 20 == 0 { 5.0 } else { 1.0 }));
        let p = two.p_value(5.0).unwrap();
        assert!((0.01..0.06).contains(&p), "{p}");
    }

    #[test]
    fn what_is_seen_now_and_then_is_as_rare_as_it_is() {
        for mut tail in [Tail::new(20_000), Tail::coarse(20_000)] {
            (0..40_000).for_each(|n| tail.add(if n % 1000 == 0 { 900.0 } else { 0.01 }));
            let p = tail.p_value(900.0).unwrap();
            assert!((2e-4..2e-3).contains(&p), "{p}");
            assert!(tail.p_value(4000.0).unwrap() < p);
        }
    }

    #[test]
    fn beyond_all_that_was_seen_the_tail_goes_on() {
        let mut rng = Rng::seeded(4);
        let tail = filled((0..2000).map(|_| exponential(&mut rng)));
        let p = [8.0, 16.0, 32.0, 1e300].map(|x| tail.p_value(x).unwrap());
        assert!(p[0] < 3e-3 && p[1] < p[0] / 4.0 && p[2] < p[1] / 4.0 && p[3] == LEAST, "{p:?}");
        assert!(p[1] < tail.resolution());
    }

    #[test]
    fn what_was_seen_long_ago_fades() {
        let mut tail = Tail::new(100);
        (0..1000).for_each(|_| tail.add(10.0));
        (0..1000).for_each(|_| tail.add(1.0));
        let p = tail.p_value(10.0).unwrap();
        assert!(p < 0.02 && (95.0..105.0).contains(&tail.count()), "{p} {}", tail.count());
    }

    #[test]
    fn two_merged_know_what_both_know() {
        let mut rng = Rng::seeded(5);
        let scores: Vec<f64> = (0..4000).map(|_| exponential(&mut rng)).collect();
        let (left, right) = scores.split_at(2000);
        let (mut merged, whole) = (filled(left.to_vec()), filled(scores.clone()));
        merged.merge(&filled(right.to_vec()));
        for x in [0.1, 1.0, 3.0, 6.0, 20.0] {
            let ratio = merged.p_value(x).unwrap() / whole.p_value(x).unwrap();
            assert!((0.8..1.25).contains(&ratio), "{x}: {ratio}");
        }
    }

    #[test]
    fn a_snapshot_that_does_not_fit_is_refused() {
        let sound = filled([1.0, 2.0]);
        assert!(sound.check(&Tail::new(10_000)).is_ok());
        assert!(sound.check(&Tail::new(9_999)).is_err());
        assert!(sound.check(&Tail::coarse(10_000)).is_err());
        let broken = Tail { total: 5.0, ..sound.clone() };
        assert!(broken.check(&sound).is_err());
        let nan = Tail { unit: f64::NAN, ..sound.clone() };
        assert!(nan.check(&sound).is_err());
    }

    proptest! {
        #[test]
        fn a_higher_score_is_never_less_rare(
            scores in prop::collection::vec(0.0..1e6_f64, 0..400),
            mut asked in prop::collection::vec(0.0..1e9_f64, 2..40),
        ) {
            let mut tail = filled(scores);
            tail.add(0.5);
            asked.sort_by(f64::total_cmp);
            let p: Vec<f64> = asked.iter().map(|x| tail.p_value(*x).unwrap()).collect();
            prop_assert!(p.iter().all(|p| *p > 0.0 && *p <= 1.0));
            prop_assert!(p.windows(2).all(|pair| pair[1] <= pair[0] * 1.000_001), "{p:?}");
        }

        #[test]
        fn the_quantile_is_the_inverse(
            scores in prop::collection::vec(0.001..1e3_f64, 50..400),
            p in 1e-6..0.9_f64,
        ) {
            let tail = filled(scores);
            let x = tail.quantile(p).unwrap();
            prop_assert!(tail.p_value(x * 1.000_001).unwrap() <= p * 1.01 + tail.resolution());
        }
    }
}
