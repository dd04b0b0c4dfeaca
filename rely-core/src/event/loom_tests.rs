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

fn read_all<E>(mut subscriber: Subscriber<E>) -> Vec<Delivery<E>> {
    let task = Arc::new(Task(Notify::new()));
    let waker = Waker::from(Arc::clone(&task));
    let mut read = Vec::new();
    loop {
        match pin!(subscriber.next()).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(delivery)) => read.push(delivery),
            Poll::Ready(None) => return read,
            Poll::Pending => task.0.wait(),
        }
    }
}

#[test]
fn loom_a_sleeping_reader_hears_each_event_and_the_end() {
    loom::model(|| {
        let events = Events::new();
        let subscriber = events.subscribe(NonZeroUsize::new(2).unwrap());
        let publisher = thread::spawn(move || {
            events.publish(1);
            events.push_with(|| 2).wake();
        });
        let read = read_all(subscriber);
        assert_eq!(read, [Delivery::Event(Arc::new(1)), Delivery::Event(Arc::new(2))]);
        publisher.join().unwrap();
    });
}

#[test]
fn loom_two_publishers_are_read_or_counted_as_lost() {
    loom::model(|| {
        let events = Events::new();
        let subscriber = events.subscribe(NonZeroUsize::MIN);
        let other = events.clone();
        let publisher = thread::spawn(move || other.publish(1));
        events.publish(2);
        drop(events);
        let total: u64 = read_all(subscriber)
            .iter()
            .map(|delivery| if let Delivery::Lost(count) = delivery { *count } else { 1 })
            .sum();
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
