use super::{floor, gain, usable};
use crate::Sample;
use crate::calibrated::{Assessment, Model};

/// Expects the mean of all samples since the last change of level: the reference of the test of Page
/// and Hinkley.
///
/// After a hundred thousand samples it moves on slowly, so that it never stands still.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct RunningMean {
    mean: f64,
    spread: f64,
    samples: u64,
}

const MOST: u64 = 100_000;

impl Model for RunningMean {
    const LIGHT: bool = true;

    fn assess(&self, sample: &Sample) -> Option<Assessment> {
        let scale = self.spread + floor(self.mean);
        (self.samples > 1).then(|| Assessment::new(sample, self.mean, scale))
    }

    fn learn(&mut self, sample: &Sample) {
        let off = sample.value - self.mean;
        if self.samples > 0 {
            self.spread += gain(0.0, 1.0, self.samples - 1) * (off.abs() - self.spread);
        }
        self.mean += gain(0.0, 1.0, self.samples) * off;
        self.samples = (self.samples + 1).min(MOST);
    }

    fn relearn(&mut self, _from: f64, to: f64) {
        // The level is not well known yet; the spread is.
        (self.mean, self.samples) = (to, self.samples.min(20));
    }

    fn fits(&self, restored: &Self) -> bool {
        let sound = usable(restored.mean) && usable(restored.spread) && restored.spread >= 0.0;
        sound && restored.samples <= MOST
    }
}
