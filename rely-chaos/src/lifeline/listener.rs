use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::MortalStream;
use super::life::{Life, Slot, keep};

/// A TCP listener on a [`Lifeline`](super::Lifeline).
///
/// Dropping it closes the socket, as with tokio's own.
pub struct MortalListener {
    life: Arc<Life>,
    id: u64,
    slot: Arc<Slot<TcpListener>>,
    address: Option<SocketAddr>,
}

impl MortalListener {
    pub(super) fn new(life: Arc<Life>, listener: TcpListener) -> Self {
        let address = listener.local_addr().ok();
        let (id, slot) = life.listen(listener);
        Self { life, id, slot, address }
    }

    /// The next connection, and where it comes from.
    ///
    /// # Errors
    /// Those of [`TcpListener::accept`]; once it was killed, [`io::ErrorKind::NotConnected`] and
    /// [`is_killed`](Self::is_killed).
    pub async fn accept(&mut self) -> io::Result<(MortalStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// [`accept`](Self::accept) as a poll.
    ///
    /// # Errors
    /// As there.
    pub fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(MortalStream, SocketAddr)>> {
        let mut socket = self.slot.lock();
        let Some(listener) = &socket.open else { return Poll::Ready(Err(killed())) };
        let accepted = listener.poll_accept(cx);
        if accepted.is_pending() {
            keep(&mut socket.reader, cx.waker());
        }
        drop(socket);
        let (stream, peer) = ready!(accepted)?;
        let stream = MortalStream::new(&self.life, stream).ok_or_else(killed)?;
        Poll::Ready(Ok((stream, peer)))
    }

    /// The address that it listens on, or listened on.
    ///
    /// # Errors
    /// If the system did not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.slot.lock().open.is_none()
    }
}

impl Drop for MortalListener {
    fn drop(&mut self) {
        self.life.forget_listener(self.id);
    }
}

impl fmt::Debug for MortalListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MortalListener")
            .field("address", &self.address)
            .field("killed", &self.is_killed())
            .finish_non_exhaustive()
    }
}

fn killed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the listener was killed")
}
