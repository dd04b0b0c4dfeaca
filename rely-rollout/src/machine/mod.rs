//! The rollout as plain data: events in, decisions out.
//!
//! The machine holds no clock and asks no signal: every event carries its instant, and a verdict
//! comes in as one. A [`Decision`] is written down before anybody acts on it; to act on it is to
//! give the candidate the share [`Decision::to`], nothing else. The rules are those of the table in
//! the [crate's documentation](crate#rules).
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level, Ratio, Verdict};
//! use rely_rollout::machine::{Event, Machine};
//! use rely_rollout::{Plan, Progress, Step};
//!
//! let (start, minute) = (Instant::ORIGIN, Duration::from_secs(60));
//! let tenth = Ratio::percent(10.0)?;
//! let steps = vec![Step::new(tenth, minute), Step::new(Ratio::ONE, minute)];
//! let mut machine = Machine::new(Plan { steps, ..Plan::default() })?;
//! let judged = |level, at| Event::Judged(Verdict::new(level, at));
//!
//! assert_eq!(machine.step(Event::Start, start).unwrap().to, tenth);
//! assert!(machine.step(judged(Level::Healthy, start), start).is_none());
//! let decision = machine.step(judged(Level::Healthy, start + minute), start + minute).unwrap();
//! assert_eq!(decision.to, Ratio::ONE);
//!
//! let bad = start + Duration::from_secs(61);
//! let decision = machine.step(judged(Level::Unhealthy, bad), bad).unwrap();
//! assert_eq!((decision.to, decision.progress), (Ratio::ZERO, Progress::RolledBack));
//! assert_eq!(decision.to_string(), "100 % to 0 %: the verdict was unhealthy");
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod decision;
mod proof;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::borrow::Cow;

use rely_core::{ConfigError, Instant, Level, Ratio, Verdict};

pub use self::decision::{Decision, Progress, Reason};
use self::proof::Proof;
use crate::Plan;

/// What can happen to a rollout.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first step may begin.
    Start,
    /// The signal was asked and said this.
    Judged(Verdict),
    /// Time has passed.
    Timer,
    /// Somebody wants the rollout to stay where it is.
    Pause,
    /// Somebody wants it to go on.
    Resume,
    /// Somebody wants the candidate taken back.
    RollBack {
        /// Why.
        why: Cow<'static, str>,
    },
    /// The candidate was found bad or quarantined elsewhere.
    Barred {
        /// Why.
        why: Cow<'static, str>,
    },
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Waiting,
    Running { step: usize, proof: Proof },
    Baking { proof: Proof },
    Promoted,
    RolledBack,
}

/// The machine. See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Machine {
    plan: Plan,
    phase: Phase,
    paused: bool,
    decisions: u64,
    latest: Instant,
    bad_since: Option<Instant>,
}

impl Machine {
    /// A rollout that has not begun.
    ///
    /// # Errors
    /// The first field of the plan that is out of range.
    pub fn new(plan: Plan) -> Result<Self, ConfigError> {
        plan.check()?;
        let (phase, latest) = (Phase::Waiting, Instant::ORIGIN);
        Ok(Self { plan, phase, paused: false, decisions: 0, latest, bad_since: None })
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How far the rollout has come.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        match self.phase {
            Phase::Waiting => Progress::Waiting,
            Phase::Running { .. } => Progress::Running,
            Phase::Baking { .. } => Progress::Baking,
            Phase::Promoted => Progress::Promoted,
            Phase::RolledBack => Progress::RolledBack,
        }
    }

    /// Whether somebody has paused it.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.paused
    }

    /// The number of the step under way, counted from zero.
    #[must_use]
    pub const fn current_step(&self) -> Option<usize> {
        match self.phase {
            Phase::Running { step, .. } => Some(step),
            Phase::Waiting | Phase::Baking { .. } | Phase::Promoted | Phase::RolledBack => None,
        }
    }

    /// The share that the candidate is to have.
    #[must_use]
    pub fn share(&self) -> Ratio {
        match self.phase {
            Phase::Waiting | Phase::RolledBack => Ratio::ZERO,
            Phase::Running { step, .. } => {
                self.plan.steps.get(step).map_or(Ratio::ZERO, |s| s.share)
            }
            Phase::Baking { .. } | Phase::Promoted => Ratio::ONE,
        }
    }

    /// For how long the candidate has been proven healthy in this step or bake, without a
    /// break.
    #[must_use]
    pub fn proven(&self) -> Duration {
        match &self.phase {
            Phase::Running { proof, .. } | Phase::Baking { proof } => proof.proven(),
            Phase::Waiting | Phase::Promoted | Phase::RolledBack => Duration::ZERO,
        }
    }

    /// When [`Event::Timer`] will take the candidate back if no proof comes before; it does then
    /// and not before.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            // Met exactly, the limit still permits.
            Phase::Running { proof, .. } => {
                Some(proof.limit(self.plan.give_up) + Duration::from_nanos(1))
            }
            Phase::Waiting | Phase::Baking { .. } | Phase::Promoted | Phase::RolledBack => None,
        }
    }

    /// Lets something happen at `now`; returns the decision if it made one.
    ///
    /// An instant before that of an earlier event counts as that one: the machine's time never
    /// goes back.
    pub fn step(&mut self, event: Event, now: Instant) -> Option<Decision> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if let Phase::RolledBack = self.phase {
            return None;
        }
        match (event, self.phase) {
            (Event::RollBack { why }, _) => Some(self.roll_back(Reason::ByHand { why }, now)),
            (Event::Barred { why }, _) => Some(self.roll_back(Reason::Barred { why }, now)),
            (_, Phase::Promoted | Phase::RolledBack) => None,
            (Event::Judged(verdict), _) => self.judged(verdict.at(now), now),
            (Event::Start, Phase::Waiting) if !self.paused => {
                Some(self.begin(0, Reason::Started, now))
            }
            (Event::Timer, Phase::Running { proof, .. }) => self.give_up_after(&proof, now),
            (Event::Pause, _) if !self.paused => {
                self.paused = true;
                Some(self.decide(self.share(), Reason::Paused, now))
            }
            (Event::Resume, _) if self.paused => {
                self.paused = false;
                Some(self.decide(self.share(), Reason::Resumed, now))
            }
            _ => None,
        }
    }

    fn judged(&mut self, verdict: Verdict, now: Instant) -> Option<Decision> {
        match verdict.level {
            Level::Degraded | Level::Unhealthy => self.bad_since = self.bad_since.or(Some(now)),
            Level::Healthy => self.bad_since = None,
            Level::Unknown => {}
        }
        if verdict.level == Level::Unhealthy {
            return Some(self.roll_back(Reason::Unhealthy { verdict }, now));
        }
        let (step, mut proof) = match self.phase {
            Phase::Running { step, proof } => (step, proof),
            Phase::Baking { proof } => return self.baked(proof, &verdict, now),
            Phase::Waiting | Phase::Promoted | Phase::RolledBack => return None,
        };
        if let Some(decision) = self.give_up_after(&proof, now) {
            return Some(decision);
        }
        proof.judged(&verdict, now, self.plan.give_up);
        self.phase = Phase::Running { step, proof };
        if proof.unproven() > self.plan.give_up {
            return self.unproven(proof.unproven(), now);
        }
        let hold = self.plan.steps.get(step)?.hold;
        if self.paused || proof.proven() < hold {
            return None;
        }
        let reason = Reason::StepPassed { step, proven: proof.proven() };
        Some(self.begin(step + 1, reason, now))
    }

    /// A bake is never given up: what is promoted but not proven stays, and is not called good.
    fn baked(&mut self, mut proof: Proof, verdict: &Verdict, now: Instant) -> Option<Decision> {
        proof.judged(verdict, now, self.plan.give_up);
        self.phase = Phase::Baking { proof };
        let proven = proof.proven();
        if self.paused || verdict.level != Level::Healthy || proven < self.bake() {
            return None;
        }
        self.phase = Phase::Promoted;
        Some(self.decide(Ratio::ONE, Reason::Baked { proven }, now))
    }

    fn bake(&self) -> Duration {
        self.plan.bake.unwrap_or_default()
    }

    fn give_up_after(&mut self, proof: &Proof, now: Instant) -> Option<Decision> {
        if now <= proof.limit(self.plan.give_up) {
            return None;
        }
        self.unproven(proof.unproven_at(now), now)
    }

    fn unproven(&mut self, unproven: Duration, now: Instant) -> Option<Decision> {
        let allowed = self.plan.give_up;
        Some(self.roll_back(Reason::Unproven { unproven, allowed }, now))
    }

    /// Begins the step, or ends the rollout well if it has no such step.
    fn begin(&mut self, step: usize, reason: Reason, now: Instant) -> Decision {
        let from = self.share();
        self.phase = if step < self.plan.steps.len() {
            Phase::Running { step, proof: Proof::new(now) }
        } else if self.bake().is_zero() {
            Phase::Promoted
        } else {
            Phase::Baking { proof: Proof::new(now) }
        };
        self.decide(from, reason, now)
    }

    fn roll_back(&mut self, reason: Reason, now: Instant) -> Decision {
        let from = self.share();
        self.phase = Phase::RolledBack;
        self.paused = false;
        self.decide(from, reason, now)
    }

    fn decide(&mut self, from: Ratio, reason: Reason, now: Instant) -> Decision {
        self.decisions += 1;
        Decision {
            number: self.decisions,
            at: now,
            from,
            to: self.share(),
            progress: self.progress(),
            bad_since: self.bad_since,
            reason,
            restore: None,
        }
    }
}
