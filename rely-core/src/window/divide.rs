//! Division by a number that is known when a window is made.

/// Divides numbers below 2^63 by a fixed divisor with one multiplication and one shift.
///
/// With `l = ceil(log2 d)` and `m = ceil(2^(63+l) / d)` the product exceeds the true quotient by
/// less than `n / 2^63 < 1` parts of a unit, so the shifted product is exact (Granlund and
/// Montgomery, "Division by Invariant Integers using Multiplication", 1994, theorem 4.2). Doubling
/// `n` first lets the upper half of the product stand for the shift by 63 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divider {
    multiplier: u64,
    shift: u32,
}

impl Divider {
    /// Division by `divisor`; zero is taken as one.
    pub(super) fn by(divisor: u64) -> Self {
        let divisor = divisor.max(1);
        let shift = u64::BITS - (divisor - 1).leading_zeros();
        let multiplier = (1u128 << (63 + shift)).div_ceil(u128::from(divisor));
        // 2^(63+l) / d lies in [2^63, 2^64) because 2^(l-1) < d <= 2^l.
        let multiplier = u64::try_from(multiplier).unwrap_or(u64::MAX);
        Self { multiplier, shift }
    }

    /// `n / divisor` for `n` below 2^63; larger numbers are taken as 2^63 - 1.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the upper half of a product fits half of its type
    pub(super) fn divide(self, n: u64) -> u64 {
        let n = n.min(u64::MAX >> 1);
        ((u128::from(n << 1) * u128::from(self.multiplier)) >> 64) as u64 >> self.shift
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges_divide_exactly() {
        let edges = [0, 1, 2, 3, 47, 48, 49, 1_000_000, (1 << 62) - 1, 1 << 62, u64::MAX >> 1];
        for d in edges.into_iter().chain([u64::MAX >> 1, 1 << 63]) {
            for n in edges {
                assert_eq!(Divider::by(d).divide(n), n / d.max(1), "{n} / {d}");
            }
        }
    }

    #[test]
    fn numbers_beyond_the_range_stay_at_its_end() {
        assert_eq!(Divider::by(7).divide(u64::MAX), (u64::MAX >> 1) / 7);
    }

    proptest! {
        #[test]
        fn it_is_division(n in 0..=u64::MAX >> 1, d in 1..=1u64 << 63, small in 1..100_000u64) {
            prop_assert_eq!(Divider::by(d).divide(n), n / d);
            prop_assert_eq!(Divider::by(small).divide(n), n / small);
            let edge = n - n % small;
            prop_assert_eq!(Divider::by(small).divide(edge.saturating_sub(1)), edge.saturating_sub(1) / small);
        }
    }
}
