//! How much evidence makes an alarm, so that false ones come as rarely as asked for.

/// What a sample has to surprise by, in nats, to count as evidence at all.
pub(crate) const ALLOWANCE: f64 = 3.0;
/// How the excess of independent samples over that runs (the integral equation for the run length of
/// such a sum, solved for an allowance of three).
pub(crate) const SURPRISE: Usual = Usual { share: 0.046, height: 1.063, most: 3.0 };
/// For how many samples and excursions that stands before the series has shown its own.
const PRIOR_SAMPLES: f64 = 500.0;
const PRIOR_EXCURSIONS: f64 = 20.0;
/// How many samples and excursions are remembered. Five hundred give the mean to a twentieth.
const MOST_SAMPLES: f64 = 10_000.0;
const MOST_EXCURSIONS: f64 = 500.0;
/// By what an alarm raises the threshold, in nats, and by what the time for which one is allowed lowers
/// it: three quarters of the rate, and several alarms until it counts.
const STEP: f64 = 0.3;
/// How far that may go, in usual heights. What it adds at most is a p-value a fiftieth as large.
const LOWEST: f64 = -2.0;
const HIGHEST: f64 = 4.0;
/// No series lowers the threshold below that share of what independent samples ask for.
const LEAST: f64 = 0.4;
/// The share of excursions by which heights are told, and the least step of what they rise over.
const HIGH: f64 = 0.25;
const SLOWEST: f64 = 0.05;
/// An excess over twice the mean counts as that, so that incidents do not pass for what the series
/// does by itself; what this takes from the mean of an exponential law, `1 - exp(-2)`, is put back.
const CLIP: f64 = 2.0;
const CLIPPED: f64 = 0.864_664_7;
/// An alarm that far beyond its threshold, one in a hundred by chance, is taken for a true one.
const GROSS: f64 = 4.6;

/// How excursions run where samples are independent: `share` of samples begin one, and a share
/// `exp(-h / height)` of these rises over `h`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(crate) struct Usual {
    pub(crate) share: f64,
    pub(crate) height: f64,
    /// How many times the threshold for these may be at most.
    pub(crate) most: f64,
}

/// Sets the threshold for a sum of evidence.
///
/// A sum that is zero most of the time makes excursions, and the heights of these are exponential far
/// out, whatever the samples are and however they hang together (H. Cramér's and F. Lundberg's bound
/// for random walks with a negative drift). So the share of samples at which an excursion begins, what
/// the highest quarter of them rise over, and by how much in the mean, say at which height one in so
/// many samples peaks: without an alarm having to come first. What is left of an error is taken out by the alarms themselves, in the way of adaptive
/// conformal inference (I. Gibbs, E. Candès: "Adaptive conformal inference under distribution shift",
/// `NeurIPS` 2021): in slow steps, and within bounds, so that no row of incidents makes it deaf.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(crate) struct AlarmRate {
    usual: Usual,
    /// The share of samples with which an excursion begins.
    share: f64,
    samples: f64,
    /// What a quarter of the excursions rise over, and by how much in the mean.
    high: f64,
    excess: f64,
    excursions: f64,
    /// The height of the excursion that goes on, or zero.
    peak: f64,
    correction: f64,
}

impl AlarmRate {
    pub(crate) fn new(usual: Usual) -> Self {
        Self {
            usual,
            share: usual.share,
            samples: PRIOR_SAMPLES,
            high: -HIGH.ln() * usual.height,
            excess: usual.height,
            excursions: PRIOR_EXCURSIONS,
            peak: 0.0,
            correction: 0.0,
        }
    }

    /// What the evidence has to reach, so that an alarm begins in a share `alpha` of samples.
    pub(crate) fn threshold(&self, alpha: f64) -> f64 {
        let usual = self.usual.height * (self.usual.share / alpha).ln();
        let rarer = (self.share * HIGH / alpha).ln().max(0.0);
        let seen = self.high + self.excess * rarer + self.usual.height * self.correction;
        // A series that is quiet for long must not make the first stir an alarm.
        seen.min(self.usual.most * usual).max(LEAST * usual).max(0.5)
    }

    /// Takes in the evidence after a sample, and whether an alarm began with it.
    pub(crate) fn learn(&mut self, evidence: f64, began: bool, alpha: f64) {
        let threshold = self.threshold(alpha);
        self.count(evidence > 0.0 && self.peak <= 0.0);
        if evidence > 0.0 {
            // However bad it gets, it is one excursion.
            self.peak = self.peak.max(evidence.min(threshold));
        } else if self.peak > 0.0 {
            self.end(self.peak);
            self.peak = 0.0;
        }
        self.correct(began && evidence < threshold + GROSS, alpha);
    }

    /// One more sample, with which an excursion begins or not.
    pub(crate) fn count(&mut self, begins: bool) {
        self.samples = (self.samples + 1.0).min(MOST_SAMPLES);
        self.share += (f64::from(u8::from(begins)) - self.share) / self.samples;
    }

    /// An excursion that rose to `peak` is over.
    pub(crate) fn end(&mut self, peak: f64) {
        self.excursions = (self.excursions + 1.0).min(MOST_EXCURSIONS);
        let is_high = peak > self.high;
        if is_high {
            let pace = 1.0 / (HIGH * self.excursions);
            let excess = (peak - self.high).min(CLIP * self.excess) / CLIPPED;
            self.excess += pace.min(1.0) * (excess - self.excess);
        }
        let pace = (2.0 / self.excursions).max(SLOWEST) * self.excess;
        self.high = (self.high + pace * (f64::from(u8::from(is_high)) - HIGH)).max(0.0);
    }

    /// What the alarms themselves say about their rate.
    pub(crate) fn correct(&mut self, false_alarm: bool, alpha: f64) {
        let drift = f64::from(u8::from(false_alarm)) - alpha;
        self.correction = (self.correction + STEP * drift).clamp(LOWEST, HIGHEST);
    }

    /// The excursion ended with a new level, which was its height.
    pub(crate) fn cut(&mut self) {
        if self.peak > 0.0 {
            self.end(self.peak);
        }
        self.peak = 0.0;
    }

    /// The excursion ends without having been one: a gap, say.
    pub(crate) const fn forget(&mut self) {
        self.peak = 0.0;
    }

    /// A snapshot may come from anywhere.
    pub(crate) fn is_sound(&self, like: &Self) -> bool {
        self.usual == like.usual
            && (0.0..=1.0).contains(&self.share)
            && (1.0..=MOST_SAMPLES).contains(&self.samples)
            && [self.high, self.excess, self.peak].iter().all(|height| (0.0..1e6).contains(height))
            && (1.0..=MOST_EXCURSIONS).contains(&self.excursions)
            && (LOWEST..=HIGHEST).contains(&self.correction)
    }
}

#[cfg(test)]
mod tests {
    use rely_core::rng::Rng;

    use super::*;

    /// Alarms in a share of what was asked for; each sample has `carried` of the surprise before in it.
    fn alarms(alpha: f64, samples: u32, carried: f64, heavier: f64) -> f64 {
        let (mut rng, mut rate) = (Rng::seeded(1), AlarmRate::new(SURPRISE));
        let (mut surprise, mut sum, mut alarms, mut alarm) = (0.0, 0.0_f64, 0, false);
        for _ in 0..samples {
            let fresh = -heavier * (1.0 - rng.unit_f64()).ln();
            surprise = carried * surprise + (1.0 - carried) * fresh * (1.0 + carried);
            let threshold = rate.threshold(alpha);
            sum = (sum + surprise - ALLOWANCE).clamp(0.0, 1.25 * threshold + 1.0);
            let began = !alarm && sum >= threshold;
            alarm = began || alarm && sum > threshold / 2.0;
            rate.learn(sum, began, alpha);
            assert!(rate.is_sound(&AlarmRate::new(SURPRISE)));
            alarms += u32::from(began);
        }
        f64::from(alarms) / (alpha * f64::from(samples))
    }

    #[test]
    fn alarms_come_as_often_as_asked_for_whatever_the_surprise_is() {
        // Correlation, by what factor the surprise is off; all would be wrong by far without learning.
        for (carried, heavier) in [(0.0, 1.0), (0.5, 1.0), (0.7, 1.2), (0.0, 1.6), (0.0, 0.7)] {
            let ratio = alarms(1e-3, 200_000, carried, heavier);
            println!("{carried} {heavier}: {ratio:.2}");
            assert!((0.7..1.4).contains(&ratio), "{carried} {heavier}: {ratio}");
        }
    }

    #[test]
    fn no_row_of_incidents_makes_it_deaf() {
        let (mut rate, alpha) = (AlarmRate::new(SURPRISE), 1e-4);
        let usual = rate.threshold(alpha);
        for n in 0..100_000 {
            let height = if n % 10 == 0 { rate.threshold(alpha) + 1.0 } else { 0.0 };
            rate.learn(height, height > 0.0, alpha);
        }
        assert!(rate.threshold(alpha) <= 3.0 * usual);
        // And silence does not make it nervous.
        (0..1_000_000).for_each(|_| rate.learn(0.0, false, alpha));
        assert!(rate.threshold(alpha) >= 0.4 * usual);
    }
}
