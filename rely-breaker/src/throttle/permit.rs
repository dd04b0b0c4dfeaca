use core::borrow::Borrow;

use rely_core::{Class, Outcome};

use super::{Priority, Throttle};

/// Permission to make one call; say what became of it.
///
/// Dropped without a word, the call is [cancelled](crate::Cancelled); dropped while its thread panics,
/// it is a failure.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct ThrottlePermit<'a>(Admitted<&'a Throttle>);

/// A [`ThrottlePermit`] that may go anywhere.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once lets nothing through"]
pub struct OwnedThrottlePermit(Admitted<Throttle>);

#[derive(Debug)]
struct Admitted<T: Borrow<Throttle>> {
    throttle: T,
    priority: Priority,
    open: bool,
}

impl<T: Borrow<Throttle>> Admitted<T> {
    #[inline]
    fn settle(&mut self, class: Class) {
        if core::mem::take(&mut self.open) {
            self.throttle.borrow().ended(self.priority, class);
        }
    }
}

impl<T: Borrow<Throttle>> Drop for Admitted<T> {
    #[inline]
    fn drop(&mut self) {
        if self.open {
            let panics = std::thread::panicking();
            self.settle(if panics { Class::Failure } else { Class::Cancelled });
        }
    }
}

macro_rules! permit {
    ($($life:lifetime)?, $permit:ty, $holder:ty) => {
        impl$(<$life>)? $permit {
            #[inline]
            pub(super) const fn new(throttle: $holder, priority: Priority) -> Self {
                Self(Admitted { throttle, priority, open: true })
            }

            /// Says what the call came to; its weight and its wish about retries do not matter here.
            #[inline]
            pub fn record(mut self, outcome: Outcome) {
                self.0.settle(outcome.class);
            }

            /// The call went well.
            #[inline]
            pub fn success(self) {
                self.record(Outcome::SUCCESS);
            }

            /// The call failed.
            pub fn failure(self) {
                self.record(Outcome::FAILURE);
            }

            /// The priority of the call.
            #[must_use]
            pub const fn priority(&self) -> Priority {
                self.0.priority
            }
        }
    };
}

permit!(, OwnedThrottlePermit, Throttle);
permit!('a, ThrottlePermit<'a>, &'a Throttle);
