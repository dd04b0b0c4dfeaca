//! What the floors say when a slot is over.

use core::time::Duration;

use rely_core::Instant;

use super::config::Rules;
use super::growth::Growth;
use super::kendall::{self, MannKendall};
use super::ramp::{self, Ramp};
use super::sen::{self, median};
use super::state::{Stand, State};

/// How much above its past a floor must lie to count, in standard deviations of the difference to the
/// season before: half of the smallest shift that is to be found, one, as usual for a cumulative sum
/// (E. S. Page, Biometrika 41, 1954).
const ALLOWANCE: f64 = 0.5;
/// The seasonal test passes at this many standard deviations: 1 in 4000 where nothing grows.
const PROOF: f64 = 3.5;
/// A ramp wins over a step by this ratio of likelihoods: twice its logarithm over 10 is "very strong"
/// evidence (R. E. Kass, A. E. Raftery, JASA 90, 1995).
const VERY_STRONG: f64 = 10.0;

/// How many floors have to be there before anything is judged.
pub(super) const fn need(rules: &Rules) -> usize {
    rules.slots + rules.slots / 2
}

impl State {
    /// Judges afresh after a slot that ended at `end`.
    pub(super) fn judge(&mut self, rules: &Rules, end: Instant) {
        if self.floors.iter().flatten().count() < need(rules) {
            self.stand = Stand::WarmingUp;
            return;
        }
        let (spread, level) = self.scale(rules);
        let excess = self.excess(rules, 1);
        let most = rules.slots as f64;
        if let Some(excess) = excess {
            // No single floor is worth more than a fourth of the threshold.
            let score = (excess / spread).clamp(-0.25 * most, 0.25 * most);
            self.evidence = (self.evidence + score - ALLOWANCE).clamp(0.0, most);
        }
        let test = self.seasonal_test(rules);
        self.p_value = Some(test.p_rising().clamp(f64::MIN_POSITIVE, 1.0));
        let fast = self.evidence >= most;
        let suspect = fast || self.alarm || test.z >= PROOF;
        let ramp = suspect.then(|| ramp::fit(self.floors.iter().copied(), rules.slots)).flatten();
        let Some(ramp) = ramp else {
            (self.alarm, self.growth, self.stand) = (false, None, Stand::Ordinary);
            return;
        };
        let test = test.inflated(resemblance(&ramp.rest, rules.slots));
        self.p_value = Some(test.p_rising().clamp(f64::MIN_POSITIVE, 1.0));
        let proven = test.z >= PROOF && self.makes_new_highs(rules);
        // The difference of two floors varies by twice what one does.
        let grows = ramp.better > VERY_STRONG * 0.5 * spread * spread;
        let matters = ramp.slope * rules.slots as f64 > rules.tolerance * level;
        let holds = self.evidence > 0.0 || proven;
        let sure = (fast || proven) && grows && matters;
        self.stand = match (sure, self.alarm && holds, fast && !grows) {
            (true, _, _) => Stand::Alarm,
            (false, true, _) => Stand::Recovering,
            (false, false, true) => Stand::Risen,
            (false, false, false) if matters || !grows => Stand::Ordinary,
            (false, false, false) => Stand::Tolerated,
        };
        self.alarm = matches!(self.stand, Stand::Alarm | Stand::Recovering);
        let known = sure || self.alarm && grows;
        self.growth = known.then(|| self.growth(rules, &ramp, end)).flatten();
    }

    /// By how much floors usually differ from those of the season before, as a standard deviation, and
    /// the level of the floors. What does not matter is no deviation.
    fn scale(&self, rules: &Rules) -> (f64, f64) {
        let level = median(&mut self.floors.iter().flatten().copied().collect::<Vec<_>>());
        let level = level.unwrap_or(0.0).abs();
        let before = self.floors.iter().zip(self.floors.iter().skip(rules.slots));
        let mut steps: Vec<f64> =
            before.filter_map(|(early, late)| Some((*late)? - (*early)?)).collect();
        let middle = median(&mut steps).unwrap_or(0.0);
        steps.iter_mut().for_each(|step| *step = (*step - middle).abs());
        // 1.4826 makes the median deviation of normal noise its standard deviation.
        let spread = 1.4826 * median(&mut steps).unwrap_or(0.0);
        (spread.max(rules.tolerance * level).max(f64::MIN_POSITIVE.sqrt()), level)
    }

    /// How far a floor, counted from the newest on, lies over all earlier ones of the same slot.
    fn excess(&self, rules: &Rules, from_newest: usize) -> Option<f64> {
        let place = self.floors.len().checked_sub(from_newest)?;
        let earlier = self.floors.iter().take(place).rev().skip(rules.slots - 1);
        let highest = earlier.step_by(rules.slots).flatten().copied().reduce(f64::max)?;
        Some((*self.floors.get(place)?)? - highest)
    }

    /// Whether most floors of the last season lie over everything before them in their slot: a
    /// saw-tooth that takes days does not.
    fn makes_new_highs(&self, rules: &Rules) -> bool {
        let excess = (1..=rules.slots).filter_map(|place| self.excess(rules, place));
        median(&mut excess.collect::<Vec<_>>()).is_some_and(|excess| excess > 0.0)
    }

    /// The seasonal test: pairs of the same slot alone, added up over the slots (R. M. Hirsch, J. R.
    /// Slack, R. A. Smith: "Techniques of Trend Analysis for Monthly Water Quality Data", Water Resources
    /// Research 18, 1982).
    fn seasonal_test(&self, rules: &Rules) -> MannKendall {
        let (mut s, mut variance) = (0, 0.0);
        for slot in 0..rules.slots {
            let of_slot = self.floors.iter().skip(slot).step_by(rules.slots).flatten();
            let test = kendall::mann_kendall(&of_slot.copied().collect::<Vec<_>>());
            s += test.s;
            variance += test.variance;
        }
        MannKendall::new(s, variance)
    }

    /// The slope and since when, above the season, by Theil and Sen.
    fn growth(&self, rules: &Rules, ramp: &Ramp, end: Instant) -> Option<Growth> {
        let after = ramp.level.iter().filter(|(slot, _)| *slot >= ramp.onset as f64);
        let after: Vec<(f64, f64)> = after.copied().collect();
        let line = sen::theil_sen(&after)?;
        let values: Vec<f64> = after.iter().map(|(_, value)| *value).collect();
        let test = kendall::mann_kendall_autocorrelated(&values);
        let (low, high) = sen::sen_interval(&after, &test, 1.96);
        let step = rules.step.as_secs_f64();
        let ago = u32::try_from(self.floors.len() - ramp.onset).unwrap_or(u32::MAX);
        let newest = self.peaks.len().saturating_sub(1);
        let peaks = self.peaks.iter().enumerate();
        let peaks = peaks.filter_map(|(n, peak)| Some((*peak)? + line.slope * (newest - n) as f64));
        let bound = |slope: f64| Some(slope / step).filter(|slope| slope.is_finite());
        Some(Growth {
            per_second: line.slope / step,
            low: bound(low),
            high: bound(high),
            since: end - rules.step.saturating_mul(ago),
            at: end,
            ceiling: peaks.reduce(f64::max)?,
        })
    }
}

/// How much the resemblance of neighbouring slots raises the variance of a sum over the slots of a
/// season, from what neither season nor ramp explains. Correlation counts up to where it ends.
fn resemblance(rest: &[f64], slots: usize) -> f64 {
    let squares: f64 = rest.iter().map(|rest| rest * rest).sum();
    if squares <= 0.0 {
        return 1.0;
    }
    let of_lag = |lag: usize| {
        let along: f64 = rest.iter().zip(rest.iter().skip(lag)).map(|(a, b)| a * b).sum();
        (1.0 - lag as f64 / slots as f64) * along / squares
    };
    1.0 + 2.0 * (1..slots).map(of_lag).take_while(|part| *part > 0.0).sum::<f64>()
}

/// A time in seconds, as far as a duration can hold it.
pub(super) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}
