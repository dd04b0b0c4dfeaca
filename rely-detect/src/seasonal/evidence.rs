//! How consecutive p-values add up to an alarm.

/// What a sample has to surprise by, in nats, to count as evidence at all.
const ALLOWANCE: f64 = 3.0;

/// A cumulative sum of surprise, `-ln p`, less an allowance for each sample (E. S. Page: "Continuous
/// inspection schemes", Biometrika 41, 1954).
///
/// The surprise of an ordinary sample is exponential with mean one, whatever the series, so the time
/// from one false alarm to the next depends on the threshold alone. For an allowance of three it is
/// `exp(SLOPE × threshold + INTERCEPT)` samples, to a hundredth for thresholds over two: the solution
/// of the integral equation for the run length, `SLOPE` being the root of `1 - t = exp(-3 t)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evidence {
    threshold: f64,
}

const SLOPE: f64 = 0.940_479_8;
const INTERCEPT: f64 = 3.079;

impl Evidence {
    /// Evidence that is enough by chance in a share `alpha` of samples, at most 0.03.
    pub(super) fn new(alpha: f64) -> Self {
        Self { threshold: ((-alpha.ln() - INTERCEPT) / SLOPE).max(0.1) }
    }

    /// The evidence after a sample of this p-value.
    ///
    /// It is bounded, so that an alarm ends within a few ordinary samples, however long it lasted.
    pub(super) fn add(self, so_far: f64, p_value: f64) -> f64 {
        (so_far - p_value.ln() - ALLOWANCE).clamp(0.0, 1.25 * self.threshold + 1.0)
    }

    /// Whether there is an alarm: it begins at the threshold and ends at half of it.
    pub(super) fn is_alarm(self, evidence: f64, was_alarm: bool) -> bool {
        evidence >= self.threshold || was_alarm && evidence > self.threshold / 2.0
    }

    /// From 0 to 1.
    pub(super) fn score(self, evidence: f64) -> f64 {
        (evidence / self.threshold).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use rely_core::rng::Rng;

    use super::*;

    #[test]
    fn false_alarms_come_as_often_as_asked_for() {
        for (alpha, samples) in [(0.03, 200_000), (0.01, 400_000), (0.001, 2_000_000)] {
            let evidence = Evidence::new(alpha);
            let (mut rng, mut sum, mut alarms) = (Rng::seeded(1), 0.0, 0);
            for _ in 0..samples {
                sum = evidence.add(sum, 1.0 - rng.unit_f64());
                if evidence.is_alarm(sum, false) {
                    (sum, alarms) = (0.0, alarms + 1);
                }
            }
            let ratio = f64::from(alarms) / (alpha * f64::from(samples));
            assert!((0.9..1.1).contains(&ratio), "{alpha}: {ratio}");
        }
    }

    #[test]
    fn a_gross_sample_is_enough_alone_and_lesser_ones_add_up() {
        let evidence = Evidence::new(1e-4);
        let needed = |p: f64| {
            let mut sum = 0.0;
            (1..100).find(|_| {
                sum = evidence.add(sum, p);
                evidence.is_alarm(sum, false)
            })
        };
        assert_eq!(needed(7e-5), Some(1));
        assert_eq!(needed(2e-4), Some(2));
        assert_eq!(needed(1e-2), Some(5));
        assert_eq!(needed(0.05), None);
        // However bad it was, it ends within a few ordinary samples.
        let mut sum = (0..100).fold(0.0, |sum, _| evidence.add(sum, 1e-15));
        let ordinary = (1..100).find(|_| {
            sum = evidence.add(sum, 0.5);
            !evidence.is_alarm(sum, true)
        });
        assert!(ordinary <= Some(4), "{ordinary:?}");
    }
}
