use core::fmt;

use rely_core::{Evidence, Instant, Level, Verdict};

use super::{Conclusion, ExperimentEvent};

/// When a check is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum When {
    /// The steady state before anything is injected.
    Before,
    /// A condition to abort, from the start to the end of the method.
    AbortIf,
    /// A hypothesis during the whole method.
    Throughout,
    /// A condition that ends the method early.
    Until,
    /// A hypothesis when the method is over, before the rollback.
    AtEnd,
    /// The steady state after the rollback.
    Recovered,
    /// A hypothesis after the rollback, once the steady state is back or no longer waited for.
    AfterRollback,
}

impl When {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::AbortIf => "abort_if",
            Self::Throughout => "throughout",
            Self::Until => "until",
            Self::AtEnd => "at_end",
            Self::Recovered => "recovered",
            Self::AfterRollback => "after_rollback",
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a check.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Check {
    /// Its name.
    pub name: String,
    /// When it was looked at.
    pub when: When,
    /// The level that it is judged by: the last one, or the first unhealthy one of a check that one
    /// is enough for. Unknown if it was never looked at.
    pub level: Level,
    /// Whether it came out as it should; for a condition to abort, that it was never met.
    pub held: bool,
    /// How often its signal was asked.
    pub asked: u64,
    /// When the signal gave the verdict.
    pub at: Option<Instant>,
    /// The verdict.
    pub verdict: Option<Verdict>,
}

/// What an action did: the proof that it fired, or that it did not.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Proof {
    /// The action.
    pub action: String,
    /// How often it was begun.
    pub injected: u64,
    /// How often it had an effect in this run.
    pub fired: u64,
    /// How often it needs to, so that the run proves anything.
    pub needed: u64,
    /// Whether nothing of it is left behind: it was never begun, or its rollback went well.
    pub rolled_back: bool,
    /// What else the action tells of this run.
    pub evidence: Vec<Evidence>,
}

impl Proof {
    /// Whether it fired as often as needed.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        self.injected > 0 && self.fired >= self.needed
    }
}

/// What an experiment found.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use]
#[non_exhaustive]
pub struct ExperimentReport {
    /// The experiment.
    pub name: String,
    /// How it ended.
    pub conclusion: Conclusion,
    /// What became of each check.
    pub checks: Vec<Check>,
    /// What each action did.
    pub faults: Vec<Proof>,
    /// What happened, in order.
    pub journal: Vec<ExperimentEvent>,
    /// How many changes of level the journal has no room for.
    pub lost: u64,
    /// When the run began.
    pub started: Instant,
    /// When it ended.
    pub ended: Instant,
}

impl ExperimentReport {
    /// Whether everything was as expected, and proved.
    #[must_use]
    pub const fn held(&self) -> bool {
        self.conclusion.held()
    }

    /// The check of this name: for a steady state the one before the method.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// The actions whose rollback went wrong: what they did may still be there.
    pub fn left_behind(&self) -> impl Iterator<Item = &Proof> {
        self.faults.iter().filter(|proof| !proof.rolled_back)
    }
}

/// The conclusion, then a line for each check and each action.
impl fmt::Display for ExperimentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.conclusion)?;
        for check in &self.checks {
            let held = if check.held { "ok" } else { "--" };
            write!(f, "\n  {held} {} {}: {}", check.when, check.name, check.level)?;
            let reason = check.verdict.as_ref().map_or("", |verdict| &verdict.reason);
            if !reason.is_empty() {
                write!(f, " ({reason})")?;
            }
        }
        for proof in &self.faults {
            let enough = if proof.is_enough() { "ok" } else { "--" };
            let Proof { action, fired, needed, .. } = proof;
            write!(f, "\n  {enough} {action}: fired {fired}, needed {needed}")?;
            if !proof.rolled_back {
                f.write_str(", not rolled back")?;
            }
        }
        Ok(())
    }
}
