use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::life::{Life, Slot, keep};

/// A TCP connection on a [`Lifeline`](super::Lifeline).
///
/// Once it was killed, reads and writes fail with [`io::ErrorKind::ConnectionReset`], those that
/// wait included.
pub struct MortalStream {
    life: Arc<Life>,
    id: u64,
    slot: Arc<Slot<TcpStream>>,
}

impl MortalStream {
    pub(super) fn new(life: &Arc<Life>, stream: TcpStream) -> Option<Self> {
        let (id, slot) = life.connect(stream)?;
        Some(Self { life: Arc::clone(life), id, slot })
    }

    /// Does something with the socket, such as setting an option; brief, since a kill waits for it,
    /// and never that kill itself.
    ///
    /// # Errors
    /// Those of `action`, or a reset if it was killed.
    pub fn with_socket<T>(
        &self,
        action: impl FnOnce(&TcpStream) -> io::Result<T>,
    ) -> io::Result<T> {
        action(self.slot.lock().open.as_ref().ok_or_else(reset)?)
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        self.slot.lock().open.is_none()
    }

    fn poll_read_with<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut socket = self.slot.lock();
        let Some(stream) = &mut socket.open else { return Poll::Ready(Err(reset())) };
        let result = poll(Pin::new(stream), cx);
        if result.is_pending() {
            keep(&mut socket.reader, cx.waker());
        }
        result
    }

    fn poll_write_with<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut socket = self.slot.lock();
        let Some(stream) = &mut socket.open else { return Poll::Ready(Err(reset())) };
        let result = poll(Pin::new(stream), cx);
        if result.is_pending() {
            keep(&mut socket.writer, cx.waker());
        }
        result
    }
}

impl AsyncRead for MortalStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_with(cx, |stream, cx| stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for MortalStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_with(cx, AsyncWrite::poll_shutdown)
    }
}

impl Drop for MortalStream {
    fn drop(&mut self) {
        self.life.forget_stream(self.id);
    }
}

impl fmt::Debug for MortalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MortalStream").field("killed", &self.is_killed()).finish_non_exhaustive()
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was killed")
}
