//! Holding a call back, until a deadline or the end of the fault.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::sync::Arc;

use pin_project_lite::pin_project;
use rely_core::Sleep;

use crate::arming::{Arming, Place};

pin_project! {
    /// Ready when the time is over or the fault has ended, whichever comes first.
    pub(crate) struct Hold {
        place: Place,
        #[pin]
        sleep: Sleep,
    }
}

impl Hold {
    /// Holds for `delay` from now on, or until the fault ends.
    pub(crate) fn for_delay(arming: Arc<Arming>, delay: Duration) -> Self {
        let until = arming.expires.min(arming.clock.now() + delay);
        let sleep = arming.clock.sleep_until(until);
        Self { place: Place::new(arming), sleep }
    }

    /// Holds until the fault ends.
    pub(crate) fn until_end(arming: Arc<Arming>) -> Self {
        let sleep = arming.clock.sleep_until(arming.expires);
        Self { place: Place::new(arming), sleep }
    }
}

impl Future for Hold {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if !this.place.poll_ended(cx.waker()) {
            ready!(this.sleep.poll(cx));
        }
        this.place.leave();
        Poll::Ready(())
    }
}
