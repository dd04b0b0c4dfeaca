//! One alert: a rule over one series.

use core::fmt;
use core::time::Duration;

use rely_core::Instant;

use super::flap::History;
use super::observation::Observation;
use super::rule::{AlertRule, Confirm, Judgement, NoData};

/// Where an alert stands. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum AlertState {
    /// Nothing is wrong.
    Inactive,
    /// Bad, but not for long or not often enough.
    Pending,
    /// It fires.
    Firing,
    /// Good again, but not for long enough.
    Recovering,
    /// Over. What comes next begins anew.
    Resolved,
}

impl AlertState {
    /// Whether somebody has to care: firing or recovering.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Firing | Self::Recovering)
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Recovering => "recovering",
            Self::Resolved => "resolved",
        })
    }
}

/// Why an alert changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Reason {
    /// The condition is met.
    Met,
    /// It has been met for long or often enough.
    Confirmed,
    /// It was met no more before that.
    Passed,
    /// Good again.
    Improved,
    /// Not good any more before the time to keep firing was over.
    Relapsed,
    /// Good for as long as it has to be.
    Recovered,
    /// Nothing is known.
    NoData,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "the condition is met",
            Self::Confirmed => "it was met for long enough",
            Self::Passed => "it passed",
            Self::Improved => "good again",
            Self::Relapsed => "bad again",
            Self::Recovered => "good for long enough",
            Self::NoData => "nothing is known",
        })
    }
}

/// What happened to an alert by itself, in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Moved {
        from: AlertState,
        to: AlertState,
        at: Instant,
        reason: Reason,
    },
    Flaps {
        at: Instant,
    },
    /// Flaps no more; whether because it stays bad.
    Steady {
        at: Instant,
        lasting: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(super) struct Series {
    pub(super) state: AlertState,
    pub(super) since: Instant,
    pub(super) heard: Instant,
    /// Until when what was seen counts; for ever once it does no more and that was taken in.
    fresh_until: Instant,
    judged: Judgement,
    /// What was judged is that nothing is known.
    blind: bool,
    /// The last observations, the newest in the lowest bit; set where bad.
    window: u64,
    /// The most bad ones at once since it is pending.
    peak: u32,
    pub(super) history: History,
    pub(super) why: String,
    /// What the last bad observation said of the cause.
    pub(super) suspect: Option<String>,
    pub(super) caused_by: Option<String>,
    pub(super) incident: Option<u64>,
}

impl Series {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: AlertState::Inactive,
            since: now,
            heard: now,
            fresh_until: Instant::MAX,
            judged: Judgement::Unknown,
            blind: false,
            window: 0,
            peak: 0,
            history: History::default(),
            why: String::new(),
            suspect: None,
            caused_by: None,
            incident: None,
        }
    }

    /// When time alone will change something.
    pub(super) fn deadline(&self, rule: &AlertRule) -> Option<Instant> {
        let stale =
            (self.fresh_until < Instant::MAX).then(|| self.fresh_until + Duration::from_nanos(1));
        let over = self.history.over_at(&rule.flap);
        [self.due(rule), stale, over].into_iter().flatten().min()
    }

    /// When the state ends as things are.
    fn due(&self, rule: &AlertRule) -> Option<Instant> {
        let due = match (self.state, self.judged, rule.confirm) {
            (AlertState::Pending, Judgement::Bad, Confirm::For(time)) => self.since + time,
            (AlertState::Recovering, Judgement::Good, _) => self.since + rule.keep_firing,
            _ => return None,
        };
        (due <= self.fresh_until).then_some(due)
    }

    /// Lets time pass up to `now`: what was due happens at the moment it was due, in order.
    pub(super) fn pass(&mut self, rule: &AlertRule, now: Instant, steps: &mut Vec<Step>) {
        // At most: stale, fired or resolved, flapping over, and then again by what that began.
        for _ in 0..8 {
            let Some(at) = self.deadline(rule).filter(|at| *at <= now) else { return };
            if self.history.over_at(&rule.flap) == Some(at) {
                let lasting = self.history.end(at);
                steps.push(Step::Steady { at, lasting });
            } else if self.due(rule) == Some(at) {
                self.confirm(rule, at, steps);
            } else {
                // Counted as often as it is due where observations are counted, else once.
                let again = rule.no_data == NoData::Alert
                    && matches!(rule.confirm, Confirm::Count { .. })
                    && !self.state.is_active();
                self.fresh_until =
                    if again { at.max(now) + rule.stale_after } else { Instant::MAX };
                self.judge(rule, Judgement::Unknown, at, steps);
            }
        }
    }

    /// Takes in what is seen; [`Series::pass`] comes first.
    pub(super) fn observe(
        &mut self,
        rule: &AlertRule,
        seen: &Observation,
        now: Instant,
        steps: &mut Vec<Step>,
    ) {
        let judged = rule.judge(seen);
        self.heard = now;
        self.fresh_until = match judged {
            Judgement::Unknown => Instant::MAX,
            _ => (now + rule.stale_after).min(seen.valid_until),
        };
        if judged == Judgement::Bad || self.why.is_empty() || !self.state.is_active() {
            self.why.clone_from(&seen.why);
        }
        // A spell has the causes that were given during it.
        if !self.state.is_active()
            && judged != Judgement::Unknown
            && self.history.bad_since.is_none()
        {
            (self.suspect, self.caused_by) = (None, None);
        }
        if judged == Judgement::Bad || self.state.is_active() {
            let keep = |kept: &mut Option<String>, said: &Option<String>| {
                if said.is_some() {
                    kept.clone_from(said);
                }
            };
            keep(&mut self.suspect, &seen.suspect);
            keep(&mut self.caused_by, &seen.caused_by);
        }
        self.judge(rule, judged, now, steps);
    }

    fn judge(&mut self, rule: &AlertRule, judged: Judgement, now: Instant, steps: &mut Vec<Step>) {
        self.blind = judged == Judgement::Unknown;
        self.judged = match (judged, rule.no_data) {
            (Judgement::Unknown, NoData::Alert) => Judgement::Bad,
            (Judgement::Unknown, NoData::Ok) => Judgement::Good,
            (judged, _) => judged,
        };
        match self.judged {
            Judgement::Bad => self.history.bad(now),
            Judgement::Good | Judgement::Between => self.history.not_bad(now),
            Judgement::Unknown => {}
        }
        if self.judged != Judgement::Unknown {
            self.window = (self.window << 1) | u64::from(self.judged == Judgement::Bad);
        }
        let bad_of_last = self.bad_of_last(rule);
        self.peak = self.peak.max(bad_of_last);
        match (self.state, self.judged) {
            (AlertState::Inactive | AlertState::Resolved, Judgement::Bad) => {
                self.peak = bad_of_last;
                self.go(AlertState::Pending, Reason::Met, now, steps);
                self.confirm(rule, now, steps);
            }
            (AlertState::Pending, Judgement::Good | Judgement::Between) => {
                let over = match rule.confirm {
                    Confirm::For(_) => true,
                    Confirm::Count { .. } => bad_of_last == 0,
                };
                if over {
                    let near = self.nearness(rule, now);
                    self.go(AlertState::Inactive, Reason::Passed, now, steps);
                    self.count(rule, 2.0 * near, now, steps);
                }
            }
            (AlertState::Firing, Judgement::Good) => {
                self.go(AlertState::Recovering, Reason::Improved, now, steps);
                self.confirm(rule, now, steps);
            }
            (AlertState::Recovering, Judgement::Bad | Judgement::Between | Judgement::Unknown) => {
                let near = self.nearness(rule, now);
                self.go(AlertState::Firing, Reason::Relapsed, now, steps);
                if !self.blind {
                    self.count(rule, 2.0 * near, now, steps);
                }
            }
            _ => self.confirm(rule, now, steps),
        }
    }

    /// Fires or resolves if it is time.
    fn confirm(&mut self, rule: &AlertRule, now: Instant, steps: &mut Vec<Step>) {
        let often = match rule.confirm {
            Confirm::Count { bad, .. } => {
                self.state == AlertState::Pending && self.bad_of_last(rule) >= bad
            }
            Confirm::For(_) => false,
        };
        if !often && self.due(rule).is_none_or(|due| due > now) {
            return;
        }
        if self.state == AlertState::Pending {
            self.go(AlertState::Firing, Reason::Confirmed, now, steps);
        } else {
            self.window = 0;
            self.go(AlertState::Resolved, Reason::Recovered, now, steps);
        }
        self.count(rule, 1.0, now, steps);
    }

    fn go(&mut self, to: AlertState, reason: Reason, now: Instant, steps: &mut Vec<Step>) {
        let reason = if self.blind { Reason::NoData } else { reason };
        steps.push(Step::Moved { from: self.state, to, at: now, reason });
        (self.state, self.since) = (to, now);
    }

    fn count(&mut self, rule: &AlertRule, changes: f64, now: Instant, steps: &mut Vec<Step>) {
        if self.history.count(&rule.flap, now, changes) {
            steps.push(Step::Flaps { at: now });
        }
    }

    fn bad_of_last(&self, rule: &AlertRule) -> u32 {
        match rule.confirm {
            Confirm::For(_) => 0,
            Confirm::Count { of, .. } => (self.window << (64 - of.clamp(1, 64))).count_ones(),
        }
    }

    /// How near a pending alert came to firing, or a recovering one to its end, from 0 to 1.
    fn nearness(&self, rule: &AlertRule, now: Instant) -> f64 {
        let lasted = (now - self.since).as_secs_f64();
        let near = match rule.confirm {
            _ if self.state == AlertState::Recovering => {
                lasted / rule.keep_firing.as_secs_f64().max(f64::MIN_POSITIVE)
            }
            Confirm::For(time) if time.is_zero() => 1.0,
            Confirm::For(time) => lasted / time.as_secs_f64(),
            Confirm::Count { bad, .. } => f64::from(self.peak) / f64::from(bad.max(1)),
        };
        near.min(1.0)
    }

    pub(super) fn is_sound(&self, now: Instant) -> bool {
        let mut texts = [&self.suspect, &self.caused_by].into_iter().flatten().chain([&self.why]);
        texts.all(|text| text.len() <= super::observation::LONGEST)
            && self.since <= now
            && self.heard <= now
            && self.history.is_sound(now)
    }

    pub(super) fn shift(&mut self, shift: impl Fn(Instant) -> Instant + Copy) {
        self.since = shift(self.since);
        self.heard = shift(self.heard);
        if self.fresh_until < Instant::MAX {
            self.fresh_until = shift(self.fresh_until);
        }
        self.history.shift(shift);
    }
}

impl Step {
    /// Whether an alert that was over or never was fires.
    pub(super) const fn fires(&self) -> bool {
        matches!(self, Self::Moved { from: AlertState::Pending, to: AlertState::Firing, .. })
    }

    pub(super) const fn at(&self) -> Instant {
        match self {
            Self::Moved { at, .. } | Self::Flaps { at } | Self::Steady { at, .. } => *at,
        }
    }
}
