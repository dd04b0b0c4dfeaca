//! One mark for an episode, not one for each of its samples.

/// Turns surprises into the onsets of episodes: after one it is silent for some samples, unless a
/// sample comes that is rarer by a decade.
///
/// ```
/// use rely_detect::ensemble::Refractory;
///
/// let mut onsets = Refractory::default();
/// let seen = [0.3, 2.9, 3.1, 0.4, 4.2].map(|surprise| onsets.step(surprise));
/// assert_eq!(seen, [false, true, false, false, true]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Refractory {
    threshold: f64,
    samples: u32,
    left: u32,
    peak: f64,
}

impl Refractory {
    /// What a surprise has to reach by default: one sample in 250.
    pub const THRESHOLD: f64 = 2.4;
    /// For how many samples it is silent by default.
    pub const SAMPLES: u32 = 100;

    /// Onsets at a surprise of `threshold`, with `samples` of silence after each.
    #[must_use]
    pub const fn new(threshold: f64, samples: u32) -> Self {
        Self { threshold, samples, left: 0, peak: 0.0 }
    }

    /// Whether an episode begins with this sample.
    pub fn step(&mut self, surprise: f64) -> bool {
        let quiet = self.left > 0;
        self.left = self.left.saturating_sub(1);
        let needed = if quiet { self.peak + 1.0 } else { self.threshold };
        let begins = surprise >= needed;
        if begins {
            (self.left, self.peak) = (self.samples, surprise);
        }
        begins
    }

    /// Whether samples are left out after an onset.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.left > 0
    }
}

impl Default for Refractory {
    fn default() -> Self {
        Self::new(Self::THRESHOLD, Self::SAMPLES)
    }
}
