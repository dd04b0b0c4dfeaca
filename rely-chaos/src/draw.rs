//! Which calls a fault hits.

use rely_core::Ratio;
use rely_core::rng::Rng;

/// Chance that depends on a seed, a label and the number of a call, and on nothing else.
///
/// No draw changes a later one: whatever order the threads of a run come in, the same numbers are
/// hit, and one call more at the start of a run only shifts the numbers. Labels draw apart from each
/// other. A larger share hits the same calls and further ones. The answers are part of the
/// interface: a recorded seed hits the same numbers in every later release.
///
/// ```
/// use rely_chaos::draw::Draw;
/// use rely_core::Ratio;
///
/// let (tenth, half) = (Ratio::percent(10.0)?, Ratio::percent(50.0)?);
/// let draw = Draw::new(7, "queue.call");
/// let hits: Vec<_> = (0..40).filter(|call| draw.hits(*call, tenth)).collect();
/// assert_eq!(hits, [4, 19, 31, 34]);
/// assert!(hits.iter().all(|call| draw.hits(*call, half)));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw(Rng);

impl Draw {
    /// The draws of what is called `label` in a run with `seed`.
    #[must_use]
    pub fn new(seed: u64, label: impl AsRef<[u8]>) -> Self {
        Self(Rng::seeded(seed).fork(label))
    }

    /// Whether the call of this number is among the `share` that is hit.
    #[must_use]
    pub fn hits(&self, call: u64, share: Ratio) -> bool {
        self.0.fork(call.to_le_bytes()).chance(share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_and_all_are_exact() {
        let draw = Draw::new(1, "point");
        assert!((0..10_000).all(|call| draw.hits(call, Ratio::ONE)));
        assert!(!(0..10_000).any(|call| draw.hits(call, Ratio::ZERO)));
    }

    #[test]
    fn labels_and_seeds_draw_apart() {
        let half = Ratio::from_ppm_clamped(500_000);
        let first = Draw::new(1, "a");
        for other in [Draw::new(1, "b"), Draw::new(2, "a"), Draw::new(0, "a")] {
            let both = |call: &u64| first.hits(*call, half) && other.hits(*call, half);
            // Half of a half is 2,500; six standard deviations are 260.
            assert!((2_240..2_760).contains(&(0..10_000).filter(both).count()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_share_of_hits_converges(seed: u64, label: String, ppm in 0..=1_000_000_u32) {
            let (draw, share) = (Draw::new(seed, &label), Ratio::from_ppm_clamped(ppm));
            let calls = 20_000_u32;
            let hits = (0..calls).filter(|call| draw.hits((*call).into(), share)).count() as f64;
            let mean = share.as_f64() * f64::from(calls);
            let six_sigma = 6.0 * (mean * (1.0 - share.as_f64())).sqrt() + 6.0;
            prop_assert!((hits - mean).abs() <= six_sigma, "{} of {}", hits, mean);
        }

        #[test]
        fn neither_order_nor_repetition_matters(seed: u64, call: u64, ppm in 0..=1_000_000_u32) {
            let share = Ratio::from_ppm_clamped(ppm);
            let (draw, again) = (Draw::new(seed, "point"), Draw::new(seed, "point"));
            let hit = draw.hits(call, share);
            prop_assert!(!draw.hits(call, Ratio::ZERO) && draw.hits(call ^ 1, Ratio::ONE));
            prop_assert_eq!(draw.hits(call, share), hit);
            prop_assert_eq!(again.hits(call, share), hit);
        }

        #[test]
        fn a_larger_share_hits_the_same_calls(
            seed: u64,
            call: u64,
            a in 0..=1_000_000_u32,
            b in 0..=1_000_000_u32,
        ) {
            let draw = Draw::new(seed, "point");
            let (small, large) =
                (Ratio::from_ppm_clamped(a.min(b)), Ratio::from_ppm_clamped(a.max(b)));
            prop_assert!(!draw.hits(call, small) || draw.hits(call, large));
        }
    }
}
