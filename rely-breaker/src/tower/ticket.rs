use core::mem;

use rely_core::{Class, Instant, Outcome, Weight};

#[cfg(feature = "keyed")]
use crate::OwnedPermit;
use crate::breaker::Admitted;
use crate::word::Tag;
use crate::{Breaker, Rejected};

/// What a future has to say to a breaker: once, or nothing if there is nothing any more.
///
/// As an owned permit, but what follows the rule looks at no flag that tells whether there is something
/// to be dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Nothing once it was told.
    breaker: Option<Breaker>,
    tag: Tag,
    start: Instant,
}

impl Ticket {
    #[inline(always)]
    pub(super) fn new(breaker: &Breaker, admitted: Admitted) -> Self {
        let Admitted { tag, start } = admitted;
        Self { breaker: Some(breaker.clone()), tag, start }
    }

    pub(super) const fn none() -> Self {
        let Admitted { tag, start } = Admitted::NOT;
        Self { breaker: None, tag, start }
    }

    #[inline(always)]
    pub(super) const fn from_parts(breaker: Option<Breaker>, tag: Tag, start: Instant) -> Self {
        Self { breaker, tag, start }
    }

    #[inline(always)]
    pub(super) fn into_parts(self) -> (Option<Breaker>, Tag, Instant) {
        let mut this = mem::ManuallyDrop::new(self);
        (this.breaker.take(), this.tag, this.start)
    }

    /// The same as the permit, if there is one.
    #[cfg(feature = "keyed")]
    #[inline(always)]
    pub(crate) fn of(permit: Option<OwnedPermit>) -> Self {
        let Some((breaker, tag, start)) = permit.map(|permit| permit.0.end()) else {
            return Self::none();
        };
        Self { breaker, tag, start }
    }

    /// Runs code of the call: if it panics, the call has failed. A panic of other code on the thread is
    /// none of the call's.
    #[inline(always)]
    pub(crate) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        // Looked at when the code panics, and never else: what follows the rule costs nothing.
        let inside = Inside(self);
        let result = code();
        mem::forget(inside);
        result
    }

    #[inline(always)]
    pub(super) fn end(mut self, outcome: Outcome) {
        let Some(breaker) = self.breaker.take() else { return };
        let (shared, tag) = (breaker.shared(), self.tag);
        if outcome.class != Class::Success || outcome.weight != Weight::ONE {
            shared.settle(tag, outcome, self.start, None);
        } else if !(tag.is_plain() && shared.succeeded(tag)) {
            shared.succeeded_otherwise(tag, self.start);
        }
    }

    #[inline(always)]
    pub(super) fn end_other(&mut self, outcome: Outcome) {
        // By value: nothing is left here to be dropped.
        if let Some(breaker) = self.breaker.take() {
            settle(breaker, self.tag, self.start, outcome);
        }
    }

    /// Nothing was tried.
    pub(super) fn give_back(&mut self) {
        if let Some(breaker) = self.breaker.take() {
            breaker.shared().untried(self.tag, self.start);
        }
    }

    pub(super) const fn breaker(&self) -> Option<&Breaker> {
        self.breaker.as_ref()
    }

    /// Whether the breaker is in the state in which it let the call through.
    pub(super) fn is_current(&self) -> bool {
        let is_current = |breaker: &Breaker| breaker.shared().is_in(self.tag.generation());
        self.breaker.as_ref().is_none_or(is_current)
    }

    /// Asks the breaker anew, if it is in another state by now.
    ///
    /// # Errors
    /// If it does not let the call through any more; then there is nothing more to be said.
    pub(super) fn ask_again(&mut self) -> Result<(), Rejected> {
        if self.is_current() {
            return Ok(());
        }
        if let Some(breaker) = self.breaker().cloned() {
            self.give_back();
            *self = Self::new(&breaker, breaker.shared().admit()?);
        }
        Ok(())
    }

    /// The call begins only now, as far as the time is concerned that it takes.
    pub(super) fn begin(&mut self) {
        if let Some(breaker) = &self.breaker {
            self.start = breaker.shared().begin_anew(self.tag, self.start);
        }
    }
}

// It ends here: by reference it would have to be dropped where it came from.
#[allow(clippy::needless_pass_by_value)]
#[cold]
#[inline(never)]
fn settle(breaker: Breaker, tag: Tag, start: Instant, outcome: Outcome) {
    breaker.shared().settle(tag, outcome, start, None);
}

/// Nobody waits for the call any more.
impl Drop for Ticket {
    #[inline(always)]
    fn drop(&mut self) {
        self.end_other(Outcome::CANCELLED);
    }
}

struct Inside<'a>(&'a mut Ticket);

impl Drop for Inside<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.end_other(Outcome::FAILURE);
    }
}
