use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pin_project_lite::pin_project;
use rely_core::{Instant, Sleep};

use super::Shared;
use super::actuator::{BoxError, Replacement};
use super::machine::{Effect, Event};
use crate::sync::lock;

const LONGEST_ERROR: usize = 200;

pin_project! {
    /// The future that drives a [`Reconciler`](super::Reconciler): looks, and has replaced what
    /// differs. The replacements run inside of it, side by side.
    ///
    /// It never ends. Run it on any executor, and drop it to stop.
    #[must_use = "nothing is reconciled unless the driver is polled"]
    pub struct ReconcileDriver {
        link: Link,
        next_look: Instant,
        #[pin]
        timer: Sleep,
    }
}

/// The right to drive and what is under way, given back on drop.
struct Link {
    shared: Arc<Shared>,
    running: Vec<Running>,
}

struct Running {
    number: u64,
    replacement: Replacement,
}

impl Running {
    /// A panic is a failure of this attempt and not the end of all others.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let poll = AssertUnwindSafe(|| self.replacement.as_mut().poll(cx));
        catch_unwind(poll).unwrap_or_else(|panic| {
            let what = panic.downcast_ref::<&str>().copied();
            let what = what.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let what = what.unwrap_or("without words");
            Poll::Ready(Err(format!("the actuator panicked, {what}").into()))
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        for Running { number, replacement } in self.running.drain(..) {
            drop(replacement);
            let why = "the driver was dropped".into();
            self.shared.step(Event::Failed { number, why }, now);
        }
        let seat = core::mem::take(&mut *lock(&self.shared.seat));
        drop(seat);
    }
}

impl Link {
    /// Polls every replacement; returns whether one came to its end.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> bool {
        let mut ended = Vec::new();
        self.running.retain_mut(|running| match running.poll(cx) {
            Poll::Pending => true,
            Poll::Ready(result) => {
                ended.push((running.number, result));
                false
            }
        });
        let any = !ended.is_empty();
        let now = self.shared.clock.now();
        for (number, result) in ended {
            let event = match result {
                Ok(()) => Event::Done { number },
                Err(error) => Event::Failed { number, why: describe(&error).into() },
            };
            self.shared.step(event, now);
        }
        any
    }

    /// Carries out what the machine wants; returns whether something new runs.
    fn carry_out(&mut self, effects: Vec<Effect>) -> bool {
        let mut any = false;
        for effect in effects {
            match effect {
                Effect::Replace { instance, release, number, .. } => {
                    let replacement = (self.shared.replace)(instance, release);
                    self.running.push(Running { number, replacement });
                    any = true;
                }
                Effect::Abandon { number, .. } => {
                    self.running.retain(|running| running.number != number);
                }
                _ => {}
            }
        }
        any
    }
}

impl ReconcileDriver {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let timer = shared.clock.sleep_until(Instant::ORIGIN);
        Self { link: Link { shared, running: Vec::new() }, next_look: Instant::ORIGIN, timer }
    }
}

impl Future for ReconcileDriver {
    type Output = Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        let mut this = self.project();
        let shared = Arc::clone(&this.link.shared);
        // Before anything is looked at, so that no command falls in between.
        let ours = cx.waker().clone();
        let old = lock(&shared.seat).waker.replace(ours);
        drop(old);
        let mut deadline = Instant::MAX;
        loop {
            let ended = this.link.poll_running(cx);
            let asked = core::mem::take(&mut lock(&shared.seat).look);
            let now = shared.clock.now();
            if ended || asked || now >= (*this.next_look).min(deadline) {
                let effects = shared.look(now);
                let machine = lock(&shared.machine);
                *this.next_look = now + machine.config().interval;
                drop(machine);
                if this.link.carry_out(effects) {
                    deadline = Instant::MAX;
                    continue;
                }
            }
            deadline = lock(&shared.machine).deadline().unwrap_or(Instant::MAX);
            let wake = (*this.next_look).min(deadline);
            if this.timer.deadline() != wake {
                this.timer.as_mut().reset(wake);
            }
            ready!(this.timer.as_mut().poll(cx));
        }
    }
}

impl fmt::Debug for ReconcileDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconcileDriver")
            .field("name", &self.link.shared.name)
            .field("running", &self.link.running.len())
            .finish_non_exhaustive()
    }
}

/// The error and its sources in one line of bounded length.
fn describe(error: &BoxError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source.filter(|_| text.len() < LONGEST_ERROR) {
        text = format!("{text}: {error}");
        source = Error::source(error);
    }
    if text.len() > LONGEST_ERROR {
        let end = (0..=LONGEST_ERROR).rfind(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}
