//! From what the channels say to p-value, severity and level.
#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are kept in few bits, within bounds that are checked"
)]

use core::f64::consts::LN_10;

use rely_core::{Instant, Level};

use super::EnsembleConfig;
use super::alarm::{Alarm, Held, Step};
use super::model::{FORECAST, Model, NOVELTY, Point, Said, Scored};
use super::scale::Scale;
use super::state::{DAY, Judge, WEEK};
use crate::detector::{Causes, Channel};
use crate::{Band, Why};

/// The least effect that is told from none.
const LEAST_EFFECT: f64 = 1e-3;
/// What a deviation is worth at least that raises an alarm, rarity and effect taken together.
const LEAST_WORTH: f64 = 0.25;
/// A deviation of ten times what was expected is as bad as any larger one.
const MOST_EFFECT: f64 = 10.0;
/// What stands beside the expected value in a ratio, as a share of the range: a series around zero.
const BESIDE: f64 = 0.1;
/// An alarm is never rarer than this, nor more frequent than the other, however samples come.
const ALPHAS: (f64, f64) = (1e-9, 0.01);

/// What is said of one sample, in the unit of the series.
pub(super) struct Judged {
    pub(super) expected: f64,
    pub(super) band: Option<Band>,
    pub(super) p_value: f64,
    pub(super) resolution: f64,
    pub(super) severity: f64,
    pub(super) score: f64,
    pub(super) level: Level,
    pub(super) why: Why,
    pub(super) causes: Causes,
    pub(super) held: Option<Held>,
}

impl<M: Model> Judge<M> {
    /// One that has seen the past, in the scale that the past has.
    ///
    /// `last`: it will not start anew again.
    pub(super) fn replay(
        past: &[(Instant, f64)],
        config: &EnsembleConfig,
        anchor: u64,
        last: bool,
    ) -> Self {
        let mut gaps: Vec<u64> = past
            .windows(2)
            .filter_map(|pair| Some((pair.last()?.0 - pair.first()?.0).as_nanos() as u64))
            .collect();
        gaps.sort_unstable();
        let step = gaps.get(gaps.len() / 2).copied().unwrap_or(1).max(1) as f64;
        let scale = Scale::of(past.iter().map(|(_, value)| *value), M::RING);
        let mut judge = Self {
            model: M::new(DAY as f64 / step, scale.range),
            scale,
            severities: Self::severities(),
            alarm: Alarm::new(),
            step,
        };
        if last {
            judge.model.settle();
        }
        let mut before: Option<Instant> = None;
        for &(at, value) in past {
            let since = before.map_or(step, |before| (at - before).as_nanos() as f64);
            judge.judge(config, anchor, at, value, since);
            before = Some(at);
        }
        judge.alarm.held = None;
        judge
    }

    pub(super) fn accept(&mut self, value: f64) {
        self.model.accept(self.scale.inward(value));
        self.alarm.held = None;
    }

    pub(super) fn judge(
        &mut self,
        config: &EnsembleConfig,
        anchor: u64,
        at: Instant,
        value: f64,
        since: f64,
    ) -> Option<Judged> {
        let alpha = self.step / (config.false_alarm_every.as_nanos() as f64);
        let alpha = alpha.clamp(ALPHAS.0, ALPHAS.1);
        let inward = self.scale.inward(value);
        let rescaled = self.scale.add(inward, M::RING);
        let time = (at.as_nanos() % WEEK + anchor) % WEEK;
        let point = Point {
            value: inward,
            steps: (since / self.step).max(1e-6),
            day: (time % DAY) as f64 / DAY as f64,
            week: time as f64 / WEEK as f64,
            center: self.scale.center,
            range: self.scale.range,
            rescaled,
            side: config.side,
            alpha,
        };
        let said = self.model.step(&point);
        let (p_value, resolution) = combined(&said)?;
        let inside = said.expected?;
        let expected = self.scale.outward(inside);
        let weight = self.weight(&point, inside, expected, &said);
        // The cube root: a severity of one more is a third of a decade, which the bins resolve.
        let rated = (weight / p_value).cbrt();
        let off = (value - expected).abs();
        let tolerated = off <= config.tolerance_share.as_f64() * expected.abs();
        // Where rarity is nothing beside how little the value is off, nobody has to care.
        let matters = !tolerated && weight >= LEAST_WORTH * p_value;
        let p_alarm = self.severities.p_value(rated).filter(|_| matters).unwrap_or(1.0);
        self.severities.add(rated);
        let threshold = self.alarm.threshold(alpha);
        let step = self.alarm.step(at, p_alarm, threshold, (value, expected));
        if step == Step::Over {
            self.accept(value);
        }
        let (level, why) = match step {
            Step::Alarm => (Level::Unhealthy, Why::Alarm),
            Step::Fading => (Level::Unhealthy, Why::Recovering),
            Step::Rare => (Level::Degraded, Why::Unusual),
            Step::Over => (Level::Healthy, Why::Relearnt),
            Step::Calm if p_value <= alpha => (Level::Healthy, Why::Tolerated),
            Step::Calm => (Level::Healthy, Why::Ordinary),
        };
        let reach = said.reach.map(|reach| self.scale.width(reach));
        let p_of = |scored: Option<Scored>| scored.map(|scored| scored.p);
        Some(Judged {
            expected,
            band: reach.map(|reach| Band { low: expected - reach, high: expected + reach }),
            p_value,
            resolution,
            // One more below the logarithm: never under zero, and small ones keep their order.
            severity: (weight / p_value).ln_1p() / LN_10,
            score: (p_alarm.ln() / threshold.ln()).clamp(0.0, 1.0),
            level,
            why,
            causes: Causes::of([
                (Channel::Novelty, p_of(said.novelty)),
                (Channel::Forecast, p_of(said.forecast)),
            ]),
            held: self.alarm.held,
        })
    }

    /// How large the deviation is beside what was expected, times the same beside what is usual.
    fn weight(&self, point: &Point, inside: f64, expected: f64, said: &Said) -> f64 {
        let beside = BESIDE * point.range;
        let effect = |from: f64, level: f64| {
            let off = point.value - from;
            let off = if point.counts(off) { off.abs() } else { 0.0 };
            (off / (level + beside)).min(MOST_EFFECT) + LEAST_EFFECT
        };
        let inward = |value: f64| (value / self.scale.width(1.0)).abs();
        let usual = self.scale.outward(said.usual);
        effect(inside, inward(expected)) * effect(said.usual, inward(usual))
    }
}

/// One p-value of those of the channels.
fn combined(said: &Said) -> Option<(f64, f64)> {
    match (said.novelty, said.forecast) {
        (Some(novelty), Some(forecast)) => {
            let (one, other) = (novelty.p / NOVELTY, forecast.p / FORECAST);
            if one < other {
                Some((one.min(1.0), novelty.resolution / NOVELTY))
            } else {
                Some((other.min(1.0), forecast.resolution / FORECAST))
            }
        }
        (one, other) => one.or(other).map(|scored| (scored.p, scored.resolution)),
    }
}
