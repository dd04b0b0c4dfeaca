//! One life of a line: all that dies with it.

use core::task::Waker;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Killed;

/// No socket gets so far.
const NOWHERE: u64 = u64::MAX;

#[derive(Default)]
pub(super) struct Life(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    dead: bool,
    next: u64,
    listeners: BTreeMap<u64, Arc<Slot<TcpListener>>>,
    streams: BTreeMap<u64, Arc<Slot<TcpStream>>>,
    tasks: Vec<AbortHandle>,
    /// How many tasks there may be before the finished ones are looked for.
    prune_at: usize,
}

/// A socket where both its user and its end can reach it.
pub(super) struct Slot<S>(Mutex<Socket<S>>);

/// Wakers are kept here too: a socket that is closed by its owner wakes nobody.
pub(super) struct Socket<S> {
    pub(super) open: Option<S>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

impl<S> Slot<S> {
    fn new(open: S) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Socket { open: Some(open), reader: None, writer: None })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Socket<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the socket from its user, who is to be woken for it.
    fn take(&self) -> (Option<S>, [Option<Waker>; 2]) {
        let mut socket = self.lock();
        (socket.open.take(), [socket.reader.take(), socket.writer.take()])
    }
}

impl Life {
    /// Adds a listener; it is closed at once if this life is over.
    pub(super) fn listen(&self, socket: TcpListener) -> (u64, Arc<Slot<TcpListener>>) {
        let slot = Slot::new(socket);
        let id = self.add(&slot, |inner| &mut inner.listeners);
        if id.is_none() {
            drop(slot.take());
        }
        (id.unwrap_or(NOWHERE), slot)
    }

    /// Adds a connection; `None`, and it is reset, if this life is over.
    pub(super) fn connect(&self, socket: TcpStream) -> Option<(u64, Arc<Slot<TcpStream>>)> {
        let slot = Slot::new(socket);
        let id = self.add(&slot, |inner| &mut inner.streams);
        if id.is_none() {
            reset(slot.take().0);
        }
        Some((id?, slot))
    }

    fn add<S>(
        &self,
        slot: &Arc<Slot<S>>,
        kind: impl FnOnce(&mut Inner) -> &mut BTreeMap<u64, Arc<Slot<S>>>,
    ) -> Option<u64> {
        let mut inner = self.lock();
        if inner.dead {
            return None;
        }
        let id = inner.next;
        inner.next += 1;
        kind(&mut inner).insert(id, Arc::clone(slot));
        Some(id)
    }

    pub(super) fn forget_listener(&self, id: u64) {
        let slot = self.lock().listeners.remove(&id);
        drop(slot);
    }

    pub(super) fn forget_stream(&self, id: u64) {
        let slot = self.lock().streams.remove(&id);
        drop(slot);
    }

    pub(super) fn hold(&self, task: AbortHandle) {
        let mut inner = self.lock();
        if inner.dead {
            drop(inner);
            task.abort();
            return;
        }
        if inner.tasks.len() >= inner.prune_at {
            inner.tasks.retain(|task| !task.is_finished());
            inner.prune_at = (inner.tasks.len() * 2).max(16);
        }
        inner.tasks.push(task);
    }

    /// Ends this life. Listeners go first, so that nobody connects to what is dying.
    pub(super) fn end(&self) -> Killed {
        let mut inner = self.lock();
        inner.dead = true;
        let listeners = core::mem::take(&mut inner.listeners);
        let streams = core::mem::take(&mut inner.streams);
        let tasks = core::mem::take(&mut inner.tasks);
        drop(inner);

        let mut killed = Killed::default();
        let mut wakers = Vec::new();
        for slot in listeners.into_values() {
            let (socket, woken) = slot.take();
            killed.listeners += u64::from(socket.is_some());
            wakers.extend(woken);
        }
        for slot in streams.into_values() {
            let (socket, woken) = slot.take();
            killed.connections += u64::from(reset(socket));
            wakers.extend(woken);
        }
        for task in tasks {
            killed.tasks += u64::from(!task.is_finished());
            task.abort();
        }
        wakers.into_iter().flatten().for_each(Waker::wake);
        killed
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.lock().dead
    }

    pub(super) fn holds(&self) -> Killed {
        let inner = self.lock();
        Killed {
            listeners: inner.listeners.len() as u64,
            connections: inner.streams.len() as u64,
            tasks: inner.tasks.iter().filter(|task| !task.is_finished()).count() as u64,
        }
    }

    #[cfg(test)]
    pub(super) fn task_handles(&self) -> usize {
        self.lock().tasks.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a connection the hard way: the peer gets a reset, and what is unsent is thrown away.
fn reset(socket: Option<TcpStream>) -> bool {
    let Some(socket) = socket else { return false };
    // Where the system refuses, the connection is closed all the same, only more politely.
    let _ = socket.set_zero_linger();
    true
}

/// Remembers whom to wake.
pub(super) fn keep(kept: &mut Option<Waker>, waker: &Waker) {
    if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
        *kept = Some(waker.clone());
    }
}
