//! Chance that can be repeated.

use core::time::Duration;

use crate::Ratio;

/// A small generator of pseudo-random numbers that is always seeded by hand.
///
/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014,
/// with the constants of Vigna's public domain `splitmix64.c`): one addition and one mixing step per
/// number, a period of 2⁶⁴, every seed good. Its values and those of every method here are part of
/// the interface: a recorded seed gives the same run in every later release. Not for secrets.
///
/// ```
/// use rely_core::rng::Rng;
///
/// let mut rng = Rng::seeded(7);
/// let again = Rng::seeded(7).next_u64();
/// assert_eq!(rng.next_u64(), again);
/// assert!(rng.below(6) < 6);
///
/// // Each part draws from its own stream, whatever the others draw.
/// let (mut jitter, mut faults) = (rng.fork("jitter"), rng.fork("faults"));
/// assert_ne!(jitter.next_u64(), faults.next_u64());
/// ```
///
/// A clone repeats the numbers of the original; [`Rng::fork`] gives other ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Rng {
    seed: u64,
    state: u64,
}

impl Rng {
    /// The generator that starts at `seed`; every seed is as good as any other.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// The seed that it started from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// A generator of its own for the part of a program called `label`.
    ///
    /// It depends on the seed and the label alone, not on what was drawn before, so that one draw
    /// more in one part does not shift the numbers of another.
    #[must_use]
    pub fn fork(&self, label: impl AsRef<[u8]>) -> Self {
        // FNV-1a over the label; the mixing makes near labels and near seeds far apart.
        let hash = label.as_ref().iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        Self::seeded(mix(mix(self.seed.wrapping_add(GOLDEN)) ^ hash))
    }

    /// Any number, all equally likely.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// A number below `n`, all equally likely; 0 if `n` is 0.
    ///
    /// Unbiased by rejection (Lemire: "Fast Random Integer Generation in an Interval", 2019).
    pub const fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = self.next_u64() as u128 * n as u128;
            #[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
            let low = product as u64;
            if low >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number from 0 to below 1, in steps of 2⁻⁵³.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    pub const fn unit_f64(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * STEP
    }

    /// Yes with exactly the given probability: never at 0 %, always at 100 %.
    pub const fn chance(&mut self, share: Ratio) -> bool {
        self.below(Ratio::ONE.ppm() as u64) < share.ppm() as u64
    }

    /// A duration from `low` to `high`, both included, all equally likely to the nanosecond; `low`
    /// if `high` is below it. Durations over 584 years count as that.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let from = crate::instant::saturating_nanos(low);
        let span = crate::instant::saturating_nanos(high).saturating_sub(from);
        let drawn = match span.checked_add(1) {
            Some(n) => self.below(n),
            None => self.next_u64(),
        };
        Duration::from_nanos(from.saturating_add(drawn))
    }
}

/// 2⁶⁴ divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::Rng;
    use crate::Ratio;

    #[test]
    fn values_are_those_of_the_reference() {
        let mut rng = Rng::seeded(1_234_567);
        let expected = [
            6_457_827_717_110_365_317_u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| rng.next_u64()), expected);
        let mut rng = Rng::seeded(0);
        let expected = [0xE220_A839_7B1D_CDAF_u64, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F];
        assert_eq!(expected.map(|_| rng.next_u64()), expected);
    }

    #[test]
    fn derived_values_never_change() {
        let mut rng = Rng::seeded(42);
        assert_eq!([(); 6].map(|()| rng.below(6)), [4, 0, 1, 2, 0, 5]);
        assert_eq!(Rng::seeded(42).fork("jitter").next_u64(), 0x37F2_60BB_B61F_DFF9);
        assert_eq!(Rng::seeded(42).fork("").next_u64(), 0xFE83_96FD_D795_4C41);
    }

    #[test]
    fn a_fork_ignores_what_was_drawn() {
        let mut rng = Rng::seeded(9);
        let early = rng.fork("part");
        rng.next_u64();
        assert_eq!(rng.fork("part"), early);
        assert_ne!(rng.fork("trap"), early);
        assert_ne!(Rng::seeded(10).fork("part"), early);
        assert_ne!(early.fork("part"), early);
        assert_eq!(rng.seed(), 9);
    }

    #[test]
    fn streams_of_forks_do_not_meet() {
        let rng = Rng::seeded(1);
        let mut seen = std::collections::HashSet::new();
        for fork in 0_u16..100 {
            let mut stream = rng.fork(fork.to_le_bytes());
            for _ in 0..1_000 {
                assert!(seen.insert(stream.next_u64()));
            }
        }
    }

    #[test]
    fn chance_is_exact_at_the_ends_and_close_between() {
        let mut rng = Rng::seeded(3);
        let mut hits = |share| (0..100_000).filter(|_| rng.chance(share)).count();
        assert_eq!(hits(Ratio::ZERO), 0);
        assert_eq!(hits(Ratio::ONE), 100_000);
        // Six standard deviations of a binomial distribution are below 600 here.
        let tenth = hits(Ratio::from_ppm_clamped(100_000));
        assert!((9_400..10_600).contains(&tenth), "{tenth}");
    }

    #[test]
    fn a_bound_that_does_not_divide_two_to_the_64_is_unbiased() {
        // Without rejection the lower third of this range would come twice as often.
        let n = u64::MAX / 4 * 3;
        let mut rng = Rng::seeded(5);
        let low = (0..60_000).filter(|_| rng.below(n) < n / 3).count();
        assert!((19_300..20_700).contains(&low), "{low}");
    }

    #[test]
    fn the_whole_range_of_durations_can_be_drawn() {
        let mut rng = Rng::seeded(0);
        let drawn = rng.between(Duration::ZERO, Duration::MAX);
        assert_eq!(drawn, Duration::from_nanos(0xE220_A839_7B1D_CDAF));
        let second = Duration::from_secs(1);
        assert_eq!(rng.between(second, Duration::ZERO), second);
    }

    proptest! {
        #[test]
        fn results_stay_in_range(seed: u64, n: u64, low: u64, high: u64) {
            let mut rng = Rng::seeded(seed);
            prop_assert!(rng.below(n) < n || n == 0);
            let unit = rng.unit_f64();
            prop_assert!((0.0..1.0).contains(&unit));
            let (low, high) = (low.min(high), low.max(high));
            let drawn = rng.between(Duration::from_nanos(low), Duration::from_nanos(high));
            prop_assert!((u128::from(low)..=u128::from(high)).contains(&drawn.as_nanos()));
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_stored_generator_goes_on_where_it_was() {
        let mut rng = Rng::seeded(11);
        rng.next_u64();
        let text = serde_json::to_string(&rng).unwrap();
        let mut restored: Rng = serde_json::from_str(&text).unwrap();
        assert_eq!(restored.next_u64(), rng.next_u64());
    }
}
