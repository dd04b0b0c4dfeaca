//! What happens without a call: for those who run it.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;
use rely_core::clock::Sleep;
use rely_core::{Instant, Level};

use super::{Breaker, Waiter};
use crate::State;
use crate::machine::{Event, is_over};
use crate::sync::lock;

pin_project! {
    /// The future of [`Breaker::drive`]; it has no end.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Drive {
        breaker: Breaker,
        waiter: Waiter,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Breaker {
    /// A future that moves the breaker when its time has come, without waiting for a call to ask: open
    /// to half-open, from one stage of a ramp to the next, and open where calls
    /// [hang](crate::SlowCalls::in_flight). It asks the [probe](crate::BreakerBuilder::probe) while the
    /// breaker is open.
    ///
    /// Run it in a task of your own, if you want that; dropping it ends it. Nothing else needs it: a
    /// call that asks finds the same.
    ///
    /// ```
    /// use core::time::Duration;
    /// use rely_breaker::{Breaker, State};
    /// use rely_core::Clock;
    ///
    /// # futures::executor::block_on(async {
    /// let (clock, manual) = Clock::manual();
    /// let breaker = Breaker::builder("queue").clock(clock).build()?;
    /// let mut drive = Box::pin(breaker.drive());
    /// breaker.open_for(Duration::from_secs(5));
    /// assert!(futures::poll!(&mut drive).is_pending());
    ///
    /// manual.advance(Duration::from_secs(5));
    /// assert!(futures::poll!(&mut drive).is_pending());
    /// assert_eq!(breaker.state(), State::HalfOpen);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// # }).unwrap();
    /// ```
    pub fn drive(&self) -> Drive {
        Drive { breaker: self.clone(), waiter: Waiter::new(self.clone()), sleep: None }
    }

    /// What the driver does, for those who have a loop of their own: moves the breaker if its time has
    /// come, and says when to come again at the latest, unless it changes before.
    pub fn tick(&self) -> Option<Instant> {
        let shared = self.shared();
        loop {
            let core = lock(&shared.core);
            let machine = &core.machine;
            let (state, generation) = (machine.state(), machine.generation());
            let (since, deadline) = (machine.since(), machine.deadline());
            let every = machine.config().probe_every;
            drop(core);
            let now = shared.clock.now();
            if deadline.is_some_and(|until| is_over(since, until, now)) {
                shared.time_is_over(generation);
                continue;
            }
            let next = match state {
                State::Closed | State::Ramping => self.look_at_overdue(now),
                State::Open => match shared.probe_in(every, now) {
                    Some(Duration::ZERO) => {
                        let healthy =
                            || shared.step_of(generation, || Event::Probed(Level::Healthy));
                        if shared.probe() == Some(Level::Healthy) && healthy().is_some() {
                            continue;
                        }
                        // What was opened by hand stays so, whatever it says.
                        Some(now + every)
                    }
                    wait => wait.map(|wait| now + wait),
                },
                _ => None,
            };
            return next.into_iter().chain(deadline).min();
        }
    }

    /// Looks at the calls under way; says when to look again, if anybody wants that.
    fn look_at_overdue(&self, now: Instant) -> Option<Instant> {
        let shared = self.shared();
        let every = shared.shape().in_flight()?.bucket();
        if shared.consider(shared.word().tag(), 0).is_some() {
            return Some(now);
        }
        Some(now + every)
    }
}

impl Future for Drive {
    type Output = core::convert::Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            this.waiter.register(cx);
            let Some(next) = this.breaker.tick() else {
                this.sleep.set(None);
                return Poll::Pending;
            };
            match this.sleep.as_mut().as_pin_mut() {
                Some(sleep) if sleep.deadline() == next => {}
                Some(sleep) => sleep.reset(next),
                None => this.sleep.set(Some(this.breaker.shared().clock.sleep_until(next))),
            }
            let Some(sleep) = this.sleep.as_mut().as_pin_mut() else { return Poll::Pending };
            if sleep.poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}
