//! What an experiment does to the system.

mod fault;
mod function;
mod kill;

use std::sync::Arc;

use async_trait::async_trait;
use rely_core::{ConfigError, Evidence};

pub use self::fault::FaultAction;
pub use self::function::FnAction;
pub use self::kill::KillAction;
use crate::BoxError;

/// Something that an experiment does to the system, and takes back.
///
/// Ready-made are [`FaultAction`], [`KillAction`] and, for closures, [`FnAction`]. An action may be
/// injected several times in a run and is rolled back once at its end, also if an injection failed
/// or was dropped half-way: a rollback puts things right whatever was done. Both run inside the
/// run's future, so they must not block.
#[async_trait]
pub trait Action: Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// Whether it can work at all; asked when the experiment is built.
    ///
    /// # Errors
    /// If it cannot.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Does it. Dropped if the method ends before.
    ///
    /// # Errors
    /// If it could not be done; the experiment then ends as failed, after its rollback.
    async fn inject(&self) -> Result<(), BoxError>;

    /// Takes it back; right also if nothing is left to take back.
    ///
    /// # Errors
    /// If it could not be taken back; the other actions are rolled back all the same.
    async fn roll_back(&self) -> Result<(), BoxError>;

    /// How often it has had an effect since it was made. What never fires proves nothing.
    fn fired(&self) -> u64;

    /// How often it has to fire in a run for that to prove anything; once by default.
    fn needed(&self) -> u64 {
        1
    }

    /// Values for the report, counted since it was made; none by default. The report has what was
    /// added in the run.
    fn evidence(&self) -> Vec<Evidence> {
        Vec::new()
    }

    /// Takes back what can be without waiting; nothing by default.
    ///
    /// Called where [`roll_back`](Action::roll_back) cannot be: when the run's future is dropped,
    /// and after a rollback that failed or took too long.
    fn abandon(&self) {}
}

#[async_trait]
impl<A: Action + ?Sized> Action for Arc<A> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn check(&self) -> Result<(), ConfigError> {
        (**self).check()
    }

    async fn inject(&self) -> Result<(), BoxError> {
        (**self).inject().await
    }

    async fn roll_back(&self) -> Result<(), BoxError> {
        (**self).roll_back().await
    }

    fn fired(&self) -> u64 {
        (**self).fired()
    }

    fn needed(&self) -> u64 {
        (**self).needed()
    }

    fn evidence(&self) -> Vec<Evidence> {
        (**self).evidence()
    }

    fn abandon(&self) {
        (**self).abandon();
    }
}
