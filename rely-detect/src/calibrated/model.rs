//! What a family of detectors has to know, and no more.

use crate::Sample;

/// What is expected of a series, and how far out a value is: the part in which families differ.
///
/// A model sees usable samples only, in order of time, and says nothing about alarms; that is for the
/// shell around it, [`Calibrated`](super::Calibrated) or [`Threshold`](super::Threshold).
///
/// ```
/// use rely_core::Instant;
/// use rely_detect::calibrated::{Assessment, Calibrated, Model};
/// use rely_detect::{Detector, Sample};
///
/// /// Expects the value before.
/// #[derive(Clone, Debug, Default)]
/// struct Last(Option<f64>);
///
/// impl Model for Last {
///     fn assess(&self, sample: &Sample) -> Option<Assessment> {
///         self.0.map(|last| Assessment::new(sample, last, 1.0))
///     }
///
///     fn learn(&mut self, sample: &Sample) {
///         self.0 = Some(sample.value);
///     }
///
///     fn relearn(&mut self, _from: f64, to: f64) {
///         self.0 = Some(to);
///     }
///
///     fn fits(&self, restored: &Self) -> bool {
///         restored.0.is_none_or(f64::is_finite)
///     }
/// }
///
/// let mut detector = Calibrated::builder("queue length", Last::default()).build()?;
/// let reading = detector.observe(Sample::new(Instant::from_nanos(1), 3.0));
/// assert_eq!(reading.expected, None);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub trait Model {
    /// Whether a coarse calibration of 240 bytes is to be used for it, instead of one of a kilobyte.
    const LIGHT: bool = false;

    /// What was expected of the sample and how far out it is, from earlier samples alone; `None` while
    /// too little is known.
    fn assess(&self, sample: &Sample) -> Option<Assessment>;

    /// Takes in a sample. One that lies far out comes with its value moved to the edge of what is
    /// ordinary, and none comes during an alarm.
    fn learn(&mut self, sample: &Sample);

    /// The series lies at `to` from now on, where `from` was expected: moves the level, keeps the shape.
    fn relearn(&mut self, from: f64, to: f64);

    /// Whether `restored`, which may come from anywhere, is made to the same configuration and sound.
    fn fits(&self, restored: &Self) -> bool;

    /// Takes in what another one has learnt; `false`, and nothing changed, where that has no meaning.
    fn merge(&mut self, other: &Self) -> bool
    where
        Self: Sized,
    {
        let _ = other;
        false
    }

    /// What it takes up on the heap, in bytes.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// What a [`Model`] says about a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// What was expected, in the unit of the series.
    pub expected: f64,
    /// How far out the sample is, zero or more: in a unit in which ordinary samples are near one, such
    /// as standard deviations. Anything under a millionth counts as nothing.
    pub deviation: f64,
    /// What one unit of deviation is in the unit of the series.
    pub scale: f64,
}

impl Assessment {
    /// The deviation from `expected`, counted in `scale`s, which is over zero.
    #[must_use]
    pub fn new(sample: &Sample, expected: f64, scale: f64) -> Self {
        Self { expected, deviation: (sample.value - expected).abs() / scale, scale }
    }

    /// A model may be anybody's.
    pub(super) fn sound(self) -> Option<Self> {
        let sound = self.expected.is_finite() && self.deviation >= 0.0 && self.scale > 0.0;
        (sound && self.scale.is_finite()).then_some(self)
    }
}
