//! What a machine took in, to be fed to another one.

use std::sync::Arc;

use rely_core::Recording;
use rely_core::recorder::Incomplete;

use super::{Change, Event, Machine};
use crate::BreakerConfig;

/// Something that a machine takes in.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
// Inputs are few, and configurations among them fewer.
#[allow(clippy::large_enum_variant)]
pub enum Input {
    /// What happened.
    Event(Event),
    /// Another configuration from then on.
    Reconfigured(BreakerConfig),
}

/// Feeds a recording to a machine that is as the recorded one was when it began, and gives the changes
/// that it makes: the same ones, for the machine has nothing else to go by.
///
/// [`Breaker::take_recording`](crate::Breaker::take_recording) is where a recording comes from; append
/// the later ones to the first. The seed is that of the breaker
/// ([`BreakerBuilder::seed`](crate::BreakerBuilder::seed)), where growing open times are spread by
/// chance.
///
/// ```
/// use core::num::NonZeroUsize;
/// use core::time::Duration;
/// use rely_breaker::machine::{Machine, replay};
/// use rely_breaker::{Breaker, BreakerConfig, State};
/// use rely_core::Clock;
///
/// let (clock, manual) = Clock::manual();
/// let config = BreakerConfig { consecutive_failures: Some(3), ..BreakerConfig::default() };
/// let room = NonZeroUsize::new(1000).expect("not zero");
/// let breaker =
///     Breaker::builder("queue").config(config.clone()).seed(7).record(room).clock(clock).build()?;
/// (0..3).for_each(|_| breaker.acquire().expect("closed").failure());
/// manual.advance(Duration::from_secs(30));
/// (0..5).for_each(|_| breaker.acquire().expect("a trial").success());
///
/// let recording = breaker.take_recording().expect("asked for");
/// let changes = replay(&mut Machine::new(config)?.with_seed(7), &recording).expect("complete");
/// let states: Vec<_> = changes.iter().map(|change| change.to).collect();
/// assert_eq!(states, [State::Open, State::HalfOpen, State::Closed]);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
///
/// # Errors
/// If the recording lacks an input: what came after it could be anything.
pub fn replay(
    machine: &mut Machine,
    recording: &Recording<Input>,
) -> Result<Vec<Change>, Incomplete> {
    let mut changes = Vec::new();
    recording.replay(|at, input| {
        let change = match input {
            Input::Event(event) => machine.step(*event, at),
            // One that is out of range was not taken in when it was recorded either.
            Input::Reconfigured(config) => {
                machine.reconfigure(Arc::new(config.clone()), at).unwrap_or(None)
            }
        };
        changes.extend(change);
    })?;
    Ok(changes)
}
