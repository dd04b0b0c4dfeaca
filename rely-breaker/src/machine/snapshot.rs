//! The machine, kept over a restart.

use core::time::Duration;
use std::sync::Arc;

#[cfg(feature = "serde")]
use rely_core::config::duration;
use rely_core::{ConfigError, Instant, config};

use super::{Machine, OpenTime, Phase, State, Trials, is_over};
use crate::{BreakerConfig, Ramp};

/// A machine to be kept, in a file for example; its times are relative, so that a process with
/// another clock can go on with it.
///
/// With the feature `serde` it is stored with a version; what another version wrote is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct MachineSnapshot {
    // Stored first, so that another form is refused for its version and not for what it changed.
    #[cfg_attr(feature = "serde", serde(with = "version"))]
    version: (),
    generation: u64,
    /// How long the state has lasted.
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    lasted: Duration,
    state: Stored,
    /// How many openings are remembered.
    openings: u32,
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    last_open: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
enum Stored {
    Closed,
    Open {
        #[cfg_attr(feature = "serde", serde(with = "duration"))]
        left: Duration,
        by_hand: bool,
    },
    HalfOpen {
        #[cfg_attr(feature = "serde", serde(with = "duration"))]
        left: Duration,
        trials: Trials,
        /// For how long the trials asked to be left alone.
        #[cfg_attr(feature = "serde", serde(with = "duration"))]
        asked: Duration,
    },
    Ramping {
        #[cfg_attr(feature = "serde", serde(with = "duration"))]
        left: Duration,
        stage: u32,
    },
    ForcedOpen,
    ForcedClosed,
    Disabled,
}

impl MachineSnapshot {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.state {
            Stored::Closed => State::Closed,
            Stored::Open { .. } => State::Open,
            Stored::HalfOpen { .. } => State::HalfOpen,
            Stored::Ramping { .. } => State::Ramping,
            Stored::ForcedOpen => State::ForcedOpen,
            Stored::ForcedClosed => State::ForcedClosed,
            Stored::Disabled => State::Disabled,
        }
    }

    /// The generation.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The same after nothing has run for `elapsed`: an open breaker has waited for so long. The time
    /// in which trials or a stage of a ramp are watched stands still, for there was nothing to see.
    #[must_use]
    pub const fn after(mut self, elapsed: Duration) -> Self {
        self.lasted = self.lasted.saturating_add(elapsed);
        if let Stored::Open { left: waits, .. } | Stored::HalfOpen { asked: waits, .. } =
            &mut self.state
        {
            *waits = waits.saturating_sub(elapsed);
        }
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        config::in_range("generation", self.generation, 0..=Machine::MAX_GENERATION)?;
        match self.state {
            Stored::HalfOpen { trials: Trials { ended, bad, slow, run }, .. } => {
                config::in_range("trials.ended", ended, 0..=u32::from(u16::MAX))?;
                config::in_range("trials.bad", bad, 0..=ended)?;
                config::in_range("trials.slow", slow, 0..=ended)?;
                config::in_range("trials.run", run, 0..=bad)?;
            }
            Stored::Ramping { stage, .. } => {
                config::in_range("stage", stage, 0..=Ramp::MAX_STAGES - 1)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Machine {
    /// The highest generation that a machine can be restored at: a breaker that changes a thousand
    /// times a second gets there in 34 years.
    pub const MAX_GENERATION: u64 = 1 << 40;

    /// The machine as it is at `now`, to be kept; see [`Machine::restore`].
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> MachineSnapshot {
        // On a clock that has gone back the state is over: more than all of it cannot be left.
        let left = self.deadline().filter(|until| !is_over(self.since, *until, now));
        let left = left.map_or(Duration::ZERO, |until| until.saturating_since(now));
        let state = match self.phase {
            Phase::Closed => Stored::Closed,
            Phase::Open { by_hand, .. } => Stored::Open { left, by_hand },
            Phase::HalfOpen { trials, asked, .. } => {
                Stored::HalfOpen { left, trials, asked: asked.saturating_since(now) }
            }
            Phase::Ramp { stage, .. } => Stored::Ramping { left, stage },
            Phase::ForcedOpen => Stored::ForcedOpen,
            Phase::ForcedClosed => Stored::ForcedClosed,
            Phase::Disabled => Stored::Disabled,
        };
        MachineSnapshot {
            version: (),
            generation: self.generation,
            lasted: now.saturating_since(self.since),
            state,
            openings: self.open_time.steps,
            last_open: self.open_time.last,
        }
    }

    /// Goes on at `now` with what was kept: the same state and generation, for as long as was left;
    /// how long nothing ran, no clock can tell. Trials that ended count, and the others may begin
    /// again: see [`Machine::trials_left`]. Another configuration is taken as
    /// [`Machine::reconfigure`] takes it. The chance in open times starts at seed zero.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range, or, under `snapshot`, the first
    /// that no machine could have kept.
    pub fn restore(
        config: impl Into<Arc<BreakerConfig>>,
        snapshot: &MachineSnapshot,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        let mut machine = Self::new(config)?;
        snapshot.check().map_err(|error| error.within("snapshot"))?;
        machine.phase = match snapshot.state {
            Stored::Closed => Phase::Closed,
            Stored::Open { left, by_hand } => Phase::Open { until: now + left, by_hand },
            Stored::HalfOpen { left, trials, asked } => {
                // A wish that is over must not come back with a clock that goes back.
                let asked = if asked.is_zero() { Instant::ORIGIN } else { now + asked };
                Phase::HalfOpen { until: now + left, trials, asked }
            }
            Stored::Ramping { left, stage } => Phase::Ramp { stage, until: now + left },
            Stored::ForcedOpen => Phase::ForcedOpen,
            Stored::ForcedClosed => Phase::ForcedClosed,
            Stored::Disabled => Phase::Disabled,
        };
        machine.generation = snapshot.generation;
        machine.since = now - snapshot.lasted;
        machine.open_time = OpenTime::new(snapshot.openings, snapshot.last_open);
        machine.fit(machine.share(), now);
        Ok(machine)
    }
}

#[cfg(feature = "serde")]
pub(crate) mod version {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const VERSION: u32 = 1;

    pub(crate) fn serialize<S: Serializer>((): &(), serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        match u32::deserialize(deserializer)? {
            VERSION => Ok(()),
            other => Err(D::Error::custom(format_args!(
                "snapshot has version {other}, this build reads version {VERSION}"
            ))),
        }
    }
}
