use core::num::NonZeroUsize;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::Arc;

use super::{Delivery, Wakes};
use crate::sync::{Mutex, lock};

/// The unread events of one subscriber.
pub(super) struct Queue<E> {
    capacity: NonZeroUsize,
    state: Mutex<State<E>>,
}

struct State<E> {
    events: VecDeque<Arc<E>>,
    /// Lost since the reader was told; all of them came right before the front.
    gap: u64,
    lost: u64,
    closed: bool,
    reader: Option<Waker>,
}

impl<E> Queue<E> {
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        let state = State { events: VecDeque::new(), gap: 0, lost: 0, closed: false, reader: None };
        Self { capacity, state: Mutex::new(state) }
    }

    pub(super) fn push(&self, event: &Arc<E>, wakes: &mut Wakes<E>) {
        let mut state = lock(&self.state);
        if state.events.len() == self.capacity.get() {
            wakes.dispose(state.events.pop_front());
            state.gap = state.gap.saturating_add(1);
            state.lost = state.lost.saturating_add(1);
        }
        state.events.push_back(Arc::clone(event));
        wakes.add(state.reader.take());
    }

    pub(super) fn close(&self, wakes: &mut Wakes<E>) {
        let mut state = lock(&self.state);
        state.closed = true;
        wakes.add(state.reader.take());
    }

    pub(super) fn take(&self) -> Option<Delivery<E>> {
        lock(&self.state).take()
    }

    pub(super) fn lost(&self) -> u64 {
        lock(&self.state).lost
    }

    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Delivery<E>>> {
        // Wakers are the user's code: the new one is made before the lock, the old one dropped
        // after it. The usual case, the same waker again, needs neither.
        let mut fresh = None;
        loop {
            let _replaced;
            let mut state = lock(&self.state);
            if let Some(delivery) = state.take() {
                return Poll::Ready(Some(delivery));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            if state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if let Some(waker) = fresh.take() {
                _replaced = state.reader.replace(waker);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }
}

impl<E> State<E> {
    fn take(&mut self) -> Option<Delivery<E>> {
        if self.gap > 0 {
            return Some(Delivery::Lost(core::mem::take(&mut self.gap)));
        }
        self.events.pop_front().map(Delivery::Event)
    }
}
