//! A timer as a future.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::queue::{Queue, TimerId};
use super::system::Timers;
use super::{Clock, Source};
use crate::Instant;

#[cfg(feature = "tokio")]
type TokioSleep = ::tokio::time::Sleep;
// Never made: without the feature there is no tokio clock. Like tokio's, it does not move.
#[cfg(not(feature = "tokio"))]
type TokioSleep = core::marker::PhantomPinned;

pin_project! {
    /// The future of [`Clock::sleep`] and [`Clock::sleep_until`].
    #[derive(Debug)]
    #[must_use = "a timer does nothing unless it is awaited"]
    pub struct Sleep {
        deadline: Instant,
        waiting: Waiting,
        #[pin]
        tokio: Option<TokioSleep>,
    }
}

impl Sleep {
    pub(super) fn new(clock: Clock, deadline: Instant) -> Self {
        Self { deadline, waiting: Waiting { clock, id: None }, tokio: None }
    }

    /// When the timer is due.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Moves the timer to another deadline; it may be used again after it was ready.
    ///
    /// Like a new timer, it wakes nobody until it is polled.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let mut this = self.project();
        *this.deadline = deadline;
        this.waiting.forget();
        this.tokio.set(None);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if this.waiting.clock.now() >= *this.deadline {
            this.waiting.forget();
            return Poll::Ready(());
        }
        #[cfg(feature = "tokio")]
        if matches!(this.waiting.clock.0, Source::Tokio) {
            if this.tokio.is_none() {
                this.tokio.set(Some(super::tokio::sleep_until(*this.deadline)));
            }
            if let Some(sleep) = this.tokio.as_mut().as_pin_mut() {
                core::task::ready!(sleep.poll(cx));
            }
            // Tokio waits in whole milliseconds and for thirty years at most: look again.
            this.tokio.set(None);
            if this.waiting.clock.now() < *this.deadline {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(());
        }
        let _ = &mut this.tokio;
        this.waiting.register(*this.deadline, cx.waker());
        // The clock may have been moved past the deadline before the timer stood in the queue.
        if this.waiting.clock.now() >= *this.deadline {
            this.waiting.forget();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// A place in a clock's queue, given back on drop.
#[derive(Debug)]
struct Waiting {
    clock: Clock,
    id: Option<TimerId>,
}

impl Waiting {
    fn register(&mut self, deadline: Instant, waker: &Waker) {
        let ours = waker.clone();
        let place = |queue: &mut Queue| match self.id {
            Some(id) => match queue.replace(id, ours) {
                Ok(old) => (id, Some(old)),
                Err(ours) => (queue.insert(deadline, ours), None),
            },
            None => (queue.insert(deadline, ours), None),
        };
        let (id, replaced) = match &self.clock.0 {
            Source::System => match Timers::running() {
                Some(timers) => {
                    let placed = place(&mut timers.lock());
                    timers.notify();
                    placed
                }
                // Without a thread for timers the task has to look for itself.
                None => return waker.wake_by_ref(),
            },
            #[cfg(feature = "tokio")]
            Source::Tokio => return,
            Source::Manual(shared) => place(&mut shared.lock()),
        };
        self.id = Some(id);
        // Dropped here, outside of the lock: a waker's drop is the executor's code.
        drop(replaced);
    }

    fn forget(&mut self) {
        let Some(id) = self.id.take() else { return };
        match &self.clock.0 {
            Source::System => {
                if let Some(timers) = Timers::running() {
                    timers.remove(id);
                }
            }
            #[cfg(feature = "tokio")]
            Source::Tokio => {}
            Source::Manual(shared) => shared.remove(id),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct CountWakes(AtomicUsize);
    impl Wake for CountWakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll(sleep: Pin<&mut Sleep>, wakes: &Arc<CountWakes>) -> Poll<()> {
        let waker = Waker::from(Arc::clone(wakes));
        sleep.poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn a_manual_timer_fires_exactly_at_its_deadline_and_once() {
        let (clock, manual) = Clock::manual();
        let wakes = Arc::new(CountWakes::default());
        let mut sleep = Box::pin(clock.sleep(Duration::from_nanos(10)));
        assert_eq!(manual.timers(), 0, "nothing happens before the first poll");
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Pending);
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Pending);
        assert_eq!(manual.timers(), 1, "polling twice takes one place");
        manual.advance(Duration::from_nanos(9));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
        manual.advance(Duration::from_nanos(1));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Ready(()));
        manual.advance(Duration::from_secs(1));
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn dropping_and_resetting_give_the_place_back() {
        let (clock, manual) = Clock::manual();
        let wakes = Arc::new(CountWakes::default());
        let mut sleep = Box::pin(clock.sleep(Duration::from_secs(1)));
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Pending);
        let later = clock.now() + Duration::from_secs(5);
        sleep.as_mut().reset(later);
        assert_eq!(manual.timers(), 0);
        assert_eq!(sleep.deadline(), later);
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Pending);
        assert_eq!(manual.next_timer(), Some(later));
        drop(sleep);
        assert_eq!(manual.timers(), 0);
    }

    #[test]
    fn a_timer_is_pinned_with_every_feature_and_with_none() {
        trait Either<A> {
            fn found() -> bool {
                true
            }
        }
        impl<T> Either<()> for T {}
        impl<T: Unpin> Either<u8> for T {}
        // Compiles only while one of the two implementations does not hold.
        assert!(<Sleep as Either<_>>::found());
    }

    #[test]
    fn a_clock_that_goes_back_makes_a_timer_wait_longer() {
        let (clock, manual) = Clock::manual();
        let wakes = Arc::new(CountWakes::default());
        manual.advance(Duration::from_secs(10));
        let mut sleep = Box::pin(clock.sleep(Duration::from_secs(1)));
        manual.set(Instant::ORIGIN);
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Pending);
        assert_eq!(manual.advance_to_next_timer(), Some(sleep.deadline()));
        assert_eq!(poll(sleep.as_mut(), &wakes), Poll::Ready(()));
    }

    #[test]
    fn system_timers_wake_a_plain_executor_and_never_early() {
        let clock = Clock::system();
        let start = clock.now();
        let waits = [12, 4, 0, 8].map(|millis| {
            let (clock, deadline) = (clock.clone(), start + Duration::from_millis(millis));
            async move {
                clock.sleep_until(deadline).await;
                assert!(clock.now() >= deadline);
            }
        });
        futures::executor::block_on(futures::future::join_all(waits));
    }

    #[test]
    fn timers_that_are_due_come_out_in_order_of_deadline() {
        let mut queue = Queue::default();
        let at = |nanos| Instant::from_nanos(nanos);
        let wakers: Vec<_> = (0..4).map(|_| Waker::from(Arc::new(CountWakes::default()))).collect();
        for (deadline, waker) in [30, 10, 20, 10].into_iter().zip(&wakers) {
            queue.insert(at(deadline), waker.clone());
        }
        assert_eq!(queue.next_deadline(), Some(at(10)));
        let due = queue.take_due(at(20));
        assert_eq!(due.len(), 3);
        for (due, expected) in due.iter().zip([1, 3, 2]) {
            assert!(due.will_wake(&wakers[expected]));
        }
        assert_eq!((queue.len(), queue.next_deadline()), (1, Some(at(30))));
    }

    #[cfg(feature = "tokio")]
    #[tokio::test(start_paused = true)]
    async fn tokio_timers_follow_paused_time() {
        let clock = Clock::tokio();
        let (start, wall) = (clock.now(), clock.wall());
        clock.sleep(Duration::from_secs(86_400)).await;
        assert_eq!(clock.now() - start, Duration::from_secs(86_400));
        let moved = clock.wall().duration_since(wall).expect("wall time went forward");
        assert!(moved >= Duration::from_secs(86_399), "{moved:?}");
        // The end of time is accepted, and does not come.
        let never = clock.sleep_until(Instant::MAX);
        let bounded = tokio::time::timeout(Duration::from_secs(3600), never).await;
        assert!(bounded.is_err());
    }
}
