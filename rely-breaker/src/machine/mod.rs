//! The breaker as plain data: events in, changes out.
//!
//! The machine never sees a single success. Calls are counted elsewhere, in a lock-free window; what
//! comes here is a trip, the end of a trial call, the passing of time, the word of a probe, or a
//! command. It holds no clock: every event carries its instant.
//!
//! Every change of state begins a new *generation*. A call belongs to the generation that admitted
//! it; what it comes to in a later one is no evidence about the state that the breaker is in now, and
//! is dropped from the decision. So a straggler from before an outage can neither close the breaker
//! nor open it again. Only the stages of a ramp that follow one another share a generation: what one
//! of them let through is evidence about the next.
//!
//! ```
//! use core::time::Duration;
//! use rely_breaker::machine::{Event, Machine};
//! use rely_breaker::{BreakerConfig, State};
//! use rely_core::{Instant, window::Counts};
//!
//! let config = BreakerConfig { trials: 1, ..BreakerConfig::default() };
//! let mut machine = Machine::new(config)?;
//! let now = Instant::ORIGIN;
//! let counts = Counts { total: 20, bad: 10, slow: 0 };
//! let reason = machine.judge(counts, 0, 0).expect("half of twenty calls is enough");
//! machine.step(Event::Tripped { generation: 0, reason, asked: None }, now);
//! assert_eq!(machine.state(), State::Open);
//!
//! let later = now + Duration::from_secs(30);
//! machine.step(Event::Timer, later);
//! assert_eq!(machine.state(), State::HalfOpen);
//! let trial = Event::TrialEnded { generation: 2, bad: false, slow: false, asked: None };
//! machine.step(trial, later);
//! assert_eq!(machine.state(), State::Closed);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod event;
mod evidence;
mod open;
mod open_time;
mod ramp;
mod reason;
mod replay;
mod rules;
mod snapshot;
mod state;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
mod trials;

use std::sync::Arc;

use rely_core::window::Counts;
use rely_core::{ConfigError, Instant, Ratio};

pub use self::event::Event;
use self::open_time::OpenTime;
pub use self::reason::{Change, ChangeReason, TripReason};
pub use self::replay::{Input, replay};
use self::rules::{Decision, Trials};
pub(crate) use self::rules::{cancelled_fails, judge};
pub use self::snapshot::MachineSnapshot;
#[cfg(feature = "serde")]
pub(crate) use self::snapshot::version as snapshot_version;
pub use self::state::State;
use crate::BreakerConfig;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open {
        until: Instant,
        by_hand: bool,
    },
    HalfOpen {
        until: Instant,
        trials: Trials,
        /// Until when the trials asked to be left alone; the origin if they did not.
        asked: Instant,
    },
    Ramp {
        stage: u32,
        until: Instant,
    },
    ForcedOpen,
    ForcedClosed,
    Disabled,
}

/// The machine. See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Machine {
    config: Arc<BreakerConfig>,
    phase: Phase,
    generation: u64,
    since: Instant,
    open_time: OpenTime,
}

impl Machine {
    /// A closed breaker of generation zero, whose chance starts at seed zero. Machines that are given
    /// the same [`Arc`] share the configuration.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn new(config: impl Into<Arc<BreakerConfig>>) -> Result<Self, ConfigError> {
        let config = config.into();
        config.check()?;
        let open_time = OpenTime::new(0, config.open_for);
        let (phase, since) = (Phase::Closed, Instant::ORIGIN);
        Ok(Self { config, phase, generation: 0, since, open_time })
    }

    /// The same machine with another seed for the jitter of its open times. The same seed and the
    /// same events give the same decisions.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.open_time.seed(seed);
        self
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Arc<BreakerConfig> {
        &self.config
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::Ramp { .. } => State::Ramping,
            Phase::ForcedOpen => State::ForcedOpen,
            Phase::ForcedClosed => State::ForcedClosed,
            Phase::Disabled => State::Disabled,
        }
    }

    /// The generation, which grows by one with every change but that to the next stage of a ramp.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// When the state, or the stage of a ramp, began; the clock's origin before the first change.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// When time alone will change the state or the stage; it does at this instant and not before,
    /// unless the clock has gone back to before that began: how much of it is over cannot be told
    /// then.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed | Phase::ForcedOpen | Phase::ForcedClosed | Phase::Disabled => None,
            Phase::Open { until, .. }
            | Phase::HalfOpen { until, .. }
            | Phase::Ramp { until, .. } => Some(until),
        }
    }

    /// Whether calls counted like this are a reason to open, with `run` failures in a row at their
    /// end and `overdue` calls under way for as long as a slow call takes, which matter where
    /// [`in_flight`](crate::SlowCalls::in_flight) is on. Of several rules that are met the first one
    /// gives the reason: failure rate, slow calls, failure count, consecutive failures. Pure, and
    /// asked without any lock.
    #[must_use]
    pub fn judge(&self, counts: Counts, run: u32, overdue: u64) -> Option<TripReason> {
        judge(&self.config, counts, run, overdue)
    }

    /// Whether a call that was cancelled just now counts as a failure, with `cancelled` calls
    /// cancelled of `ended` that ended, this one included in both.
    #[must_use]
    pub fn cancelled_fails(&self, cancelled: u64, ended: u64) -> bool {
        let trial = self.state() == State::HalfOpen;
        cancelled_fails(&self.config, trial, cancelled, ended)
    }

    /// Lets something happen at `now`; returns the change if it made one. What is forced or disabled
    /// already stays as it is when it is told so again.
    ///
    /// [`Event::Probed`] and [`Event::OpenTime`] may move the [`deadline`](Self::deadline) of an open
    /// breaker without a change, and [`Event::Untried`] that of a half-open one.
    pub fn step(&mut self, event: Event, now: Instant) -> Option<Change> {
        match event {
            Event::Tripped { generation, reason, asked } => {
                if generation == self.generation {
                    self.tripped(reason, asked, now)
                } else {
                    None
                }
            }
            Event::TrialEnded { generation, bad, slow, asked } => {
                let current = generation == self.generation;
                if current { self.trial_ended(bad, slow, asked, now) } else { None }
            }
            Event::Timer => self.time_passed(now),
            Event::Untried => self.untried(now),
            Event::Probed(level) => self.probed(level, now),
            Event::OpenTime { generation, until } => {
                self.open_time_is(generation, until);
                None
            }
            Event::Reset => {
                let change = self.change(Phase::Closed, ChangeReason::Reset, now);
                self.open_time.reset();
                Some(change)
            }
            Event::ForceOpen => self.force(Phase::ForcedOpen, now),
            Event::ForceClosed => self.force(Phase::ForcedClosed, now),
            Event::Disable => self.force(Phase::Disabled, now),
            Event::OpenUntil(until) => {
                Some(self.by_hand(Phase::Open { until, by_hand: true }, now))
            }
        }
    }

    /// Goes on with another configuration: state, generation, deadlines, trials and counted openings
    /// stay. Trials that by the new rules are decided are decided now. A ramp of fewer stages goes on
    /// in its last one; without a ramp it is over. The only change that begins no generation is to
    /// another share of the calls.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range; then nothing happens.
    pub fn reconfigure(
        &mut self,
        config: impl Into<Arc<BreakerConfig>>,
        now: Instant,
    ) -> Result<Option<Change>, ConfigError> {
        let config = config.into();
        config.check()?;
        let share = self.share();
        self.config = config;
        Ok(self.fit(share, now))
    }

    /// What the configuration, which is not the one that led here, makes of the phase.
    fn fit(&mut self, before: Ratio, now: Instant) -> Option<Change> {
        self.open_time.fit(&self.config);
        match self.phase {
            Phase::HalfOpen { .. } => self.decide(now),
            Phase::Ramp { stage, until } => self.fit_stage(stage, until, before, now),
            _ => None,
        }
    }

    fn tripped(
        &mut self,
        reason: TripReason,
        asked: Option<Instant>,
        now: Instant,
    ) -> Option<Change> {
        let reason = ChangeReason::Tripped(reason);
        match self.phase {
            Phase::Closed => Some(self.open(reason, asked, now)),
            Phase::Ramp { stage, .. } => Some(self.step_back(stage, reason, asked, now)),
            _ => None,
        }
    }

    fn time_passed(&mut self, now: Instant) -> Option<Change> {
        if !is_over(self.since, self.deadline()?, now) {
            return None;
        }
        match self.phase {
            Phase::Open { .. } => Some(self.try_again(ChangeReason::OpenTimeOver, now)),
            Phase::HalfOpen { .. } => Some(self.timed_out(now)),
            Phase::Ramp { stage, until } => Some(self.stage_over(stage, until, now)),
            _ => None,
        }
    }

    fn force(&mut self, phase: Phase, now: Instant) -> Option<Change> {
        (self.phase != phase).then(|| self.by_hand(phase, now))
    }

    fn by_hand(&mut self, phase: Phase, now: Instant) -> Change {
        self.leave(now);
        self.change(phase, ChangeReason::ByHand, now)
    }

    fn change(&mut self, phase: Phase, reason: ChangeReason, now: Instant) -> Change {
        self.generation += 1;
        self.go_on(phase, reason, now)
    }

    /// A change within a generation.
    fn go_on(&mut self, phase: Phase, reason: ChangeReason, now: Instant) -> Change {
        let from = self.state();
        self.phase = phase;
        self.since = now;
        Change { from, to: self.state(), at: now, generation: self.generation, reason }
    }
}

/// Whether a state that began at `since` and ends at `until` is over at `now`. A clock that has gone
/// back to before it began must not keep it for ever.
pub(crate) fn is_over(since: Instant, until: Instant, now: Instant) -> bool {
    now >= until || now < since
}
