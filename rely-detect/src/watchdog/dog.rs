//! The machine.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use rely_core::{ConfigError, Instant, Level, Verdict};

use super::config::WatchdogConfig;
use super::heart::Heart;
use super::learn::Learnt;
use crate::Labels;
use crate::Sample;

/// What is wrong with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Dark {
    /// Nothing comes, and nothing of its kind.
    Quiet,
    /// Nothing comes, while others of its kind do.
    Vanished,
    /// The same value again and again.
    Flat,
    /// Samples come, and their own time stands still.
    Stuck,
    /// Samples come later than they use to.
    Late,
}

impl Dark {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Vanished => "vanished",
            Self::Flat => "flat",
            Self::Stuck => "stuck",
            Self::Late => "late",
        }
    }
}

impl fmt::Display for Dark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that happened, or has to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum WatchdogEffect {
    /// This heartbeat is to be sent; tell the answer through [`Watchdog::answered`].
    Heartbeat {
        /// When.
        at: Instant,
        /// Its number, from 1 on.
        beat: u64,
    },
    /// Heartbeats are not answered, or are again.
    Unanswered {
        /// When.
        at: Instant,
        /// Whether they are not.
        unanswered: bool,
    },
    /// A source is dark now, in another way, or no more.
    Changed {
        /// When.
        at: Instant,
        /// The kind of the source.
        kind: String,
        /// Which one.
        labels: Labels,
        /// What is wrong with it now.
        now_dark: Option<Dark>,
    },
    /// A source was not heard of for so long that it is none any more, or had to give way.
    Forgotten {
        /// When.
        at: Instant,
        /// The kind of the source.
        kind: String,
        /// Which one.
        labels: Labels,
    },
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Source {
    kind: String,
    labels: Labels,
    learnt: Learnt,
    dark: Option<Dark>,
    since: Instant,
}

/// Everything that a [`Watchdog`] has learnt, to be kept across restarts.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct WatchdogSnapshot {
    version: u32,
    now: Instant,
    unanswered: bool,
    heart: Heart,
    sources: Vec<Source>,
}

impl WatchdogSnapshot {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    /// The same on another clock, where `to` is the moment that was `from` on the old one.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        self.now = shift(self.now);
        self.heart.shift(shift);
        for source in &mut self.sources {
            source.since = shift(source.since);
            source.learnt.shift(shift);
        }
        self
    }
}

/// A monitor of the monitors; see the [module's documentation](super).
#[derive(Clone, Debug)]
pub struct Watchdog {
    name: String,
    config: WatchdogConfig,
    now: Instant,
    heart: Heart,
    unanswered: bool,
    /// By kind, so that those of one kind are beside each other.
    sources: BTreeMap<String, BTreeMap<Labels, Source>>,
    count: usize,
    refused: u64,
    lost: u64,
    effects: Vec<WatchdogEffect>,
}

/// How a [`Watchdog`] is made; see [`WatchdogConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct WatchdogBuilder {
    name: String,
    config: WatchdogConfig,
}

impl WatchdogBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub const fn config(mut self, config: WatchdogConfig) -> Self {
        self.config = config;
        self
    }

    /// How often a heartbeat is to be sent.
    pub const fn heartbeat(mut self, every: Duration) -> Self {
        self.config.heartbeat = every;
        self
    }

    /// How soon the other side has to answer a heartbeat.
    pub const fn answer_within(mut self, time: Duration) -> Self {
        self.config.answer_within = Some(time);
        self
    }

    /// The watchdog, which has seen nothing yet.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn build(self) -> Result<Watchdog, ConfigError> {
        let Self { name, config } = self;
        config.check()?;
        Ok(Watchdog {
            name,
            config,
            now: Instant::ORIGIN,
            heart: Heart::new(),
            unanswered: false,
            sources: BTreeMap::new(),
            count: 0,
            refused: 0,
            lost: 0,
            effects: Vec::new(),
        })
    }
}

impl Watchdog {
    /// A builder for a watchdog called `name`.
    pub fn builder(name: impl Into<String>) -> WatchdogBuilder {
        WatchdogBuilder { name: name.into(), config: WatchdogConfig::default() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A sample has come at `now`, from the source `labels` of some `kind`: the name of the metric, as
    /// a rule. One that was missing is none.
    pub fn saw(&mut self, now: Instant, kind: &str, labels: &Labels, sample: Sample) {
        self.now = self.now.max(now);
        let now = self.now;
        let known = self.sources.get(kind).is_some_and(|of_kind| of_kind.contains_key(labels));
        if !known && !self.admit(kind, labels, now) {
            return;
        }
        let config = &self.config;
        let source = self.sources.get_mut(kind).and_then(|of_kind| of_kind.get_mut(labels));
        let Some(source) = source else { return };
        // A gap after which it is heard again is not usual either.
        let usual = source.dark.is_none() && source.look(config, now).is_none();
        source.learnt.take(now, sample, usual);
        let dark = source.look(config, now);
        source.change(dark, now, &mut self.effects);
        self.bound();
    }

    /// The other side has seen a heartbeat.
    pub fn answered(&mut self, now: Instant, beat: u64) {
        self.now = self.now.max(now);
        self.heart.answer(beat, self.now);
    }

    /// Lets time pass, and gives what happened and what has to be done since the last time.
    pub fn tick(&mut self, now: Instant) -> Vec<WatchdogEffect> {
        self.now = self.now.max(now);
        let (now, config) = (self.now, &self.config);
        for of_kind in self.sources.values_mut() {
            let mut found: Vec<_> =
                of_kind.values().map(|source| source.look(config, now)).collect();
            let silent = |dark: &Option<Dark>| matches!(dark, Some(Dark::Quiet));
            // Those that cannot be quiet yet are no witnesses.
            let witness = of_kind.values().zip(&found);
            let others = witness
                .filter(|(source, dark)| source.learnt.gap().is_some() && !silent(dark))
                .count();
            for dark in &mut found {
                if silent(dark) && others > 0 {
                    *dark = Some(Dark::Vanished);
                }
            }
            for (source, dark) in of_kind.values_mut().zip(found) {
                source.change(dark, now, &mut self.effects);
            }
            let effects = &mut self.effects;
            let before = of_kind.len();
            of_kind.retain(|_, source| {
                let keep = now - source.learnt.arrived <= config.forget_after;
                if !keep {
                    effects.push(source.forgotten(now));
                }
                keep
            });
            self.count -= before - of_kind.len();
        }
        self.sources.retain(|_, of_kind| !of_kind.is_empty());
        if let Some(beat) = self.heart.beat(config.heartbeat, now) {
            self.effects.push(WatchdogEffect::Heartbeat { at: now, beat });
        }
        let unanswered = self.heart.overdue_at(config.answer_within).is_some_and(|at| at <= now);
        if unanswered != self.unanswered {
            self.unanswered = unanswered;
            self.effects.push(WatchdogEffect::Unanswered { at: now, unanswered });
        }
        core::mem::take(&mut self.effects)
    }

    /// When the next heartbeat is due, or its answer overdue. Sources are looked at with each tick; a
    /// tick for each sample interval is enough.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let overdue = self.heart.overdue_at(self.config.answer_within);
        let overdue = overdue.filter(|_| !self.unanswered);
        [self.heart.next(), overdue].into_iter().flatten().min()
    }

    /// What is to be said of a source: unhealthy if it is dark, unknown if too little was seen of it.
    pub fn verdict(&self, kind: &str, labels: &Labels) -> Verdict {
        let source = self.sources.get(kind).and_then(|of_kind| of_kind.get(labels));
        source.map_or_else(
            || Verdict::unknown(self.now, "never heard of"),
            |source| source.verdict(self.now),
        )
    }

    /// What is to be said of all sources.
    pub fn verdicts(&self) -> impl Iterator<Item = (&str, &Labels, Verdict)> {
        let all = self.sources.values().flat_map(BTreeMap::values);
        all.map(|source| (source.kind.as_str(), &source.labels, source.verdict(self.now)))
    }

    /// Whether the heartbeats are answered; unknown where no answer is asked for.
    pub fn heartbeats(&self) -> Verdict {
        match self.config.answer_within {
            None => Verdict::unknown(self.now, "no answers are expected"),
            Some(_) if self.heart.beats == 0 => Verdict::unknown(self.now, "no heartbeat yet"),
            Some(within) if self.unanswered => Verdict::new(Level::Unhealthy, self.now)
                .because(format!("no heartbeat was answered within {within:?}")),
            Some(_) => Verdict::new(Level::Healthy, self.now).because("heartbeats are answered"),
        }
    }

    /// How many sources are watched.
    #[must_use]
    pub const fn sources(&self) -> usize {
        self.count
    }

    /// How many samples were refused, since their labels were too many or too long.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many effects were lost, since nobody let time pass for too long.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Everything that it has learnt. Effects that nobody took are not part of it.
    #[must_use]
    pub fn snapshot(&self) -> WatchdogSnapshot {
        WatchdogSnapshot {
            version: WatchdogSnapshot::VERSION,
            now: self.now,
            unanswered: self.unanswered,
            heart: self.heart.clone(),
            sources: self.sources.values().flat_map(BTreeMap::values).cloned().collect(),
        }
    }

    /// Goes on with what was kept, in place of what this one knows.
    ///
    /// # Errors
    /// If the snapshot has another version, or holds what no watchdog could have kept; then nothing has
    /// changed.
    pub fn restore(&mut self, snapshot: WatchdogSnapshot) -> Result<(), ConfigError> {
        let WatchdogSnapshot { version, now, unanswered, heart, sources } = snapshot;
        if version != WatchdogSnapshot::VERSION {
            let allowed = WatchdogSnapshot::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", version, allowed));
        }
        let sound = |source: &Source| {
            source.labels.is_small()
                && source.kind.len() <= Labels::LONGEST
                && source.since <= now
                && source.learnt.is_sound(now)
        };
        if sources.len() > self.config.max_sources || !sources.iter().all(sound) {
            let allowed = "as many sound sources as configured";
            return Err(ConfigError::new("snapshot.sources", sources.len(), allowed));
        }
        if !heart.is_sound(now) {
            let allowed = "answers to heartbeats that were sent";
            return Err(ConfigError::new("snapshot.heart", "something else", allowed));
        }
        (self.now, self.unanswered, self.heart) = (now, unanswered, heart);
        self.heart.hurry(self.config.heartbeat, now);
        self.effects.clear();
        self.sources.clear();
        for source in sources {
            let of_kind = self.sources.entry(source.kind.clone()).or_default();
            of_kind.insert(source.labels.clone(), source);
        }
        self.count = self.sources.values().map(BTreeMap::len).sum();
        Ok(())
    }

    /// Where nobody ticks, the oldest effects give way.
    fn bound(&mut self) {
        let most = 4 * self.config.max_sources;
        if self.effects.len() > most {
            let over = self.effects.len() - most / 2;
            self.effects.drain(..over);
            self.lost = self.lost.saturating_add(over as u64);
        }
    }

    fn admit(&mut self, kind: &str, labels: &Labels, now: Instant) -> bool {
        if !labels.is_small() || kind.len() > Labels::LONGEST {
            self.refused = self.refused.saturating_add(1);
            return false;
        }
        if self.count >= self.config.max_sources {
            self.forget(now);
        }
        let source = Source {
            kind: kind.to_owned(),
            labels: labels.clone(),
            learnt: Learnt::new(now),
            dark: None,
            since: now,
        };
        self.sources.entry(kind.to_owned()).or_default().insert(labels.clone(), source);
        self.count += 1;
        true
    }

    /// Forgets the sixteenth that was not heard of for longest, so that a flood of new ones does not
    /// look for room each time.
    fn forget(&mut self, now: Instant) {
        let all = self.sources.values().flat_map(BTreeMap::values);
        let mut oldest: Vec<_> = all
            .map(|source| (source.learnt.arrived, source.kind.clone(), source.labels.clone()))
            .collect();
        oldest.sort_unstable();
        oldest.truncate((self.config.max_sources / 16).max(1));
        for (_, kind, labels) in oldest {
            let of_kind = self.sources.get_mut(&kind);
            if let Some(source) = of_kind.and_then(|of_kind| of_kind.remove(&labels)) {
                self.count -= 1;
                self.effects.push(source.forgotten(now));
            }
        }
    }
}

impl Source {
    fn look(&self, config: &WatchdogConfig, now: Instant) -> Option<Dark> {
        let learnt = &self.learnt;
        let gap = learnt.gap()?;
        let long = |time: Duration| {
            // At least a nanosecond, where samples come at one instant.
            time.as_secs_f64() > config.quiet_after * gap.as_secs_f64().max(1e-9)
        };
        if long(now - learnt.arrived) {
            return Some(Dark::Quiet);
        }
        if long(now - learnt.grew) {
            return Some(Dark::Stuck);
        }
        let lag = learnt.lag().map(|usual| (learnt.arrived - learnt.newest).saturating_sub(usual));
        if lag.is_some_and(long) {
            return Some(Dark::Late);
        }
        learnt.flatness().filter(|p| *p < config.alpha).map(|_| Dark::Flat)
    }

    fn change(&mut self, dark: Option<Dark>, now: Instant, effects: &mut Vec<WatchdogEffect>) {
        if dark == self.dark {
            return;
        }
        (self.dark, self.since) = (dark, now);
        let (kind, labels) = (self.kind.clone(), self.labels.clone());
        effects.push(WatchdogEffect::Changed { at: now, kind, labels, now_dark: dark });
    }

    fn forgotten(&self, at: Instant) -> WatchdogEffect {
        let (kind, labels) = (self.kind.clone(), self.labels.clone());
        WatchdogEffect::Forgotten { at, kind, labels }
    }

    fn verdict(&self, now: Instant) -> Verdict {
        let learnt = &self.learnt;
        let Some(gap) = learnt.gap() else {
            return Verdict::unknown(now, "too few samples to know what is usual");
        };
        let ago = now - learnt.arrived;
        let (kind, labels) = (&self.kind, &self.labels);
        let (level, why) = match self.dark {
            None => (Level::Healthy, format!("{kind}{labels} was heard of {ago:?} ago")),
            Some(Dark::Flat) => {
                let time = now - learnt.same_since;
                (Level::Unhealthy, format!("{kind}{labels} has had one value for {time:?}"))
            }
            Some(Dark::Stuck) => {
                let time = now - learnt.grew;
                (Level::Unhealthy, format!("the clock of {kind}{labels} has stood for {time:?}"))
            }
            Some(Dark::Late) => {
                let time = learnt.arrived - learnt.newest;
                (Level::Unhealthy, format!("{kind}{labels} comes {time:?} late"))
            }
            Some(dark @ (Dark::Quiet | Dark::Vanished)) => {
                let text =
                    format!("{kind}{labels} is {dark}: nothing for {ago:?}, {gap:?} is usual");
                (Level::Unhealthy, text)
            }
        };
        Verdict::new(level, now).since(self.since).with_samples(learnt.samples).because(why)
    }
}
