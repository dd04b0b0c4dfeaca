//! Servers in this process that can be killed as if the machine had gone.
//!
//! Aborting a server's accept loop kills little: tasks of open connections go on, clients get
//! their answers to the end. A [`Lifeline`] owns the sockets themselves. A kill closes the
//! listeners, so that connects are refused; resets every open connection, whatever the task that
//! uses it is doing, and throws away what was not sent yet; and aborts the tasks that run on the
//! line.
//!
//! ```
//! use rely_chaos::Lifeline;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let line = Lifeline::new("zone a");
//! let mut listener = line.listener(TcpListener::bind("127.0.0.1:0").await?);
//! let address = listener.local_addr()?;
//! line.spawn(async move {
//!     while let Ok((mut stream, _)) = listener.accept().await {
//!         stream.write_all(b"half a word").await?;
//!         core::future::pending::<()>().await;
//!     }
//!     Ok::<_, std::io::Error>(())
//! });
//!
//! let mut client = TcpStream::connect(address).await?;
//! let mut answer = [0; 11];
//! client.read_exact(&mut answer).await?;
//!
//! let killed = line.kill_now();
//! assert_eq!((killed.listeners, killed.connections, killed.tasks), (1, 1, 1));
//! let reset = client.read(&mut answer).await.unwrap_err();
//! assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
//! assert!(TcpStream::connect(address).await.is_err());
//! # Ok::<_, std::io::Error>(())
//! # }).unwrap();
//! ```
//!
//! With the feature `axum`, `axum::serve(line.listener(tcp), app)` serves on the line; run it with
//! [`Lifeline::spawn`], or it waits for ever for connections that no longer come.

mod life;
mod listener;
#[cfg(feature = "axum")]
mod serve;
mod stream;
#[cfg(test)]
mod tests;

use core::fmt;
use core::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinHandle};

use self::life::Life;
pub use self::listener::MortalListener;
pub use self::stream::MortalStream;
use crate::{BoxError, Instance, Killed};

/// What sockets and tasks of a server hang on: when it is cut, they are gone.
///
/// A handle: every clone is the same line. See the [module's documentation](self).
#[derive(Clone)]
pub struct Lifeline(Arc<Line>);

struct Line {
    name: String,
    /// Sockets belong to the life that they began in: nothing of an old one gets into the next.
    life: Mutex<Arc<Life>>,
}

impl Lifeline {
    /// A line of this name, alive, with nothing on it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(Arc::new(Line { name: name.into(), life: Mutex::default() }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Puts a listening socket on the line, and every connection that it accepts.
    ///
    /// If the line is dead, the socket is closed and the listener was killed before it began.
    #[must_use]
    pub fn listener(&self, listener: TcpListener) -> MortalListener {
        MortalListener::new(self.life(), listener)
    }

    /// Runs a task on the line, on the tokio runtime of the caller; aborted at once if it is dead.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as `tokio::spawn` does.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = tokio::spawn(task);
        self.hold(task.abort_handle());
        task
    }

    /// Puts a task on the line that runs already; aborted at once if the line is dead.
    pub fn hold(&self, task: AbortHandle) {
        self.life().hold(task);
    }

    /// Kills everything on the line. A second time there is nothing left to kill.
    ///
    /// Sockets are closed when it returns; a task ends where it next waits.
    pub fn kill_now(&self) -> Killed {
        self.life().end()
    }

    /// Whether it has not been killed since it was made or revived.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.life().is_alive()
    }

    /// Lets a dead line begin anew, with nothing on it. What was killed stays dead.
    pub fn revive(&self) {
        let mut life = self.lock();
        if !life.is_alive() {
            *life = Arc::default();
        }
    }

    /// What hangs on the line now.
    #[must_use]
    pub fn holds(&self) -> Killed {
        self.life().holds()
    }

    fn life(&self) -> Arc<Life> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Life>> {
        self.0.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Instance for Lifeline {
    fn name(&self) -> &str {
        self.name()
    }

    async fn kill(&self) -> Result<Killed, BoxError> {
        Ok(self.kill_now())
    }

    fn is_alive(&self) -> bool {
        self.is_alive()
    }
}

impl fmt::Debug for Lifeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifeline")
            .field("name", &self.0.name)
            .field("alive", &self.is_alive())
            .field("holds", &self.holds())
            .finish()
    }
}
