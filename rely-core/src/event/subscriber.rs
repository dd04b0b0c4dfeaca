use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::Hub;
use super::queue::Queue;
use crate::sync::Arc;

/// What a subscriber finds next. Exhaustive by nature.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery<E> {
    /// An event, shared with all other subscribers.
    Event(std::sync::Arc<E>),
    /// This many events are missing here, because the queue was full.
    Lost(u64),
}

impl<E> Delivery<E> {
    /// The event, if it is one.
    #[must_use]
    pub fn into_event(self) -> Option<std::sync::Arc<E>> {
        match self {
            Self::Event(event) => Some(event),
            Self::Lost(_) => None,
        }
    }
}

impl<E> Clone for Delivery<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Event(event) => Self::Event(std::sync::Arc::clone(event)),
            Self::Lost(count) => Self::Lost(*count),
        }
    }
}

/// The reading end of [`Events`](super::Events); dropping it unsubscribes.
///
/// A [`Stream`] of [`Delivery`]s, which ends when the last handle of the publisher is gone and what
/// was pending has been read.
#[must_use = "dropping the subscriber unsubscribes"]
pub struct Subscriber<E> {
    hub: Arc<Hub<E>>,
    queue: Arc<Queue<E>>,
}

impl<E> Subscriber<E> {
    pub(super) const fn new(hub: Arc<Hub<E>>, queue: Arc<Queue<E>>) -> Self {
        Self { hub, queue }
    }

    /// What is there already, without waiting; nothing also after the end.
    pub fn try_next(&mut self) -> Option<Delivery<E>> {
        self.queue.take()
    }

    /// Waits for the next delivery; nothing means that there will be no more.
    ///
    /// Dropping the future loses no event.
    pub const fn next(&mut self) -> Next<'_, E> {
        Next { subscriber: self }
    }

    /// How many events this subscriber has lost in all.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }
}

impl<E> Stream for Subscriber<E> {
    type Item = Delivery<E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery<E>>> {
        self.queue.poll_take(cx)
    }
}

impl<E> Drop for Subscriber<E> {
    fn drop(&mut self) {
        self.hub.unsubscribe(&self.queue);
    }
}

impl<E> fmt::Debug for Subscriber<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("lost", &self.lost()).finish_non_exhaustive()
    }
}

/// The future of [`Subscriber::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a, E> {
    subscriber: &'a mut Subscriber<E>,
}

impl<E> Future for Next<'_, E> {
    type Output = Option<Delivery<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.subscriber.queue.poll_take(cx)
    }
}
