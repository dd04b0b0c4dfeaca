//! Reconciling as plain data: what was seen comes in, what is to be done goes out.
//!
//! The machine holds no clock, asks nobody and replaces nothing. It decides on what it was just
//! shown: only [`Event::Looked`] begins an attempt.
//!
//! ```
//! use rely_core::Instant;
//! use rely_rollout::reconcile::machine::{Effect, Event, Machine, Seen};
//! use rely_rollout::{ReconcileConfig, Release};
//!
//! let release = Release::builder("v1").code("orders 1.0.0").build()?;
//! let now = Instant::ORIGIN;
//! let seen = |matches| {
//!     Event::Looked(vec![Seen::new("zone-a", release.clone(), Some(matches), now)])
//! };
//! let mut machine = Machine::new(ReconcileConfig::default(), 7)?;
//! let effects = machine.step(seen(false), now);
//! assert!(matches!(effects[..], [Effect::Replace { number: 1, attempt: 1, .. }]));
//! assert!(machine.step(seen(false), now).is_empty(), "one attempt at a time");
//! assert!(machine.step(Event::Done { number: 1 }, now).is_empty(), "said, not seen");
//! assert!(matches!(machine.step(seen(true), now)[..], [Effect::Reconciled { .. }]));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod effect;
mod lately;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rely_core::rng::Rng;
use rely_core::{Backoff, ConfigError, Instant};

pub use self::effect::Effect;
use self::lately::Lately;
use super::ReconcileConfig;
use crate::Release;

/// A declared instance as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Which.
    pub instance: Arc<str>,
    /// What it is to run.
    pub release: Release,
    /// Whether it runs that; nothing if that is not known, as it never reported or too long ago.
    pub matches: Option<bool>,
    /// When it reported.
    pub at: Instant,
    /// Whether the release is bad or quarantined.
    pub barred: bool,
}

impl Seen {
    /// An instance that is to run a release that is not barred.
    #[must_use]
    pub fn new(
        instance: impl Into<Arc<str>>,
        release: Release,
        matches: Option<bool>,
        at: Instant,
    ) -> Self {
        Self { instance: instance.into(), release, matches, at, barred: false }
    }
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Somebody looked; each declared instance once. One that is left out is not declared any more.
    Looked(Vec<Seen>),
    /// The replacement with this number is done, as far as the one who did it can tell.
    Done {
        /// The number.
        number: u64,
    },
    /// It failed.
    Failed {
        /// The number.
        number: u64,
        /// Why.
        why: Cow<'static, str>,
    },
    /// Somebody wants nothing new begun.
    Freeze,
    /// Somebody wants it to go on.
    Thaw,
    /// Somebody wants an instance tried again that was given up.
    Retry {
        /// Which.
        instance: Arc<str>,
    },
}

/// What is being done about an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// It is being replaced.
    Replacing {
        /// The attempt's number.
        number: u64,
    },
    /// It was replaced and has to report.
    Confirming,
    /// The next attempt is due then.
    Waiting {
        /// When.
        until: Instant,
    },
    /// Nothing any more; it was tried often enough.
    GaveUp,
    /// Nothing, as what it is to run is bad or quarantined.
    Refused,
}

#[derive(Clone, Debug)]
struct Work {
    release: Release,
    stage: Stage,
    attempts: u32,
    /// Whether anything was begun at it since it was last seen to run what was declared.
    touched: bool,
    /// When that was last; a report from before proves nothing.
    since: Instant,
    delay: Duration,
}

/// The machine. See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Machine {
    config: ReconcileConfig,
    backoff: Backoff,
    rng: Rng,
    work: BTreeMap<Arc<str>, Work>,
    lately: Lately,
    number: u64,
    frozen: bool,
    latest: Instant,
}

impl Machine {
    /// A machine that knows of nothing. The seed is for the jitter of the delays.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn new(config: ReconcileConfig, seed: u64) -> Result<Self, ConfigError> {
        let (backoff, rng) = (config.checked_backoff()?, Rng::seeded(seed));
        let (work, lately, latest) = (BTreeMap::new(), Lately::default(), Instant::ORIGIN);
        Ok(Self { config, backoff, rng, work, lately, number: 0, frozen: false, latest })
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &ReconcileConfig {
        &self.config
    }

    /// Whether somebody wants nothing new begun.
    #[must_use]
    pub const fn frozen(&self) -> bool {
        self.frozen
    }

    /// What is being done about which instance.
    pub fn stages(&self) -> impl Iterator<Item = (&Arc<str>, Stage)> {
        self.work.iter().map(|(instance, work)| (instance, work.stage))
    }

    /// How many instances were touched and are not back yet; at most the surge.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.work.values().filter(|work| work.touched).count()
    }

    /// When somebody should look again at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.work.values().filter_map(|work| self.due(work)).min()
    }

    fn due(&self, work: &Work) -> Option<Instant> {
        match work.stage {
            Stage::Replacing { .. } => Some(work.since + self.config.timeout),
            Stage::Confirming => Some(work.since + self.config.confirm),
            Stage::Waiting { until } => (!self.frozen).then_some(until),
            Stage::GaveUp | Stage::Refused => None,
        }
    }

    /// Lets something happen at `now`; returns what is to be done, in this order.
    ///
    /// An instant before that of an earlier event counts as that one.
    pub fn step(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        let mut effects = Vec::new();
        match event {
            Event::Looked(seen) => self.looked(seen, now, &mut effects),
            Event::Done { number } => {
                if let Some((_, work)) = self.attempt(number) {
                    (work.stage, work.since) = (Stage::Confirming, now);
                }
            }
            Event::Failed { number, why } => {
                if let Some(instance) = self.attempt(number).map(|(instance, _)| instance) {
                    effects.extend(self.failed(&instance, why, now));
                }
            }
            Event::Freeze if !self.frozen => {
                self.frozen = true;
                effects.push(Effect::Frozen);
            }
            Event::Thaw if self.frozen => {
                self.frozen = false;
                effects.push(Effect::Thawed);
            }
            Event::Retry { instance } => {
                if let Some(work) = self.work.get_mut(&instance) {
                    if work.stage == Stage::GaveUp {
                        work.again(now);
                    }
                }
            }
            Event::Freeze | Event::Thaw => {}
        }
        effects
    }

    fn attempt(&mut self, number: u64) -> Option<(Arc<str>, &mut Work)> {
        let it = self.work.iter_mut().find(|(_, w)| w.stage == Stage::Replacing { number });
        it.map(|(instance, work)| (Arc::clone(instance), work))
    }

    fn looked(&mut self, seen: Vec<Seen>, now: Instant, effects: &mut Vec<Effect>) {
        let seen: BTreeMap<_, _> = seen.into_iter().map(|s| (Arc::clone(&s.instance), s)).collect();
        // What is under way at an instance that is not declared any more still comes to its end.
        self.work.retain(|instance, work| {
            seen.contains_key(instance) || matches!(work.stage, Stage::Replacing { .. })
        });
        self.lately.forget(&seen, |instance| self.work.contains_key(instance), now);
        self.settle(&seen, now, effects);
        self.expire(&seen, now, effects);
        for seen in seen.values() {
            self.aim(seen, now, effects);
        }
        if !self.frozen {
            self.begin(&seen, now, effects);
        }
    }

    /// Lets go of the instances that are back.
    fn settle(&mut self, seen: &BTreeMap<Arc<str>, Seen>, now: Instant, effects: &mut Vec<Effect>) {
        let Self { backoff, rng, lately, .. } = self;
        self.work.retain(|instance, work| {
            let back = seen.get(instance).is_some_and(|seen| {
                seen.matches == Some(true)
                    && seen.at >= work.since
                    && !matches!(work.stage, Stage::Replacing { .. })
            });
            if let (true, Some(seen)) = (back && work.touched, seen.get(instance)) {
                lately.back(seen, backoff, rng, now);
                effects.push(Effect::Reconciled {
                    instance: Arc::clone(instance),
                    release: seen.release.clone(),
                    attempts: work.attempts,
                });
            }
            !back
        });
    }

    /// Ends what takes too long.
    fn expire(&mut self, seen: &BTreeMap<Arc<str>, Seen>, now: Instant, effects: &mut Vec<Effect>) {
        let late = self.work.iter().filter(|(_, work)| self.due(work).is_some_and(|at| at <= now));
        let late: Vec<_> =
            late.map(|(instance, work)| (Arc::clone(instance), work.stage)).collect();
        for (instance, stage) in late {
            let why = match stage {
                Stage::Replacing { number } => {
                    effects.push(Effect::Abandon { instance: Arc::clone(&instance), number });
                    "it took too long"
                }
                Stage::Confirming => match seen.get(&instance).map(|seen| seen.matches) {
                    Some(Some(false)) => "it still runs something else",
                    _ => "it does not report",
                },
                Stage::Waiting { .. } | Stage::GaveUp | Stage::Refused => continue,
            };
            effects.extend(self.failed(&instance, why.into(), now));
        }
    }

    /// Follows what was declared anew, and what was barred or pardoned.
    fn aim(&mut self, seen: &Seen, now: Instant, effects: &mut Vec<Effect>) {
        let refused = || Effect::Refused {
            instance: Arc::clone(&seen.instance),
            release: seen.release.clone(),
        };
        if let Some(work) = self.work.get_mut(&seen.instance) {
            let pardoned = work.stage == Stage::Refused && !seen.barred;
            match work.stage {
                // Going back waits for nothing that hangs, and what is bad does not come up.
                Stage::Replacing { number }
                    if !self.frozen && (work.release != seen.release || seen.barred) =>
                {
                    let instance = Arc::clone(&seen.instance);
                    effects.push(Effect::Abandon { instance, number });
                    work.release = seen.release.clone();
                    work.since = now;
                    work.again(now);
                }
                Stage::Replacing { .. } => return,
                _ if work.release != seen.release || pardoned => {
                    work.release = seen.release.clone();
                    work.again(now);
                }
                _ => {}
            }
            if seen.barred && matches!(work.stage, Stage::Waiting { .. }) {
                work.stage = Stage::Refused;
                effects.push(refused());
            }
            // One that was never touched holds no place: it is seen as if for the first time.
            if !work.touched && work.stage != Stage::Refused {
                self.work.remove(&seen.instance);
            }
        } else if seen.barred && seen.matches == Some(false) {
            effects.push(refused());
            let work = Work { stage: Stage::Refused, ..Work::new(seen) };
            self.work.insert(Arc::clone(&seen.instance), work);
        }
    }

    fn begin(&mut self, seen: &BTreeMap<Arc<str>, Seen>, now: Instant, effects: &mut Vec<Effect>) {
        let mut room = (self.config.surge as usize).saturating_sub(self.touched());
        for (instance, seen) in seen {
            match self.work.get_mut(instance) {
                Some(work) => match work.stage {
                    Stage::Waiting { until } if until <= now => {
                        // It seems right, by a report from before the last attempt's end: that
                        // proves nothing, and soon a newer one will, or it will be too old.
                        if seen.matches == Some(true) {
                            work.stage = Stage::Waiting { until: now + self.config.interval };
                            continue;
                        }
                    }
                    _ => continue,
                },
                None if self.lately.holds(instance, now) => continue,
                None if seen.matches == Some(false) && room > 0 => room -= 1,
                None => continue,
            }
            self.number += 1;
            let number = self.number;
            let work = self.work.entry(Arc::clone(instance)).or_insert_with(|| Work::new(seen));
            work.attempts += 1;
            (work.stage, work.touched, work.since) = (Stage::Replacing { number }, true, now);
            effects.push(Effect::Replace {
                instance: Arc::clone(instance),
                release: work.release.clone(),
                attempt: work.attempts,
                number,
            });
        }
    }

    fn failed(
        &mut self,
        instance: &Arc<str>,
        why: Cow<'static, str>,
        now: Instant,
    ) -> Option<Effect> {
        let work = self.work.get_mut(instance)?;
        work.since = now;
        let (instance, attempts) = (Arc::clone(instance), work.attempts);
        if attempts >= self.config.attempts {
            work.stage = Stage::GaveUp;
            return Some(Effect::GaveUp { instance, release: work.release.clone(), attempts, why });
        }
        work.delay = self.backoff.delay(attempts.saturating_sub(1), work.delay, &mut self.rng);
        let retry_at = now + work.delay;
        work.stage = Stage::Waiting { until: retry_at };
        Some(Effect::Failed { instance, attempt: attempts, why, retry_at })
    }
}

impl Work {
    fn new(seen: &Seen) -> Self {
        Self {
            release: seen.release.clone(),
            stage: Stage::Waiting { until: Instant::ORIGIN },
            attempts: 0,
            touched: false,
            since: Instant::ORIGIN,
            delay: Duration::ZERO,
        }
    }

    /// From the first attempt on.
    const fn again(&mut self, now: Instant) {
        self.stage = Stage::Waiting { until: now };
        self.attempts = 0;
        self.delay = Duration::ZERO;
    }
}
