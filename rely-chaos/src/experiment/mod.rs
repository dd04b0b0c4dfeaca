//! Experiments: a hypothesis, a method, a rollback that always runs, and a conclusion.
//!
//! ```
//! use core::time::Duration;
//! use rely_chaos::experiment::{Experiment, FaultAction};
//! use rely_chaos::{Fault, FaultPoint};
//! use rely_core::{Clock, Instant, Level, Verdict};
//!
//! # futures::executor::block_on(async {
//! # let (clock, manual) = Clock::manual();
//! let queue = FaultPoint::builder("queue.call").clock(clock.clone()).build()?;
//! let served = |now: Instant| Verdict::new(Level::Healthy, now);
//! let lost = |now: Instant| Verdict::new(Level::Healthy, now);
//!
//! let spike = Fault::latency(Duration::from_millis(400));
//! let experiment = Experiment::builder("queue brown-out")
//!     .clock(clock.clone())
//!     .steady_state("orders are served", served)
//!     .throughout("no order is lost", lost)
//!     .inject_every(
//!         Duration::from_millis(1500),
//!         6,
//!         FaultAction::new(&queue, spike, Duration::from_millis(500)),
//!     )
//!     .lasting(Duration::from_secs(10))
//!     .interval(Duration::from_millis(100))
//!     .build()?;
//!
//! # let run = async {
//! let report = experiment.run().await;
//! # report };
//! # let report = rely_chaos_doc(run, &manual).await;
//! // Nobody called the queue, so no call was late: the run has proved nothing.
//! assert_eq!(report.conclusion.as_str(), "not_proven");
//! # Ok::<(), rely_core::ConfigError>(())
//! # }).unwrap();
//! # async fn rely_chaos_doc<T>(run: impl Future<Output = T>, clock: &rely_core::ManualClock) -> T {
//! #     let mut run = std::pin::pin!(run);
//! #     loop {
//! #         if let Some(done) = futures::FutureExt::now_or_never(run.as_mut()) {
//! #             return done;
//! #         }
//! #         clock.advance_to_next_timer();
//! #     }
//! # }
//! ```
//!
//! # The course of a run
//!
//! 1. *Settling.* The steady state has to be healthy, all of it at the same time, within
//!    `settle_within`; unknown is not healthy.
//! 2. *Method.* Actions are injected at their offsets, hypotheses watched, until `lasting` is over or
//!    `until` is healthy. Hypotheses `at_end` are judged then.
//! 3. *Rollback.* Every action that was begun is rolled back, the latest first, also one whose
//!    injection failed or was cut short. One that fails, panics or takes longer than
//!    `rollback_within` does not keep the others from it.
//! 4. *Recovery.* The steady state has to come back within `recover_within`; hypotheses
//!    `after_rollback` are judged then.
//!
//! # Rules
//!
//! The conclusion is that of the first rule that holds.
//!
//! | rule | holds when | conclusion |
//! |---|---|---|
//! | E1 | before the rollback a condition to abort was unhealthy: rolled back at once | `Aborted` |
//! | E2 | it was stopped, by hand or by the kill switch: rolled back at once | `Stopped` |
//! | E3 | an action could not be injected, or a signal panicked: rolled back at once | `Failed` |
//! | E4 | an action was still being injected at the end of the method, could not be rolled back, or panicked when asked what it did | `Failed` |
//! | E5 | the steady state was not there to begin with: nothing was injected | `NotSteady` |
//! | E6 | the steady state did not come back | `NotRecovered` |
//! | E7 | a hypothesis `throughout` was unhealthy once, or one `at_end` or `after_rollback` was not healthy | `Refuted` |
//! | E8 | an action was never injected, or fired less often than needed | `NotProven` |
//! | E9 | a hypothesis had no evidence: unknown when it was judged; for `throughout` that is the end of the method | `NotProven` |
//! | E10 | none of these | `Held` |
//!
//! Of E1 to E3 the one that came first holds, and an abort is seen before anything else of the same
//! instant. After them the recovery is still waited for, so that the report tells of it; a stop after
//! the method, or a second one, ends that wait too.
//!
//! Evidence from before says nothing about what was done since: a verdict whose `as_of` is earlier
//! than the first injection reads unknown to the method's checks from then on, and one from before
//! the end of the rollback to the checks of the recovery.
//!
//! # Who drives it
//!
//! [`Experiment::run`] gives a future; nothing is spawned. All of it follows the clock that it was
//! built with, so an hour's experiment takes a test milliseconds under a manual one, and the same
//! answers at the same times give the same report.

mod action;
mod builder;
mod checks;
mod conclusion;
mod guarded;
mod journal;
mod machine;
#[cfg(test)]
mod model_tests;
mod plan;
mod report;
mod rules;
mod runner;
mod shared;
#[cfg(test)]
mod tests;

use core::fmt;
use core::num::NonZeroUsize;
use std::sync::Arc;

use rely_core::Subscriber;

pub use self::action::{Action, FaultAction, FnAction, KillAction};
pub use self::builder::ExperimentBuilder;
pub use self::conclusion::Conclusion;
pub use self::journal::{ExperimentEvent, What};
pub use self::report::{Check, ExperimentReport, Proof, When};
pub use self::runner::Run;
use self::shared::Shared;

/// An experiment, which can be run, watched and stopped.
///
/// A handle: every clone is the same experiment. See the [module's documentation](self).
#[derive(Clone)]
pub struct Experiment(Arc<Shared>);

impl Experiment {
    /// A builder for an experiment called `name`.
    pub fn builder(name: impl Into<String>) -> ExperimentBuilder {
        ExperimentBuilder::new(name.into())
    }

    /// Runs it. It may be run again, but not twice at a time: the second run fails at once.
    pub fn run(&self) -> Run {
        Run::new(Arc::clone(&self.0))
    }

    /// Ends the run that goes on, which then rolls back; whether there is one.
    pub fn stop(&self, why: impl Into<String>) -> bool {
        self.0.stop(why.into())
    }

    /// Where it is.
    #[must_use]
    pub fn status(&self) -> ExperimentStatus {
        self.0.status()
    }

    /// Everything that happens from now on, up to `capacity` unread events.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<ExperimentEvent> {
        self.0.events.subscribe(capacity)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.plan.name
    }
}

impl fmt::Debug for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Experiment")
            .field("name", &self.0.plan.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// Where an experiment is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExperimentStatus {
    /// What the run does.
    pub phase: Phase,
    /// Whether there is a run.
    pub running: bool,
    /// How the last run ended; nothing if there was none, or it was dropped.
    pub last: Option<Conclusion>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing: there is none, or it is over.
    #[default]
    Idle,
    /// It waits for the steady state.
    Settling,
    /// It carries out the method.
    Running,
    /// It takes back what it did.
    RollingBack,
    /// It waits for the steady state to come back.
    Recovering,
}
