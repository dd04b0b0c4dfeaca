//! What can be killed.

use core::error::Error;
use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;

/// An error of the user's own code.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Something that runs and can be killed without being asked: a server, a process, a zone.
///
/// A `Lifeline` (feature `tokio`) is one for servers in this process. For anything else (a child
/// process, a container) implement it; `Arc<I>` passes the calls on.
///
/// ```
/// use rely_chaos::{async_trait, BoxError, Instance, Killed};
/// use std::sync::Mutex;
///
/// struct Child(Mutex<std::process::Child>);
///
/// #[async_trait]
/// impl Instance for Child {
///     fn name(&self) -> &str {
///         "store"
///     }
///     async fn kill(&self) -> Result<Killed, BoxError> {
///         let was_alive = self.is_alive();
///         self.0.lock().unwrap().kill()?;
///         Ok(Killed { tasks: was_alive.into(), ..Killed::default() })
///     }
///     fn is_alive(&self) -> bool {
///         matches!(self.0.lock().unwrap().try_wait(), Ok(None))
///     }
/// }
/// ```
#[async_trait]
pub trait Instance: Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &str;

    /// Ends it at once, without letting it finish anything; what was ended is the proof.
    ///
    /// Killing what is dead changes nothing and kills nothing.
    ///
    /// # Errors
    /// If it could not be killed.
    async fn kill(&self) -> Result<Killed, BoxError>;

    /// Whether it is alive.
    fn is_alive(&self) -> bool;
}

#[async_trait]
impl<I: Instance + ?Sized> Instance for Arc<I> {
    fn name(&self) -> &str {
        (**self).name()
    }

    async fn kill(&self) -> Result<Killed, BoxError> {
        (**self).kill().await
    }

    fn is_alive(&self) -> bool {
        (**self).is_alive()
    }
}

/// What a kill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Killed {
    /// Sockets that took connections.
    pub listeners: u64,
    /// Connections that were open.
    pub connections: u64,
    /// Tasks or processes that ran.
    pub tasks: u64,
}

impl Killed {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.listeners.saturating_add(self.connections).saturating_add(self.tasks)
    }
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listeners, connections, tasks } = self;
        write!(f, "{listeners} listeners, {connections} connections, {tasks} tasks")
    }
}
