use rely_core::{ConfigError, Instant, config};

use super::gain;
use crate::Sample;
use crate::calibrated::{Assessment, Calibrated, CalibratedBuilder, Model};

/// What a value is compared with. Exhaustive by nature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Baseline {
    /// The median of the last weeks at this time of the week, raised or lowered by how the series
    /// stands to them lately.
    #[default]
    TimeOfWeek,
    /// The mean of the past week, its highest and lowest tenths left out.
    PastWeek,
}

/// What a [`WeeklyRatio`] compares with; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `baseline` | time of week | |
/// | `slots` | 168 | 7 to 2016 |
/// | `weeks` | 4 | 1 to 12 |
/// | `minimum` | 0 | at least 0 |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "What a weekly ratio compares with."))]
pub struct WeeklyRatioConfig {
    /// What a value is compared with.
    pub baseline: Baseline,
    /// Into how many equal parts the week is divided.
    pub slots: u32,
    /// Of how many weeks the median is taken.
    pub weeks: u32,
    /// The least traffic that counts, in the unit of the series: where less was expected, deviations
    /// are measured against this, so that three calls instead of one are no alarm.
    pub minimum: f64,
}

impl Default for WeeklyRatioConfig {
    fn default() -> Self {
        Self { baseline: Baseline::TimeOfWeek, slots: 168, weeks: 4, minimum: 0.0 }
    }
}

impl WeeklyRatioConfig {
    /// The model, which knows nothing yet.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn build(self) -> Result<WeeklyRatio, ConfigError> {
        config::in_range("slots", self.slots, 7..=2016)?;
        config::in_range("weeks", self.weeks, 1..=12)?;
        config::in_range("minimum", self.minimum, 0.0..=Sample::LIMIT)?;
        Ok(WeeklyRatio::new(self))
    }
}

/// The current value against what is usual at this time of the week, as a ratio.
///
/// The operator's classic, "1.5 times the weekly average", done right: a median over weeks, so that
/// last week's incident or holiday is not this week's yardstick, a line between the middles of the
/// slots, a level for growth, a least traffic. The unit of deviation is what was expected: 0.5 is half
/// as much again, or half as little. For series that are over zero. It says nothing in its first week.
///
/// ```
/// use rely_detect::calibrated::Threshold;
/// use rely_detect::families::{Baseline, WeeklyRatio, WeeklyRatioConfig};
/// use rely_detect::Side;
///
/// // With p-values and a promise about false alarms:
/// let calibrated = WeeklyRatio::detector("checkouts").build()?;
/// // The plain rule: over 1.5 times the average of the past week, given ten calls or more.
/// let past_week = WeeklyRatioConfig { baseline: Baseline::PastWeek, minimum: 10.0, ..Default::default() };
/// let plain = Threshold::new("checkouts", past_week.build()?, 0.5)?.side(Side::High);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct WeeklyRatio {
    config: WeeklyRatioConfig,
    /// The means of a slot in each week, side by side.
    means: Vec<Option<f32>>,
    /// Slots since the clock's origin.
    slot: u64,
    sum: f64,
    samples: u64,
    /// The medians of the slot and of its neighbours, or the past week's average thrice.
    usual: [Option<f64>; 3],
    /// How the series stands to those.
    level: f64,
    last: Option<Instant>,
}

/// Nanoseconds.
const WEEK: u64 = 7 * 24 * 3600 * 1_000_000_000;
/// How fast the level follows, in seconds: growth from week to week, not the course of a day.
const LEVEL_TIME: f64 = 7.0 * 24.0 * 3600.0;
/// What a relearnt level may be off by.
const MOST: f64 = 100.0;

/// A ratio needs no more digits than seven.
#[expect(clippy::cast_possible_truncation, reason = "clamped to what fits")]
fn short(mean: f64) -> f32 {
    let most = f64::from(f32::MAX) / 4.0;
    mean.clamp(-most, most) as f32
}

impl WeeklyRatio {
    /// A detector of the series called `name`, by the default configuration.
    pub fn detector(name: impl Into<String>) -> CalibratedBuilder<Self> {
        Calibrated::builder(name, Self::default())
    }

    fn new(config: WeeklyRatioConfig) -> Self {
        let means = vec![None; config.slots as usize * config.weeks as usize];
        let usual = [None; 3];
        Self { config, means, slot: 0, sum: 0.0, samples: 0, usual, level: 1.0, last: None }
    }

    fn length(&self) -> u64 {
        WEEK / u64::from(self.config.slots.max(1))
    }

    /// The means of a slot of the week in each of the last weeks.
    fn of_slot(&self, slot: u64) -> &[Option<f32>] {
        let weeks = self.config.weeks as usize;
        let slot = usize::try_from(slot % u64::from(self.config.slots.max(1))).unwrap_or(0);
        self.means.get(slot * weeks..(slot + 1) * weeks).unwrap_or(&[])
    }

    fn week(&self, slot: u64) -> usize {
        let week = slot / u64::from(self.config.slots.max(1)) % u64::from(self.config.weeks.max(1));
        usize::try_from(week).unwrap_or(0)
    }

    fn median(&self, slot: u64) -> Option<f64> {
        let mut held = [0.0_f32; 12];
        let mut count = 0;
        for (place, mean) in held.iter_mut().zip(self.of_slot(slot).iter().flatten()) {
            (*place, count) = (*mean, count + 1);
        }
        let held = held.get_mut(..count)?;
        held.sort_unstable_by(f32::total_cmp);
        let at = |place: usize| held.get(place).copied().map(f64::from);
        // The lower and the upper median, which are one where the number is odd.
        Some(f64::midpoint(at(count.checked_sub(1)? / 2)?, at(count / 2)?))
    }

    /// The trimmed mean of the week before `slot`, if half of it is known.
    fn past_week(&self, slot: u64) -> Option<f64> {
        let slots = u64::from(self.config.slots);
        let mean = |slot: u64| self.of_slot(slot).get(self.week(slot)).copied().flatten();
        let mut held: Vec<f32> = (slot.saturating_sub(slots)..slot).filter_map(mean).collect();
        if held.len() * 2 < self.config.slots as usize {
            return None;
        }
        held.sort_unstable_by(f32::total_cmp);
        let cut = held.len() / 10;
        let middle = held.get(cut..held.len() - cut)?;
        Some(middle.iter().map(|mean| f64::from(*mean)).sum::<f64>() / middle.len() as f64)
    }

    fn enter(&mut self, slot: u64) {
        if self.samples > 0 {
            let (place, week) = (self.slot % u64::from(self.config.slots), self.week(self.slot));
            let place = usize::try_from(place).unwrap_or(0) * self.config.weeks as usize + week;
            let mean = short(self.sum / self.samples as f64);
            if let Some(held) = self.means.get_mut(place) {
                *held = Some(mean);
            }
        }
        (self.slot, self.sum, self.samples) = (slot, 0.0, 0);
        self.usual = self.look_up(slot);
    }

    fn look_up(&self, slot: u64) -> [Option<f64>; 3] {
        match self.config.baseline {
            Baseline::PastWeek => [self.past_week(slot); 3],
            Baseline::TimeOfWeek => {
                let before = slot + u64::from(self.config.slots) - 1;
                [before, slot, slot + 1].map(|slot| self.median(slot))
            }
        }
    }

    /// What is usual at this time, before the level.
    fn usual(&self, at: Instant) -> Option<f64> {
        let slot = at.as_nanos() / self.length();
        let [before, own, after] = if slot == self.slot { self.usual } else { self.look_up(slot) };
        let own = own?;
        // Half a slot from its middle, the neighbour counts for as much.
        let place = (at.as_nanos() % self.length()) as f64 / self.length() as f64 - 0.5;
        let neighbour = if place < 0.0 { before } else { after };
        Some(own + place.abs() * (neighbour.unwrap_or(own) - own))
    }

    fn unit(&self, expected: f64) -> f64 {
        expected.abs().max(self.config.minimum).max(1e-9)
    }
}

impl Default for WeeklyRatio {
    fn default() -> Self {
        Self::new(WeeklyRatioConfig::default())
    }
}

impl Model for WeeklyRatio {
    fn assess(&self, sample: &Sample) -> Option<Assessment> {
        let expected = self.usual(sample.at)? * self.level;
        Some(Assessment::new(sample, expected, self.unit(expected)))
    }

    fn learn(&mut self, sample: &Sample) {
        let slot = sample.at.as_nanos() / self.length();
        if slot != self.slot {
            self.enter(slot);
        }
        self.sum += sample.value;
        self.samples = self.samples.saturating_add(1);
        if self.config.baseline == Baseline::TimeOfWeek {
            if let Some(expected) = self.usual(sample.at).map(|usual| usual * self.level) {
                let passed = self.last.map_or(0.0, |last| (sample.at - last).as_secs_f64());
                let off = (sample.value - expected) / self.unit(expected);
                let pace = gain(passed, LEVEL_TIME, u64::MAX);
                self.level *= 1.0 + pace * off.clamp(-0.5, 0.5) * expected.signum();
                self.level = self.level.clamp(1.0 / MOST, MOST);
            }
        }
        self.last = Some(sample.at);
    }

    fn relearn(&mut self, from: f64, to: f64) {
        let factor = to / from;
        if factor.is_finite() && factor > 0.0 {
            let factor = factor.clamp(1.0 / MOST, MOST);
            match self.config.baseline {
                Baseline::TimeOfWeek => {
                    self.level = (self.level * factor).clamp(1.0 / MOST, MOST);
                }
                Baseline::PastWeek => {
                    for mean in self.means.iter_mut().flatten() {
                        *mean = short(f64::from(*mean) * factor);
                    }
                    self.usual = self.look_up(self.slot);
                }
            }
        }
    }

    fn fits(&self, restored: &Self) -> bool {
        let sound = |mean: &f32| mean.abs() <= f32::MAX / 4.0;
        self.config == restored.config
            && self.means.len() == restored.means.len()
            && restored.means.iter().flatten().all(sound)
            && super::usable(restored.level)
            && (1.0 / MOST..=MOST).contains(&restored.level)
            && restored.sum.is_finite()
            && restored.slot <= u64::MAX / self.length()
            && restored.usual == restored.look_up(restored.slot)
    }

    fn heap_bytes(&self) -> usize {
        self.means.capacity() * size_of::<Option<f32>>()
    }
}
