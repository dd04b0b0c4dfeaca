use core::convert::Infallible;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use pin_project_lite::pin_project;
use rely_core::Clock;
use rely_core::clock::Sleep;

use super::describe;
use crate::Breaker;

/// Nobody scrapes more often.
const SHORTEST: Duration = Duration::from_millis(10);

pin_project! {
    /// The future of [`Breaker::publish_every`]; it has no end.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct PublishEvery {
        publish: Box<dyn Fn() + Send + Sync>,
        clock: Clock,
        every: Duration,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl PublishEvery {
    pub(super) fn new(
        publish: impl Fn() + Send + Sync + 'static,
        clock: Clock,
        every: Duration,
    ) -> Self {
        Self { publish: Box::new(publish), clock, every: every.max(SHORTEST), sleep: None }
    }
}

impl Breaker {
    /// A future that [publishes](Self::publish) at once and then `every` so often, 10 ms at least. Run
    /// it in a task of your own; dropping it ends it.
    ///
    /// ```
    /// use core::time::Duration;
    /// use rely_breaker::Breaker;
    ///
    /// let breaker = Breaker::builder("queue").build()?;
    /// let publish = breaker.publish_every(Duration::from_secs(5));
    /// // tokio::spawn(publish);
    /// # drop(publish);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    pub fn publish_every(&self, every: Duration) -> PublishEvery {
        let (breaker, clock) = (self.clone(), self.shared().clock().clone());
        PublishEvery::new(move || breaker.publish(), clock, every)
    }
}

impl Future for PublishEvery {
    type Output = Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        let mut this = self.project();
        loop {
            match this.sleep.as_mut().as_pin_mut() {
                None => describe(),
                Some(sleep) => ready!(sleep.poll(cx)),
            }
            (this.publish)();
            let next = this.clock.now() + *this.every;
            match this.sleep.as_mut().as_pin_mut() {
                None => this.sleep.set(Some(this.clock.sleep_until(next))),
                Some(sleep) => sleep.reset(next),
            }
        }
    }
}

impl fmt::Debug for PublishEvery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishEvery").field("every", &self.every).finish_non_exhaustive()
    }
}
