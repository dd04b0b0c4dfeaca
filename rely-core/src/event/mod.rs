//! Typed events for subscribers that can never hold up the publisher.
//!
//! Each subscriber has a queue of its own with a fixed capacity. When it is full the oldest event
//! gives way, since for changes of state the newest one tells most; the reader finds the number of
//! events that it lost at the place in the stream where they are missing. All subscribers see the
//! events in the same order.
//!
//! Publishing takes two steps, so that a component can [push](Events::push_with) while it holds its
//! own lock, which keeps the events in the order of its steps, and [wake](Wakes::wake) the readers
//! after it let go. No waker and no destructor of an event runs under a lock of this module.

#[cfg(test)]
#[cfg(rely_loom)]
mod loom_tests;
mod queue;
mod subscriber;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;
mod wakes;

use core::fmt;
use core::num::NonZeroUsize;

pub use subscriber::{Delivery, Next, Subscriber};
pub use wakes::Wakes;

use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, lock};
use queue::Queue;

/// Where a component publishes its events; a handle, and a clone is the same place.
///
/// ```
/// use core::num::NonZeroUsize;
/// use rely_core::{Events, event::Delivery};
///
/// let events = Events::new();
/// events.publish("nobody hears this");
/// let mut subscriber = events.subscribe(NonZeroUsize::new(2).unwrap());
/// for event in ["first", "second", "third"] {
///     events.publish(event);
/// }
/// drop(events);
///
/// assert_eq!(subscriber.try_next(), Some(Delivery::Lost(1)));
/// assert_eq!(subscriber.try_next(), Some(Delivery::Event("second".into())));
/// # futures::executor::block_on(async {
/// assert_eq!(subscriber.next().await, Some(Delivery::Event("third".into())));
/// assert_eq!(subscriber.next().await, None);
/// # });
/// ```
pub struct Events<E> {
    owner: Arc<Owner<E>>,
}

/// What the handles share with each other and not with subscribers: the last one closes the hub.
struct Owner<E>(Arc<Hub<E>>);

struct Hub<E> {
    /// The length of `queues`, for publishers that nobody listens to.
    listening: AtomicUsize,
    queues: Mutex<Vec<Arc<Queue<E>>>>,
}

impl<E> Events<E> {
    /// A place without subscribers.
    #[must_use]
    pub fn new() -> Self {
        let hub = Hub { listening: AtomicUsize::new(0), queues: Mutex::new(Vec::new()) };
        Self { owner: Arc::new(Owner(Arc::new(hub))) }
    }

    /// Delivers all later events to a new subscriber, which holds at most `capacity` unread ones.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<E> {
        let queue = Arc::new(Queue::new(capacity));
        let hub = &self.owner.0;
        let mut queues = lock(&hub.queues);
        queues.push(Arc::clone(&queue));
        hub.listening.store(queues.len(), Ordering::Relaxed);
        drop(queues);
        Subscriber::new(Arc::clone(hub), queue)
    }

    /// Puts an event before all subscribers, to be woken by the result.
    ///
    /// Without subscribers `event` is not called, and the price is one relaxed load.
    pub fn push_with(&self, event: impl FnOnce() -> E) -> Wakes<E> {
        let mut wakes = Wakes::none();
        let hub = &self.owner.0;
        if hub.listening.load(Ordering::Relaxed) == 0 {
            return wakes;
        }
        let event = std::sync::Arc::new(event());
        // Held over all queues, so that events of two publishers come in one order to everybody.
        let queues = lock(&hub.queues);
        for queue in queues.iter() {
            queue.push(&event, &mut wakes);
        }
        drop(queues);
        wakes.dispose(event);
        wakes
    }

    /// Pushes an event and wakes the subscribers at once.
    pub fn publish(&self, event: E) {
        self.push_with(|| event).wake();
    }

    /// How many subscribers there are.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.owner.0.listening.load(Ordering::Relaxed)
    }
}

impl<E> Hub<E> {
    fn unsubscribe(&self, queue: &Arc<Queue<E>>) {
        let mut queues = lock(&self.queues);
        queues.retain(|other| !Arc::ptr_eq(other, queue));
        self.listening.store(queues.len(), Ordering::Relaxed);
    }
}

impl<E> Drop for Owner<E> {
    fn drop(&mut self) {
        let mut wakes = Wakes::none();
        let queues = lock(&self.0.queues);
        for queue in queues.iter() {
            queue.close(&mut wakes);
        }
        drop(queues);
        wakes.wake();
    }
}

impl<E> Clone for Events<E> {
    fn clone(&self) -> Self {
        Self { owner: Arc::clone(&self.owner) }
    }
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> fmt::Debug for Events<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("subscribers", &self.subscribers()).finish_non_exhaustive()
    }
}
