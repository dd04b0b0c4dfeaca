//! The machine itself.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rely_core::{ConfigError, Instant};

use super::command::{Command, CommandError};
use super::config::{AlertsConfig, Inhibition, Receiver, Route};
use super::effect::{Counts, Effect, Suppressed};
use super::hygiene::Hygiene;
use super::incident::{Acknowledged, Incident};
use super::labels::AlertKey;
use super::mute::{Silence, rest_of};
use super::observation::{Observation, short};
use super::rule::AlertRule;
use super::series::{AlertState, Series, Step};
use super::state::Kept;
use crate::Labels;

/// Alerts as plain data: what is seen comes in, who is to be told comes out.
///
/// See the [module's documentation](super).
#[derive(Clone, Debug)]
pub struct Alerts {
    pub(super) name: String,
    pub(super) config: Arc<AlertsConfig>,
    /// Where a rule or a receiver of this name is in the configuration.
    pub(super) rules: BTreeMap<String, usize>,
    pub(super) receivers: BTreeMap<String, usize>,
    pub(super) kept: Kept,
    /// How many series there are.
    pub(super) series: usize,
    pub(super) effects: VecDeque<Effect>,
    /// Nothing is due for a series before that.
    pub(super) due: Instant,
    /// Members of incidents that an inhibition may take for its source, by incident.
    pub(super) sources: BTreeMap<u64, BTreeSet<AlertKey>>,
}

/// How [`Alerts`] are made; see [`AlertsConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct AlertsBuilder {
    name: String,
    config: AlertsConfig,
}

impl AlertsBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: AlertsConfig) -> Self {
        self.config = config;
        self
    }

    /// One more rule.
    pub fn rule(mut self, rule: AlertRule) -> Self {
        self.config.rules.push(rule);
        self
    }

    /// One more receiver.
    pub fn receiver(mut self, receiver: Receiver) -> Self {
        self.config.receivers.push(receiver);
        self
    }

    /// One more route, after the others. A receiver that is not known yet gets all defaults.
    pub fn route(mut self, route: Route) -> Self {
        let steps = route.escalation.iter().map(|step| &step.receiver);
        for name in steps.chain([&route.receiver]) {
            if self.config.receivers.iter().all(|known| known.name != *name) {
                self.config.receivers.push(Receiver::new(name.clone()));
            }
        }
        self.config.routes.push(route);
        self
    }

    /// One more inhibition.
    pub fn inhibition(mut self, inhibition: Inhibition) -> Self {
        self.config.inhibitions.push(inhibition);
        self
    }

    /// The machine, with nothing seen yet.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn build(self) -> Result<Alerts, ConfigError> {
        let Self { name, config } = self;
        config.check()?;
        let index = |names: Vec<&String>| {
            names.into_iter().enumerate().map(|(n, name)| (name.clone(), n)).collect()
        };
        Ok(Alerts {
            name,
            rules: index(config.rules.iter().map(|rule| &rule.name).collect()),
            receivers: index(config.receivers.iter().map(|one| &one.name).collect()),
            config: Arc::new(config),
            kept: Kept::new(),
            series: 0,
            effects: VecDeque::new(),
            due: Instant::MAX,
            sources: BTreeMap::new(),
        })
    }
}

impl Alerts {
    /// How many effects wait to be taken at most; then the oldest give way, changes of state before
    /// notifications.
    pub const MOST_EFFECTS: usize = 8192;
    /// How many silences there may be.
    pub const MOST_SILENCES: usize = 1024;

    /// A builder for alerts; `name` is the first part of their dedupe keys.
    pub fn builder(name: impl Into<String>) -> AlertsBuilder {
        AlertsBuilder { name: name.into(), config: AlertsConfig::default() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Arc<AlertsConfig> {
        &self.config
    }

    /// Takes in what is seen of the series `labels` that `rule` looks at; where the alert stands
    /// after it. Nothing, if it was not taken in: that is counted.
    ///
    /// An instant before the last one counts as that one.
    pub fn observe(
        &mut self,
        now: Instant,
        rule: &str,
        labels: &Labels,
        seen: impl Into<Observation>,
    ) -> Option<AlertState> {
        let now = self.clock(now);
        let config = Arc::clone(&self.config);
        let Some(rule) = self.rules.get(rule).and_then(|at| config.rules.get(*at)) else {
            self.hold(Suppressed::UnknownRule, None);
            return None;
        };
        let seen = seen.into().at(now);
        if self.kept.series_of(&rule.name, labels).is_none() && !self.admit(rule, labels, now) {
            return None;
        }
        let series = self.kept.series_mut(&rule.name, labels)?;
        let mut steps = Vec::new();
        // What is seen at the moment that something is due tells more than that it is due.
        series.pass(rule, now - Duration::from_nanos(1), &mut steps);
        let mut seen_steps = Vec::new();
        series.observe(rule, &seen, now, &mut seen_steps);
        let (state, incident) = (series.state, series.incident);
        self.due = series.deadline(rule).map_or(self.due, |at| self.due.min(at));
        let stats = self.kept.stats.entry(rule.name.clone()).or_default();
        stats.seen(now, rule.nearness(&seen), state.is_active());
        if steps.is_empty() && seen_steps.is_empty() && incident.is_none() {
            return Some(state);
        }
        let key = AlertKey::new(&*rule.name, labels.clone());
        self.digest(rule, &key, &steps);
        if seen_steps.iter().any(Step::fires) {
            // What was over before it is no part of it.
            self.pass_all(now - Duration::from_nanos(1));
            self.close_overdue(now);
        }
        self.digest(rule, &key, &seen_steps);
        if state.is_active() {
            self.learn(&key, &seen);
        }
        Some(state)
    }

    /// Lets time pass and gives all that happened since the last time, in order. Notifications come
    /// from here alone.
    pub fn tick(&mut self, now: Instant) -> Vec<Effect> {
        let now = self.clock(now);
        self.pass_all(now);
        self.refresh_all(now);
        self.kept.silences.retain(|_, silence| !silence.is_over(now));
        let ids: Vec<u64> = self.kept.incidents.keys().copied().collect();
        for id in ids {
            self.settle(id, now);
        }
        self.effects.drain(..).collect()
    }

    /// When [`tick`](Self::tick) has something to do, if nothing else happens; later than the last
    /// tick.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let now = self.kept.now;
        let rules = self.config.rules.iter();
        let series = rules.filter_map(|rule| {
            let of_rule = self.kept.series.get(&rule.name)?;
            of_rule.0.values().filter_map(|series| series.deadline(rule)).min()
        });
        let incidents = self.kept.incidents.values().filter_map(|incident| self.due_at(incident));
        let turns = self.kept.silences.values().filter_map(|silence| silence.turns_at(now));
        series.chain(incidents).chain(turns).min()
    }

    /// Does what somebody wants.
    ///
    /// # Errors
    /// If it cannot be done; then nothing has changed.
    pub fn command(&mut self, now: Instant, command: Command) -> Result<(), CommandError> {
        let now = self.clock(now);
        // What was due before comes before.
        self.pass_all(now);
        self.refresh_all(now);
        match command {
            Command::Acknowledge { incident: id, by } => {
                let by = short(by);
                let incident = self.open(id)?;
                incident.acknowledged = Some(Acknowledged { by: by.clone(), at: now });
                let first = !core::mem::replace(&mut incident.book.acted, true);
                let (rule, notified) = (incident.first.rule.clone(), incident.notified);
                if first {
                    let stats = self.kept.stats.entry(rule).or_default();
                    stats.acknowledged(notified.map(|at| now - at));
                }
                self.push(Effect::Acknowledged { at: now, incident: id, by: Some(by) });
            }
            Command::Unacknowledge { incident } => {
                if self.open(incident)?.acknowledged.is_some() {
                    self.unacknowledge(incident, now);
                }
            }
            Command::Suspect { incident, suspect } => {
                let incident = self.open(incident)?;
                if !suspect.is_empty() {
                    incident.suspect(short(suspect), true);
                }
            }
            Command::Merge { from, into } => {
                self.open(into)?;
                self.open(from)?;
                if from != into {
                    self.merge(from, into, now);
                }
            }
            Command::Silence { id, silence } => self.silence(short(id), silence)?,
            Command::Expire { id } => {
                let rest = self.kept.silences.remove(&rest_of(&id));
                if self.kept.silences.remove(&id).or(rest).is_none() {
                    return Err(CommandError::NoSilence(id));
                }
            }
        }
        self.refresh_all(now);
        Ok(())
    }

    fn open(&mut self, id: u64) -> Result<&mut Incident, CommandError> {
        self.kept.incidents.get_mut(&id).ok_or(CommandError::NoIncident(id))
    }

    fn silence(&mut self, id: String, silence: Silence) -> Result<(), CommandError> {
        if !silence.is_sound() {
            return Err(CommandError::BadSilence);
        }
        let silences = &mut self.kept.silences;
        if silences.len() >= Self::MOST_SILENCES && !silences.contains_key(&id) {
            return Err(CommandError::TooManySilences);
        }
        silences.insert(id, silence.cut());
        Ok(())
    }

    /// The open incidents, by number.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.kept.incidents.values()
    }

    /// The open incident of this number.
    #[must_use]
    pub fn incident(&self, id: u64) -> Option<&Incident> {
        self.kept.incidents.get(&id)
    }

    /// The silences that are not over, by id.
    pub fn silences(&self) -> impl Iterator<Item = (&str, &Silence)> {
        self.kept.silences.iter().map(|(id, silence)| (id.as_str(), silence))
    }

    /// Where an alert stands; inactive if nothing was seen of it.
    #[must_use]
    pub fn state(&self, rule: &str, labels: &Labels) -> AlertState {
        self.kept.series_of(rule, labels).map_or(AlertState::Inactive, |series| series.state)
    }

    /// The incident that an alert is a part of.
    #[must_use]
    pub fn incident_of(&self, rule: &str, labels: &Labels) -> Option<u64> {
        self.kept.series_of(rule, labels)?.incident
    }

    /// How many series are kept.
    #[must_use]
    pub const fn series(&self) -> usize {
        self.series
    }

    /// What was held back, by reason, since the beginning.
    #[must_use]
    pub const fn held(&self) -> &Counts {
        &self.kept.counts
    }

    /// Which rules are worth their noise.
    #[must_use]
    pub fn hygiene(&self) -> Hygiene {
        Hygiene::new(&self.config, &self.kept)
    }

    pub(super) fn clock(&mut self, now: Instant) -> Instant {
        self.kept.now = self.kept.now.max(now);
        self.kept.now
    }

    pub(super) fn rule(&self, name: &str) -> Option<&AlertRule> {
        self.config.rules.get(*self.rules.get(name)?)
    }

    pub(super) fn push(&mut self, effect: Effect) {
        if self.effects.len() >= Self::MOST_EFFECTS {
            let told = |effect: &Effect| matches!(effect, Effect::Notify(_));
            let oldest = self.effects.iter().position(|effect| !told(effect)).unwrap_or(0);
            self.effects.remove(oldest);
            self.count(Suppressed::EffectsLost);
        }
        self.effects.push_back(effect);
    }

    pub(super) fn hold(&mut self, reason: Suppressed, incident: Option<u64>) {
        self.count(reason);
        self.push(Effect::Held { at: self.kept.now, reason, incident });
    }

    fn count(&mut self, reason: Suppressed) {
        let count = self.kept.counts.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Makes room for a new series, if it may be kept.
    fn admit(&mut self, rule: &AlertRule, labels: &Labels, now: Instant) -> bool {
        if !labels.is_small() {
            self.hold(Suppressed::LabelsTooLarge, None);
            return false;
        }
        if self.series >= self.config.max_series && !self.forget() {
            self.hold(Suppressed::NoRoom, None);
            return false;
        }
        let of_rule = self.kept.series.entry(rule.name.clone()).or_default();
        of_rule.0.insert(labels.clone(), Series::new(now));
        self.series += 1;
        true
    }

    /// Forgets a sixteenth of the series, so that a flood of new ones does not look for room each time:
    /// quiet ones, which were not heard of for longest.
    fn forget(&mut self) -> bool {
        let mut quiet: Vec<(Instant, AlertKey)> = Vec::new();
        for (rule, of_rule) in &self.kept.series {
            for (labels, series) in &of_rule.0 {
                let idle = matches!(series.state, AlertState::Inactive | AlertState::Resolved);
                if idle && series.incident.is_none() && !series.history.flapping {
                    quiet.push((series.heard, AlertKey::new(&**rule, labels.clone())));
                }
            }
        }
        quiet.sort_unstable();
        quiet.truncate((self.config.max_series / 16).max(1));
        for (_, key) in &quiet {
            if let Some(of_rule) = self.kept.series.get_mut(&key.rule) {
                of_rule.0.remove(&key.labels);
                self.series -= 1;
                self.hold(Suppressed::Forgotten, None);
            }
        }
        !quiet.is_empty()
    }

    /// Does what is due for each series. Where nothing can be, it looks at none.
    fn pass_all(&mut self, now: Instant) {
        if self.due > now {
            return;
        }
        let config = Arc::clone(&self.config);
        let (mut moved, mut due) = (Vec::new(), Instant::MAX);
        for rule in &config.rules {
            let Some(of_rule) = self.kept.series.get_mut(&rule.name) else { continue };
            for (labels, series) in &mut of_rule.0 {
                let Some(at) = series.deadline(rule) else { continue };
                if at > now {
                    due = due.min(at);
                    continue;
                }
                let mut steps = Vec::new();
                series.pass(rule, now, &mut steps);
                due = series.deadline(rule).map_or(due, |at| due.min(at));
                moved.push((rule, AlertKey::new(&*rule.name, labels.clone()), steps));
            }
        }
        self.due = due;
        // In the order of time, whichever rule comes first.
        moved.sort_by_key(|(_, _, steps)| steps.first().map(Step::at));
        for (rule, key, steps) in moved {
            self.digest(rule, &key, &steps);
        }
    }
}
