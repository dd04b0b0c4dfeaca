use core::fmt;
use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use rely_core::{Instant, Sleep, Subscriber};

use crate::Rollout;
use crate::candidacy::Candidacy;
use crate::ledger::Entry;
use crate::machine::{Decision, Event};

pin_project! {
    /// The future that drives a [`Rollout`]: begins it, asks its signal, and moves on or takes back.
    ///
    /// It ends with the decision that promoted the candidate or took it back. Run it on any executor.
    #[must_use = "the rollout moves on only while the driver is polled"]
    pub struct Driver {
        seat: Seat,
        changes: Option<Subscriber<Entry>>,
        next_ask: Instant,
        #[pin]
        timer: Sleep,
    }
}

/// The right to drive, given back on drop.
struct Seat(Rollout);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.driver_gone();
    }
}

impl Driver {
    pub(crate) fn new(rollout: Rollout) -> Self {
        let timer = rollout.0.clock.sleep_until(Instant::ORIGIN);
        let changes = rollout.0.candidacy.as_ref();
        let changes = changes.map(|candidacy| candidacy.releases.subscribe(NonZeroUsize::MIN));
        Self { seat: Seat(rollout), changes, next_ask: Instant::ORIGIN, timer }
    }

    /// The rollout that it drives.
    #[must_use]
    pub const fn rollout(&self) -> &Rollout {
        &self.seat.0
    }
}

impl Future for Driver {
    type Output = Decision;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Decision> {
        let mut this = self.project();
        let shared = &this.seat.0.0;
        // Before anything is looked at, so that no command falls in between.
        shared.wake_on_command(cx.waker());
        let candidacy = shared.candidacy.as_ref();
        loop {
            let now = shared.clock.now();
            // Before the end is looked at: a candidate barred just now is not promoted after all.
            if let Some(why) = candidacy.and_then(Candidacy::barred) {
                shared.step(Event::Barred { why }, now);
            }
            if let Some(end) = shared.end() {
                return Poll::Ready(end);
            }
            if now >= *this.next_ask {
                *this.next_ask = now + shared.interval;
                // Judged first: a candidate whose signal is bad already gets no call at all.
                let moved_on = shared.step(Event::Judged(shared.signal.verdict(now)), now);
                let began = candidacy
                    .is_none_or(Candidacy::may_start)
                    .then(|| shared.step(Event::Start, now))
                    .flatten();
                if moved_on.is_some() || began.is_some() {
                    // A new step's proof begins with the step and not an interval later.
                    *this.next_ask = now;
                    continue;
                }
            }
            if shared.step(Event::Timer, now).is_some() {
                continue;
            }
            // A change of the ledger may bar the candidate, which waits for no interval.
            if this.changes.as_mut().is_some_and(|changes| changed(changes, cx)) {
                continue;
            }
            let wake = shared.deadline().map_or(*this.next_ask, |at| at.min(*this.next_ask));
            if this.timer.deadline() != wake {
                this.timer.as_mut().reset(wake);
            }
            ready!(this.timer.as_mut().poll(cx));
        }
    }
}

fn changed(changes: &mut Subscriber<Entry>, cx: &mut Context<'_>) -> bool {
    matches!(Pin::new(&mut changes.next()).poll(cx), Poll::Ready(Some(_)))
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("rollout", &self.seat.0).finish_non_exhaustive()
    }
}
