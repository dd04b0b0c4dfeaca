//! A future that does something again and again, as long as anybody cares.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use pin_project_lite::pin_project;
use rely_core::{Clock, Instant, Sleep};

/// What a [`Drive`] drives.
pub(crate) trait Driven {
    fn tick(&mut self, now: Instant);

    /// Whether nobody else holds it any more.
    fn is_alone(&self) -> bool;
}

pin_project! {
    /// A future that the user runs, on any executor; nothing is spawned.
    ///
    /// It ends at the first timer after the last other handle is gone, and otherwise runs for ever.
    /// Ticks keep to a fixed grid; those that were missed are left out, not made up for.
    #[must_use = "nothing happens unless the driver is polled"]
    pub struct Drive<D> {
        driven: D,
        clock: Clock,
        every: Duration,
        #[pin]
        timer: Sleep,
    }
}

impl<D> Drive<D> {
    /// The first tick comes at the first poll.
    pub(crate) fn new(driven: D, clock: Clock, every: Duration) -> Self {
        let timer = clock.sleep_until(Instant::ORIGIN);
        Self { driven, clock, every, timer }
    }

    pub(crate) const fn driven_mut(&mut self) -> &mut D {
        &mut self.driven
    }
}

#[allow(private_bounds, reason = "only what this crate drives can be driven")]
impl<D: Driven> Future for Drive<D> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            if this.driven.is_alone() {
                return Poll::Ready(());
            }
            ready!(this.timer.as_mut().poll(cx));
            let (now, due) = (this.clock.now(), this.timer.deadline());
            this.driven.tick(now);
            // The grid begins with the first tick.
            let due = if due == Instant::ORIGIN { now } else { due };
            // A tick may have taken longer than a step: those in between are missed as well.
            let next = next(due, this.clock.now(), *this.every);
            this.timer.as_mut().reset(next);
        }
    }
}

/// The first point after `now` of the grid that `due` is on.
fn next(due: Instant, now: Instant, every: Duration) -> Instant {
    let every = every.as_nanos().max(1);
    let late = (now - due).as_nanos() % every;
    now + Duration::from_nanos(u64::try_from(every - late).unwrap_or(u64::MAX))
}

impl<D> fmt::Debug for Drive<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("every", &self.every).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn ticks_keep_to_the_grid_and_leave_out_what_was_missed() {
        let at = |millis| Instant::ORIGIN + Duration::from_millis(millis);
        let every = Duration::from_millis(10);
        let table = [(7, 7, 17), (17, 17, 27), (27, 28, 37), (37, 47, 57), (57, 90, 97)];
        for (due, now, expected) in table {
            assert_eq!(next(at(due), at(now), every), at(expected));
        }
    }

    struct Slow(rely_core::ManualClock, Vec<Instant>);

    impl Driven for &mut Slow {
        fn tick(&mut self, now: Instant) {
            self.1.push(now);
            self.0.advance(Duration::from_millis(25));
        }

        fn is_alone(&self) -> bool {
            self.1.len() >= 100
        }
    }

    #[test]
    fn a_tick_that_takes_longer_than_a_step_gives_others_their_turn() {
        let at = |millis| Instant::ORIGIN + Duration::from_millis(millis);
        let (clock, manual) = Clock::manual();
        let mut slow = Slow(manual.clone(), Vec::new());
        let mut drive = Box::pin(Drive::new(&mut slow, clock, Duration::from_millis(10)));
        assert!(drive.as_mut().now_or_never().is_none());
        manual.advance(Duration::from_millis(5));
        assert!(drive.as_mut().now_or_never().is_none());
        drop(drive);
        assert_eq!(slow.1, [at(0), at(30)]);
    }
}
