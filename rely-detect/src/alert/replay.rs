//! What a machine took in, to be fed to another one.

use rely_core::recorder::Incomplete;
use rely_core::{Instant, Recording};

use super::command::Command;
use super::effect::Effect;
use super::labels::AlertKey;
use super::machine::Alerts;
use super::observation::Observation;

/// Something that [`Alerts`] take in.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Input {
    /// What is seen of a series.
    Observed(AlertKey, Observation),
    /// What somebody wants.
    Command(Command),
    /// Time passes.
    Tick,
}

impl Alerts {
    /// Takes in an input of any kind; what it gives, where time passes. A command that cannot be done
    /// could not when it was recorded either.
    pub fn take(&mut self, now: Instant, input: &Input) -> Vec<Effect> {
        match input {
            Input::Observed(key, seen) => {
                self.observe(now, &key.rule, &key.labels, seen.clone());
                Vec::new()
            }
            Input::Command(command) => {
                let _ = self.command(now, command.clone());
                Vec::new()
            }
            Input::Tick => self.tick(now),
        }
    }
}

/// Feeds a recording to a machine that is as the recorded one was when it began, and gives the effects:
/// the same ones, for the machine has nothing else to go by.
///
/// # Errors
/// If the recording lacks an input: what came after it could be anything.
pub fn replay(
    alerts: &mut Alerts,
    recording: &Recording<Input>,
) -> Result<Vec<Effect>, Incomplete> {
    let mut effects = Vec::new();
    recording.replay(|at, input| effects.extend(alerts.take(at, input)))?;
    Ok(effects)
}
