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
//! let reason = machine.judge(counts).expect("half of twenty calls is enough");
//! machine.step(Event::Tripped { generation: 0, reason }, now);
//! assert_eq!(machine.state(), State::Open);
//!
//! let later = now + Duration::from_secs(30);
//! machine.step(Event::Timer, later);
//! assert_eq!(machine.state(), State::HalfOpen);
//! machine.step(Event::TrialEnded { generation: 2, bad: false }, later);
//! assert_eq!(machine.state(), State::Closed);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

use core::fmt;
use core::time::Duration;

use rely_core::window::Counts;
use rely_core::{ConfigError, Instant, Ratio};

use crate::BreakerConfig;

/// The state of a breaker, as everybody may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum State {
    /// Calls go through and are counted.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few trial calls go through, and decide.
    HalfOpen,
}

impl State {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What made a closed breaker open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TripReason {
    /// The share of bad calls reached the failure rate.
    FailureRate {
        /// Bad calls in the window.
        bad: u64,
        /// Calls in the window.
        total: u64,
        /// The configured rate.
        threshold: Ratio,
    },
}

impl fmt::Display for TripReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailureRate { bad, total, threshold } => {
                write!(f, "{bad} of the last {total} calls were bad, the limit is {threshold}")
            }
        }
    }
}

/// Why a breaker changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeReason {
    /// A trip rule was met.
    Tripped(TripReason),
    /// The open time is over.
    OpenTimeOver,
    /// Enough trial calls went well: so many good of so many that ended.
    TrialsPassed {
        /// Good trial calls.
        good: u32,
        /// Trial calls that ended.
        ended: u32,
    },
    /// Too many trial calls went badly.
    TrialsFailed {
        /// Bad trial calls.
        bad: u32,
        /// Trial calls that ended.
        ended: u32,
    },
    /// The trial calls did not end in time.
    TrialsTimedOut,
    /// Somebody asked for it.
    Reset,
}

impl fmt::Display for ChangeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tripped(reason) => reason.fmt(f),
            Self::OpenTimeOver => f.write_str("the open time is over"),
            Self::TrialsPassed { good, ended } => {
                write!(f, "{good} of {ended} trial calls went well")
            }
            Self::TrialsFailed { bad, ended } => {
                write!(f, "{bad} of {ended} trial calls went badly")
            }
            Self::TrialsTimedOut => f.write_str("the trial calls did not end in time"),
            Self::Reset => f.write_str("reset by hand"),
        }
    }
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// When.
    pub at: Instant,
    /// The generation that begins with it.
    pub generation: u64,
    /// Why.
    pub reason: ChangeReason,
}

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
    /// A trial call that `generation` admitted has ended with evidence.
    TrialEnded {
        /// The generation that admitted it.
        generation: u64,
        /// Whether it went badly.
        bad: bool,
    },
    /// Time has passed.
    Timer,
    /// Somebody wants the breaker closed, with nothing held against it.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { until: Instant, good: u32, bad: u32 },
}

/// The machine. See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Machine {
    config: BreakerConfig,
    phase: Phase,
    generation: u64,
    since: Instant,
}

impl Machine {
    /// A closed breaker of generation zero.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn new(config: BreakerConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config, phase: Phase::Closed, generation: 0, since: Instant::ORIGIN })
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
            Phase::Closed => None,
            Phase::Open { until } | Phase::HalfOpen { until, .. } => Some(until),
        }
    }

    /// Whether calls counted like this are a reason to open. Pure, and asked without any lock.
    #[must_use]
    pub fn judge(&self, counts: Counts) -> Option<TripReason> {
        judge(&self.config, counts)
    }

    /// Lets something happen at `now`; returns the change of state if it made one.
    pub fn step(&mut self, event: Event, now: Instant) -> Option<Change> {
        match (event, self.phase) {
            (Event::Tripped { generation, reason }, Phase::Closed)
                if generation == self.generation =>
            {
                Some(self.open(ChangeReason::Tripped(reason), now))
            }
            (Event::TrialEnded { generation, bad }, Phase::HalfOpen { .. })
                if generation == self.generation =>
            {
                self.trial_ended(bad, now)
            }
            (Event::Timer, Phase::Open { until }) if is_over(until, self.config.open_for, now) => {
                let until = now + self.config.trial_limit;
                let phase = Phase::HalfOpen { until, good: 0, bad: 0 };
                Some(self.change(phase, ChangeReason::OpenTimeOver, now))
            }
            (Event::Timer, Phase::HalfOpen { until, .. })
                if is_over(until, self.config.trial_limit, now) =>
            {
                Some(self.open(ChangeReason::TrialsTimedOut, now))
            }
            (Event::Reset, _) => Some(self.change(Phase::Closed, ChangeReason::Reset, now)),
            (Event::Tripped { .. } | Event::TrialEnded { .. } | Event::Timer, _) => None,
        }
    }

    /// Decides as early as the arithmetic allows: once the trials still to come cannot change it.
    fn trial_ended(&mut self, was_bad: bool, now: Instant) -> Option<Change> {
        let Phase::HalfOpen { good, bad, .. } = &mut self.phase else { return None };
        *(if was_bad { &mut *bad } else { &mut *good }) += 1;
        let (good, bad, trials) = (*good, *bad, self.config.trials);
        let fails =
            |bad: u32| self.config.failure_rate.is_reached(u64::from(bad), u64::from(trials));
        let ended = good + bad;
        if fails(bad) {
            Some(self.open(ChangeReason::TrialsFailed { bad, ended }, now))
        } else if !fails(trials.saturating_sub(good)) {
            Some(self.change(Phase::Closed, ChangeReason::TrialsPassed { good, ended }, now))
        } else {
            None
        }
    }

    fn open(&mut self, reason: ChangeReason, now: Instant) -> Change {
        let wait: Duration = self.config.open_for;
        self.change(Phase::Open { until: now + wait }, reason, now)
    }

    fn change(&mut self, phase: Phase, reason: ChangeReason, now: Instant) -> Change {
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        self.since = now;
        Change { from, to: self.state(), at: now, generation: self.generation, reason }
    }
}

/// Whether a state of length `time` that ends at `until` is over at `now`. A clock that has gone back
/// to before it began must not keep it for ever.
pub(crate) fn is_over(until: Instant, time: Duration, now: Instant) -> bool {
    now >= until || until - now > time
}

/// See [`Machine::judge`].
pub(crate) fn judge(config: &BreakerConfig, counts: Counts) -> Option<TripReason> {
    let Counts { total, bad, .. } = counts;
    let threshold = config.failure_rate;
    (total >= u64::from(config.minimum_calls) && threshold.is_reached(bad, total))
        .then_some(TripReason::FailureRate { bad, total, threshold })
}
