//! What the program can be asked to do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Plays a day on which things go wrong, on real HTTP, and proves that the service copes.
///
/// Exits 0 only if every hypothesis held and every fault provably fired.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// A shorter day with the same acts.
    #[arg(long)]
    pub(crate) fast: bool,
    /// Break a part of the day itself, which has to be noticed: it then ends with an exit code of
    /// its own.
    #[arg(long, value_name = "KIND", conflicts_with = "report")]
    pub(crate) sabotage: Option<Sabotage>,
    /// Play nothing; make the report again from a journal.
    #[arg(long, value_name = "FROM", conflicts_with = "fast")]
    pub(crate) report: Option<PathBuf>,
}

/// A way to break the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sabotage {
    /// The brown-out is armed at a point that no call goes through.
    FaultNeverFires,
    /// Nobody tells the detector what the probes measure.
    DetectorOff,
    /// The breakers never trip.
    BreakerOff,
    /// The rollout is told that its candidate is healthy, whatever it does.
    RollbackOff,
    /// The steady state is claimed to be faster than it can be.
    HypothesisFalse,
    /// What is put back is the release before the last, not the last one that was good.
    WrongRelease,
}

impl Sabotage {
    /// As it is given on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Orders a second, for each of the two clients. A build without optimisation takes several times as
/// long for each.
const RATE: u32 = if cfg!(debug_assertions) { 100 } else { 250 };

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) name: &'static str,
    /// See [`RATE`].
    pub(crate) rate: u32,
    /// Act 1.
    pub(crate) steady: Duration,
    /// Spikes of the queue in act 2, one every [`Pace::SPIKE_EVERY`].
    pub(crate) spikes: u32,
    /// How long the zone is gone in act 3.
    pub(crate) zone_down: Duration,
    /// How long a step of the canary holds in act 4.
    pub(crate) step: Duration,
}

impl Pace {
    pub(crate) const FULL: Self = Self {
        name: "full",
        rate: RATE,
        steady: Duration::from_secs(12),
        spikes: 3,
        zone_down: Duration::from_secs(8),
        step: Duration::from_secs(3),
    };
    pub(crate) const FAST: Self = Self {
        name: "fast",
        rate: RATE,
        steady: Duration::from_secs(8),
        spikes: 2,
        zone_down: Duration::from_secs(4),
        step: Duration::from_millis(1500),
    };

    /// From the beginning of one spike of the queue to that of the next.
    pub(crate) const SPIKE_EVERY: Duration = Duration::from_secs(4);
    /// How long a spike takes.
    pub(crate) const SPIKE: Duration = Duration::from_millis(2500);
}
