//! `axum::serve` on a lifeline.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use rely_core::Clock;

use super::{MortalListener, MortalStream};

/// How long to wait for file descriptors to come back; the same as axum's own listeners do.
const PAUSE: Duration = Duration::from_secs(1);

impl axum::serve::Listener for MortalListener {
    type Io = MortalStream;
    type Addr = SocketAddr;

    /// The next connection; once it was killed there is none, and this never ends.
    async fn accept(&mut self) -> (MortalStream, SocketAddr) {
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(_) if self.is_killed() => core::future::pending().await,
                Err(error) if is_of_the_connection(&error) => {}
                Err(_) => Clock::tokio().sleep(PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
