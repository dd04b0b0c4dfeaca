use rely_core::Ratio;

/// Whether the lower end of the one-sided interval of this `confidence` for a rate of which `part` of
/// `whole` is known lies at or above `limit`: the bound of Chernoff and Hoeffding, see
/// [`BreakerConfig::evidence`](crate::BreakerConfig::evidence).
pub(super) fn is_above(part: u64, whole: u64, limit: Ratio, confidence: Ratio) -> bool {
    if whole == 0 || limit == Ratio::ZERO || limit == Ratio::ONE || confidence == Ratio::ONE {
        return false;
    }
    let (n, p) = (whole as f64, limit.as_f64());
    let q = part.min(whole) as f64 / n;
    if q <= p {
        return false;
    }
    // At q = 1 the second term is 0 · ln 0, which counts for nothing.
    let good =
        if q < 1.0 { (1.0 - q) * ((1.0 - q) / limit.complement().as_f64()).ln() } else { 0.0 };
    let divergence = q * (q / p).ln() + good;
    // Met exactly is met, and how a logarithm is rounded must not decide.
    n * divergence >= -confidence.complement().as_f64().ln() * (1.0 - 1e-12)
}

#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests {
    use super::*;

    fn percent(percent: f64) -> Ratio {
        Ratio::percent(percent).unwrap()
    }

    /// Of so many calls, how many have to be bad.
    fn enough(whole: u64, limit: f64, confidence: f64) -> Option<u64> {
        let above = |part: &u64| is_above(*part, whole, percent(limit), percent(confidence));
        let first = (0..=whole).find(above);
        assert!(first.is_none_or(|first| (first..=whole).all(|part| above(&part))), "monotone");
        first
    }

    #[test]
    fn it_takes_so_many_and_not_one_less() {
        for (whole, limit, confidence, expected) in [
            // All bad, the bound is exact: the smallest n with p^n <= 1 - confidence.
            (0, 50.0, 95.0, None),
            (4, 50.0, 95.0, None),
            (5, 50.0, 95.0, Some(5)),
            (9, 50.0, 95.0, Some(8)),
            (13, 50.0, 95.0, Some(11)),
            (6, 50.0, 99.0, None),
            (7, 50.0, 99.0, Some(7)),
            (1, 10.0, 90.0, Some(1)),
            (1, 10.0, 90.1, None),
            (2, 10.0, 99.0, Some(2)),
            // Met exactly: 2^-3 is an eighth.
            (3, 50.0, 87.5, Some(3)),
            (3, 50.0, 87.5001, None),
            (10, 50.0, 99.9023, Some(10)),
            (10, 50.0, 99.9024, None),
            // At a limit near all, it takes many.
            (100, 99.0, 95.0, None),
            (298, 99.0, 95.0, None),
            (299, 99.0, 95.0, Some(299)),
        ] {
            assert_eq!(enough(whole, limit, confidence), expected, "{whole} {limit} {confidence}");
        }
    }

    /// The chance of `part` or more of `whole` at a rate of `p`, term by term.
    fn tail(part: u64, whole: u64, p: f64) -> f64 {
        let mut chance = (1.0 - p).powi(i32::try_from(whole).unwrap());
        let mut sum = 0.0;
        for k in 0..=whole {
            if k >= part {
                sum += chance;
            }
            chance *= (whole - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
        }
        sum
    }

    #[test]
    fn it_never_asks_for_less_than_the_binomial_distribution_does() {
        for limit in [1.0, 5.0, 20.0, 50.0, 80.0] {
            for confidence in [60.0, 90.0, 95.0, 99.9] {
                for whole in 1..60 {
                    let Some(first) = enough(whole, limit, confidence) else { continue };
                    let chance = tail(first, whole, limit / 100.0);
                    let allowed = 1.0 - confidence / 100.0;
                    assert!(chance <= allowed * (1.0 + 1e-9), "{first} of {whole} at {limit}");
                }
            }
        }
    }

    #[test]
    fn no_number_is_too_much() {
        let ratios = [0, 1, 500_000, 999_999, 1_000_000].map(Ratio::from_ppm_clamped);
        for (part, whole) in [(0, 0), (1, 0), (u64::MAX, 1), (u64::MAX, u64::MAX), (0, u64::MAX)] {
            for limit in ratios {
                for confidence in ratios {
                    let above = is_above(part, whole, limit, confidence);
                    assert!(!above || part > 0 && whole > 0);
                }
            }
        }
        assert!(is_above(u64::MAX, u64::MAX, percent(99.9999), percent(99.9999)));
        assert!(!is_above(u64::MAX, u64::MAX, Ratio::ONE, percent(51.0)), "nothing is above all");
    }
}
