use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::error::Error;
use std::sync::Arc;

use pin_project_lite::pin_project;

use super::Shared;
use super::machine::Effect;
use crate::sync::lock;
use crate::{Clock, Instant, Sleep, Verdict};

const LONGEST_ERROR: usize = 200;

pin_project! {
    /// The future that asks a [`Poller`](super::Poller)'s source; the user runs it.
    ///
    /// It ends at the first timer after the last handle of the signal is gone, and otherwise runs
    /// for ever. Dropping it stops the asking, and the signal reads unknown once its last verdict
    /// is too old. At most one attempt runs at a time, inside of this future.
    #[must_use = "the source is asked only while the driver is polled"]
    pub struct PollerDriver<F, Fut> {
        link: Link,
        clock: Clock,
        source: F,
        #[pin]
        attempt: Option<Fut>,
        #[pin]
        timer: Sleep,
    }
}

/// The driver's hold on what it shares with the signal; says so when it lets go.
struct Link(Arc<Shared>);

impl Drop for Link {
    fn drop(&mut self) {
        lock(&self.0.machine).on_driver_gone();
    }
}

impl<F, Fut> PollerDriver<F, Fut> {
    pub(super) fn new(shared: Arc<Shared>, clock: Clock, source: F) -> Self {
        let timer = clock.sleep_until(Instant::ORIGIN);
        Self { link: Link(shared), clock, source, attempt: None, timer }
    }
}

impl<F, Fut, E> Future for PollerDriver<F, Fut>
where
    F: FnMut(Instant) -> Fut,
    Fut: Future<Output = Result<Verdict, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let shared = &this.link.0;
        loop {
            if Arc::strong_count(shared) == 1 {
                return Poll::Ready(());
            }
            // The attempt comes before its deadline, so that an answer just in time counts.
            if let Some(attempt) = this.attempt.as_mut().as_pin_mut() {
                if let Poll::Ready(answer) = attempt.poll(cx) {
                    this.attempt.set(None);
                    let answer = answer.map_err(|error| describe(&*error.into()));
                    lock(&shared.machine).on_answer(this.clock.now(), answer);
                }
            }
            let due = lock(&shared.machine).timer();
            if this.timer.deadline() != due {
                this.timer.as_mut().reset(due);
            }
            ready!(this.timer.as_mut().poll(cx));
            let now = this.clock.now();
            let effect = lock(&shared.machine).on_timer(now);
            match effect {
                Some(Effect::Ask) => this.attempt.set(Some((this.source)(now))),
                Some(Effect::GiveUp) => this.attempt.set(None),
                None => {}
            }
        }
    }
}

impl<F, Fut> fmt::Debug for PollerDriver<F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollerDriver")
            .field("name", &self.link.0.name)
            .field("asking", &self.attempt.is_some())
            .finish_non_exhaustive()
    }
}

/// The error and its sources in one line of bounded length.
fn describe(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source.filter(|_| text.len() < LONGEST_ERROR) {
        text = format!("{text}: {error}");
        source = error.source();
    }
    if text.len() > LONGEST_ERROR {
        let end = (0..=LONGEST_ERROR).rfind(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text.into()
}
