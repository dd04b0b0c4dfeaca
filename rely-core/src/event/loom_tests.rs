use core::num::NonZeroUsize;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use loom::sync::Notify;
use loom::thread;

use super::{Delivery, Events, Subscriber};

/// A task that sleeps until its waker is called: a lost wake-up is a deadlock that loom finds.
struct Task(Notify);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn read<E>(subscriber: &mut Subscriber<E>) -> Option<Delivery<E>> {
    let task = Arc::new(Task(Notify::new()));
    let waker = Waker::from(Arc::clone(&task));
    loop {
        match pin!(subscriber.next()).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(delivery) => return delivery,
            Poll::Pending => task.0.wait(),
        }
    }
}

#[test]
fn loom_a_sleeping_reader_hears_each_event_and_the_end() {
    loom::model(|| {
        let events = Events::new();
        let mut subscriber = events.subscribe(NonZeroUsize::new(2).unwrap());
        let other = events.clone();
        let publisher = thread::spawn(move || {
            other.publish(1);
            other.push_with(|| 2).wake();
        });
        // This handle keeps the end from waking a reader that an event did not wake.
        for event in [1, 2] {
            assert_eq!(read(&mut subscriber), Some(Delivery::Event(Arc::new(event))));
        }
        publisher.join().unwrap();
        let closer = thread::spawn(move || drop(events));
        assert_eq!(read(&mut subscriber), None);
        closer.join().unwrap();
    });
}

#[test]
fn loom_two_publishers_are_seen_in_one_order() {
    loom::model(|| {
        let events = Events::new();
        let mut subscribers = [(); 2].map(|()| events.subscribe(NonZeroUsize::new(2).unwrap()));
        let other = events.clone();
        let publisher = thread::spawn(move || other.publish(1));
        events.publish(2);
        publisher.join().unwrap();
        for _ in 0..2 {
            let [first, second] = subscribers.each_mut().map(Subscriber::try_next);
            assert!(first.is_some());
            assert_eq!(first, second);
        }
    });
}

#[test]
fn loom_two_publishers_are_read_or_counted_as_lost() {
    loom::model(|| {
        let events = Events::new();
        let mut subscriber = events.subscribe(NonZeroUsize::MIN);
        let other = events.clone();
        let publisher = thread::spawn(move || other.publish(1));
        events.publish(2);
        drop(events);
        let mut total = 0;
        while let Some(delivery) = read(&mut subscriber) {
            total += if let Delivery::Lost(count) = delivery { count } else { 1 };
        }
        assert_eq!(total, 2);
        publisher.join().unwrap();
    });
}

#[test]
fn loom_a_reader_may_leave_at_any_time() {
    loom::model(|| {
        let events = Events::new();
        let subscriber = events.subscribe(NonZeroUsize::MIN);
        let reader = thread::spawn(move || drop(subscriber));
        events.publish(1);
        reader.join().unwrap();
        assert_eq!(events.subscribers(), 0);
        drop(events.push_with(|| unreachable!()));
    });
}
