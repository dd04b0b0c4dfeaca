//! The breaker as plain data: events in, changes out.
//!
//! The machine never sees a single success. Calls are counted elsewhere, in a lock-free window; what
//! comes here is a trip, the end of a trial call, the passing of time, or a command. It holds no
//! clock: every event carries its instant.
//!
//! Every change of state begins a new *generation*. A call belongs to the generation that admitted
//! it; what it comes to in a later one is no evidence about the state that the breaker is in now, and
//! is dropped from the decision. So a straggler from before an outage can neither close the breaker
//! nor open it again.
//!
//! ```
//! use core::time::Duration;
//! use rely_breaker::machine::{Event, Machine};
//! use rely_breaker::{BreakerConfig, State, TripReason};
//! use rely_core::{Instant, window::Counts};
//!
//! let config = BreakerConfig { trials: 1, ..BreakerConfig::default() };
//! let mut machine = Machine::new(config)?;
//! let now = Instant::ORIGIN;
//! let counts = Counts { total: 20, bad: 10, slow: 0 };
//! let reason = machine.judge(counts, 0).expect("half of twenty calls is enough");
//! machine.step(Event::Tripped { generation: 0, reason }, now);
//! assert_eq!(machine.state(), State::Open);
//!
//! let later = now + Duration::from_secs(30);
//! machine.step(Event::Timer, later);
//! assert_eq!(machine.state(), State::HalfOpen);
//! machine.step(Event::TrialEnded { generation: 2, bad: false, slow: false }, later);
//! assert_eq!(machine.state(), State::Closed);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod open_time;
mod reason;
mod rules;
mod state;

use rely_core::window::Counts;
use rely_core::{ConfigError, Instant};

use self::open_time::OpenTime;
pub use self::reason::{Change, ChangeReason, TripReason};
pub(crate) use self::rules::judge;
use self::rules::{Decision, Trials};
pub use self::state::State;
use crate::BreakerConfig;

/// What can happen to a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// [`Machine::judge`] found a reason in the counts of `generation`.
    Tripped {
        /// The generation whose calls were counted.
        generation: u64,
        /// What it found.
        reason: TripReason,
    },
    /// A trial call that `generation` admitted has ended with evidence; too late, it is none.
    TrialEnded {
        /// The generation that admitted it.
        generation: u64,
        /// Whether it went badly.
        bad: bool,
        /// Whether it took as long as a slow call, or longer.
        slow: bool,
    },
    /// Time has passed.
    Timer,
    /// Somebody wants the breaker closed, with nothing held against it.
    Reset,
    /// Somebody wants every call rejected, for as long as nobody says otherwise.
    ForceOpen,
    /// Somebody wants every call let through and counted, whatever the counts say.
    ForceClosed,
    /// Somebody wants the breaker to stand aside.
    Disable,
    /// Somebody wants the breaker open until this moment, and then half-open as after a trip.
    OpenUntil(Instant),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { until: Instant, trials: Trials },
    ForcedOpen,
    ForcedClosed,
    Disabled,
}

/// The machine. See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Machine {
    config: BreakerConfig,
    phase: Phase,
    generation: u64,
    since: Instant,
    open_time: OpenTime,
}

impl Machine {
    /// A closed breaker of generation zero, whose chance starts at seed zero.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn new(config: BreakerConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let open_time = OpenTime::new(config.open_for, 0);
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
    pub const fn config(&self) -> &BreakerConfig {
        &self.config
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
            Phase::ForcedOpen => State::ForcedOpen,
            Phase::ForcedClosed => State::ForcedClosed,
            Phase::Disabled => State::Disabled,
        }
    }

    /// The generation, which grows by one with every change.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// When the state began; the clock's origin before the first change.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// When time alone will change the state; it does at this instant and not before, unless the
    /// clock has gone back to before the state began: how much of it is over cannot be told then.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Closed | Phase::ForcedOpen | Phase::ForcedClosed | Phase::Disabled => None,
            Phase::Open { until } | Phase::HalfOpen { until, .. } => Some(until),
        }
    }

    /// Whether calls counted like this are a reason to open, with `run` failures in a row at their
    /// end. Of several rules that are met the first one gives the reason: failure rate, slow calls,
    /// consecutive failures. Pure, and asked without any lock.
    #[must_use]
    pub fn judge(&self, counts: Counts, run: u32) -> Option<TripReason> {
        judge(&self.config, counts, run)
    }

    /// Lets something happen at `now`; returns the change of state if it made one. What is forced or
    /// disabled already stays as it is when it is told so again.
    pub fn step(&mut self, event: Event, now: Instant) -> Option<Change> {
        match (event, self.phase) {
            (Event::Tripped { generation, reason }, Phase::Closed)
                if generation == self.generation =>
            {
                Some(self.open(ChangeReason::Tripped(reason), now))
            }
            (Event::TrialEnded { generation, bad, slow }, Phase::HalfOpen { until, .. })
                if generation == self.generation =>
            {
                // Whether a call came in between must not decide whether a trial is too late.
                if now >= until {
                    Some(self.open(ChangeReason::TrialsTimedOut, now))
                } else {
                    self.trial_ended(bad, slow, now)
                }
            }
            (Event::Timer, Phase::Open { until }) if is_over(self.since, until, now) => {
                let until = now + self.config.trial_limit;
                let phase = Phase::HalfOpen { until, trials: Trials::default() };
                Some(self.change(phase, ChangeReason::OpenTimeOver, now))
            }
            (Event::Timer, Phase::HalfOpen { until, .. }) if is_over(self.since, until, now) => {
                Some(self.open(ChangeReason::TrialsTimedOut, now))
            }
            (Event::Reset, _) => {
                let change = self.change(Phase::Closed, ChangeReason::Reset, now);
                self.open_time.reset();
                Some(change)
            }
            (Event::ForceOpen, _) => self.force(Phase::ForcedOpen, now),
            (Event::ForceClosed, _) => self.force(Phase::ForcedClosed, now),
            (Event::Disable, _) => self.force(Phase::Disabled, now),
            (Event::OpenUntil(until), _) => Some(self.by_hand(Phase::Open { until }, now)),
            (Event::Tripped { .. } | Event::TrialEnded { .. } | Event::Timer, _) => None,
        }
    }

    fn force(&mut self, phase: Phase, now: Instant) -> Option<Change> {
        (self.phase != phase).then(|| self.by_hand(phase, now))
    }

    fn by_hand(&mut self, phase: Phase, now: Instant) -> Change {
        self.leave(now);
        self.change(phase, ChangeReason::ByHand, now)
    }

    /// What a time without a trip is good for, however it ends.
    fn leave(&mut self, now: Instant) {
        if self.phase == Phase::Closed {
            self.open_time.was_closed(now.saturating_since(self.since));
        }
    }

    fn trial_ended(&mut self, bad: bool, slow: bool, now: Instant) -> Option<Change> {
        let Phase::HalfOpen { trials, .. } = &mut self.phase else { return None };
        trials.take(bad, slow);
        let decision = trials.decide(&self.config)?;
        let Trials { ended, bad, slow, .. } = *trials;
        Some(match decision {
            Decision::Failed => self.open(ChangeReason::TrialsFailed { bad, slow, ended }, now),
            Decision::Passed => {
                let reason = ChangeReason::TrialsPassed { good: ended - bad, slow, ended };
                self.change(Phase::Closed, reason, now)
            }
        })
    }

    fn open(&mut self, reason: ChangeReason, now: Instant) -> Change {
        self.leave(now);
        let until = now + self.open_time.next(&self.config);
        self.change(Phase::Open { until }, reason, now)
    }

    fn change(&mut self, phase: Phase, reason: ChangeReason, now: Instant) -> Change {
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        self.since = now;
        Change { from, to: self.state(), at: now, generation: self.generation, reason }
    }
}

/// Whether a state that began at `since` and ends at `until` is over at `now`. A clock that has gone
/// back to before it began must not keep it for ever.
pub(crate) fn is_over(since: Instant, until: Instant, now: Instant) -> bool {
    now >= until || now < since
}
