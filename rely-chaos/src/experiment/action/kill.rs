use core::fmt;
use core::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rely_core::Evidence;

use super::Action;
use super::function::Deed;
use crate::{BoxError, Instance, Killed};

/// Kills an [`Instance`].
///
/// It has fired as often as it ended one that was alive, with something [to show](Killed) for it. The
/// rollback restarts the instance if told [how](KillAction::restart_with) and it is not alive by
/// itself, and fails if it is dead even so; without that it stays dead. If the run's future is
/// dropped, nothing restarts it.
pub struct KillAction {
    name: String,
    instance: Box<dyn Instance>,
    restart: Option<Deed>,
    done: Mutex<Done>,
}

#[derive(Clone, Copy, Default)]
struct Done {
    kills: u64,
    killed: Killed,
}

impl KillAction {
    /// Kills `instance`, an `Arc<dyn Instance>` for one.
    #[must_use]
    pub fn new(instance: impl Instance + 'static) -> Self {
        let name = format!("kill {}", instance.name());
        Self { name, instance: Box::new(instance), restart: None, done: Mutex::default() }
    }

    /// How to bring it back when the experiment rolls back.
    #[must_use]
    pub fn restart_with<F, Fut>(self, restart: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { restart: Some(Box::new(move || Box::pin(restart()))), ..self }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Action for KillAction {
    fn name(&self) -> &str {
        &self.name
    }

    async fn inject(&self) -> Result<(), BoxError> {
        let was_alive = self.instance.is_alive();
        let killed = self.instance.kill().await?;
        if self.instance.is_alive() {
            return Err(format!("{} is alive after it was killed", self.instance.name()).into());
        }
        let mut done = self.done();
        done.kills += u64::from(was_alive && killed.total() > 0);
        done.killed.listeners += killed.listeners;
        done.killed.connections += killed.connections;
        done.killed.tasks += killed.tasks;
        Ok(())
    }

    async fn roll_back(&self) -> Result<(), BoxError> {
        match &self.restart {
            Some(restart) if !self.instance.is_alive() => restart().await?,
            _ => return Ok(()),
        }
        if self.instance.is_alive() {
            return Ok(());
        }
        Err(format!("{} is not alive after it was restarted", self.instance.name()).into())
    }

    fn fired(&self) -> u64 {
        self.done().kills
    }

    fn evidence(&self) -> Vec<Evidence> {
        let Killed { listeners, connections, tasks } = self.done().killed;
        let counts = [
            ("killed_listeners", listeners),
            ("killed_connections", connections),
            ("killed_tasks", tasks),
        ];
        let evidence = |(name, count): (&'static str, u64)| Evidence {
            name: name.into(),
            value: count as f64,
        };
        counts.into_iter().map(evidence).collect()
    }
}

impl fmt::Debug for KillAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KillAction").field("name", &self.name).finish_non_exhaustive()
    }
}
