use core::cell::Cell;
use core::num::NonZeroUsize;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;
use std::thread;

use futures::StreamExt;
use futures::executor::block_on;
use proptest::prelude::*;

use super::{Delivery, Events, Subscriber, Wakes};

fn capacity(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn event<E>(event: E) -> Option<Delivery<E>> {
    Some(Delivery::Event(Arc::new(event)))
}

fn poll<E>(subscriber: &mut Subscriber<E>, waker: &Waker) -> Poll<Option<Delivery<E>>> {
    pin!(subscriber.next()).poll(&mut Context::from_waker(waker))
}

/// Counts its calls and then does something that needs every lock of the hub.
struct Reentrant(Events<u32>, AtomicUsize);

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        drop(self.0.subscribe(NonZeroUsize::MIN));
    }
}

#[test]
fn an_event_is_not_made_without_a_subscriber() {
    let events = Events::<u32>::new();
    let made = Cell::new(0);
    let push = || events.push_with(|| made.replace(made.get() + 1)).wake();
    push();
    assert_eq!(made.get(), 0);
    let subscriber = events.subscribe(capacity(1));
    assert_eq!(events.subscribers(), 1);
    push();
    assert_eq!(made.get(), 1);
    drop(subscriber);
    push();
    assert_eq!((made.get(), events.subscribers()), (1, 0));
}

#[test]
fn the_gap_is_told_where_it_is() {
    let events = Events::new();
    let mut subscriber = events.subscribe(capacity(2));
    events.publish(1);
    assert_eq!(subscriber.try_next(), event(1));
    (2..=6).for_each(|n| events.publish(n));
    assert_eq!(subscriber.try_next(), Some(Delivery::Lost(3)));
    assert_eq!(subscriber.try_next(), event(5));
    (7..=8).for_each(|n| events.publish(n));
    assert_eq!(subscriber.try_next(), Some(Delivery::Lost(1)));
    assert_eq!(subscriber.try_next(), event(7));
    assert_eq!(subscriber.try_next(), event(8));
    assert_eq!(subscriber.try_next(), None);
    assert_eq!(subscriber.lost(), 4);
}

#[test]
fn a_slow_subscriber_costs_the_others_nothing() {
    let events = Events::new();
    let mut slow = events.subscribe(capacity(1));
    let mut fast = events.subscribe(capacity(10));
    (1..=10).for_each(|n| events.publish(n));
    drop(events);
    assert_eq!(block_on((&mut fast).collect::<Vec<_>>()).len(), 10);
    assert_eq!(fast.lost(), 0);
    assert_eq!(slow.try_next(), Some(Delivery::Lost(9)));
}

#[test]
fn the_end_comes_after_what_was_pending_and_with_the_last_handle() {
    let events = Events::new();
    let clone = events.clone();
    let mut subscriber = events.subscribe(capacity(4));
    drop(events);
    assert_eq!(poll(&mut subscriber, Waker::noop()), Poll::Pending);
    clone.publish(1);
    drop(clone);
    assert_eq!(poll(&mut subscriber, Waker::noop()), Poll::Ready(event(1)));
    for _ in 0..2 {
        assert_eq!(poll(&mut subscriber, Waker::noop()), Poll::Ready(None));
    }
}

#[test]
fn wakers_run_outside_of_every_lock_and_only_when_told() {
    let events = Events::new();
    let mut subscriber = events.subscribe(capacity(4));
    let task = Arc::new(Reentrant(events.clone(), AtomicUsize::new(0)));
    let calls = || task.1.load(Ordering::Relaxed);
    let waker = Waker::from(Arc::clone(&task));
    assert!(poll(&mut subscriber, &waker).is_pending());

    let mut wakes = events.push_with(|| 1);
    wakes.merge(events.push_with(|| 2));
    assert_eq!(calls(), 0);
    wakes.wake();
    assert_eq!(calls(), 1);

    // Read without sleeping again: nobody to wake.
    assert!(poll(&mut subscriber, &waker).is_ready());
    events.publish(3);
    assert_eq!(calls(), 1);
    drop(Wakes::<u32>::default());
}

#[test]
fn the_latest_waker_counts() {
    let events = Events::new();
    let mut subscriber = events.subscribe(capacity(4));
    let tasks = [(); 2].map(|()| Arc::new(Reentrant(Events::new(), AtomicUsize::new(0))));
    for task in &tasks {
        assert!(poll(&mut subscriber, &Waker::from(Arc::clone(task))).is_pending());
    }
    events.publish(1);
    assert_eq!(tasks.map(|task| task.1.load(Ordering::Relaxed)), [0, 1]);
}

#[test]
fn destructors_of_events_run_outside_of_every_lock() {
    struct Loud(Events<Self>, Arc<Mutex<u32>>);
    impl Drop for Loud {
        fn drop(&mut self) {
            drop(self.0.subscribe(NonZeroUsize::MIN));
            *self.1.try_lock().unwrap() += 1;
        }
    }
    // The component's own lock, held while it pushes.
    let dropped = Arc::new(Mutex::new(0));
    let events = Events::new();
    let subscriber = events.subscribe(capacity(1));
    let push = || {
        let held = dropped.lock().unwrap();
        let wakes = events.push_with(|| Loud(events.clone(), Arc::clone(&dropped)));
        drop(held);
        wakes.wake();
    };
    push();
    push();
    assert_eq!(*dropped.lock().unwrap(), 1);
    drop(subscriber);
    assert_eq!(*dropped.lock().unwrap(), 2);

    // The last reader leaves between the look for readers and the push.
    let subscriber = events.subscribe(capacity(1));
    let held = dropped.lock().unwrap();
    let wakes = events.push_with(|| {
        drop(subscriber);
        Loud(events.clone(), Arc::clone(&dropped))
    });
    assert_eq!(*held, 2);
    drop(held);
    wakes.wake();
    assert_eq!(*dropped.lock().unwrap(), 3);
}

#[test]
fn publishers_on_threads_are_seen_in_one_order_by_everybody() {
    let events = Events::new();
    let subscribers = [(); 3].map(|()| events.subscribe(capacity(10_000)));
    thread::scope(|scope| {
        for publisher in 0..4 {
            let events = &events;
            scope.spawn(move || (0..500).for_each(|n| events.publish((publisher, n))));
        }
    });
    drop(events);
    let [first, second, third] =
        subscribers.map(|subscriber| block_on(subscriber.collect::<Vec<_>>()));
    assert_eq!(first.len(), 2_000);
    assert_eq!(first, second);
    assert_eq!(first, third);
}

#[test]
fn a_reader_on_another_thread_sleeps_and_wakes() {
    let events = Events::new();
    let subscriber = events.subscribe(capacity(1_000));
    let reader = thread::spawn(move || block_on(subscriber.collect::<Vec<_>>()).len());
    (0..1_000).for_each(|n| events.publish(n));
    drop(events);
    assert_eq!(reader.join().unwrap(), 1_000);
}

#[test]
fn handles_cross_threads() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<Events<String>>();
    check::<Subscriber<String>>();
    check::<Wakes<String>>();
}

proptest! {
    #[test]
    fn deliveries_are_those_of_a_plain_list(
        size in 1..6_usize,
        steps in proptest::collection::vec(any::<bool>(), 0..200),
    ) {
        let events = Events::new();
        let mut subscriber = events.subscribe(capacity(size));
        let (mut pending, mut gap, mut next) = (VecDeque::new(), 0, 0_u32);
        for push in steps {
            if push {
                events.publish(next);
                pending.push_back(next);
                next += 1;
                if pending.len() > size {
                    pending.pop_front();
                    gap += 1;
                }
            } else {
                let expected = match std::mem::take(&mut gap) {
                    0 => pending.pop_front().and_then(event),
                    lost => Some(Delivery::Lost(lost)),
                };
                prop_assert_eq!(subscriber.try_next(), expected);
            }
        }
    }
}
