use core::fmt;
use core::mem::{self, ManuallyDrop};
use core::pin::Pin;
use std::sync::Arc;

use rely_core::{Instant, Outcome};

use super::ticket::Ticket;
use crate::Breaker;
use crate::breaker::Refused;
use crate::word::Tag;

/// What a future holds beside the inner one: a ticket, or the name for a rejection, or a call that waits.
///
/// Side by side and not one over the other as in an enum, and let go by a function that takes them by
/// value: so each is a register where a future is made and polled in one place. What is held goes with a
/// tag, and without one nothing is: one look tells whether there is anything to let go.
pub(super) struct Held<L> {
    breaker: ManuallyDrop<Option<Breaker>>,
    tag: Tag,
    start: Instant,
    name: ManuallyDrop<Option<Arc<str>>>,
    late: ManuallyDrop<Option<Pin<Box<L>>>>,
}

impl<L> Held<L> {
    #[inline(always)]
    fn new(
        (breaker, tag, start): (Option<Breaker>, Tag, Instant),
        name: Option<Arc<str>>,
        late: Option<Pin<Box<L>>>,
    ) -> Self {
        Self {
            breaker: ManuallyDrop::new(breaker),
            tag,
            start,
            name: ManuallyDrop::new(name),
            late: ManuallyDrop::new(late),
        }
    }

    #[inline(always)]
    pub(super) fn ticket(ticket: Ticket) -> Self {
        Self::new(ticket.into_parts(), None, None)
    }

    #[inline(always)]
    pub(super) fn refused(refused: Refused, name: Arc<str>) -> Self {
        Self::new((None, refused.tag, refused.wait), Some(name), None)
    }

    #[inline(always)]
    pub(super) fn late(late: Pin<Box<L>>) -> Self {
        Self::new((None, Tag::LATE, Instant::ORIGIN), None, Some(late))
    }

    /// The ticket, or one that has nothing to say.
    #[inline(always)]
    pub(super) fn take_ticket(&mut self) -> Ticket {
        let tag = mem::replace(&mut self.tag, Tag::NONE);
        Ticket::from_parts(self.breaker.take(), tag, self.start)
    }

    #[inline(always)]
    pub(super) fn take_refused(&mut self) -> Option<(Arc<str>, Refused)> {
        let name = self.name.take()?;
        let tag = mem::replace(&mut self.tag, Tag::NONE);
        Some((name, Refused { tag, wait: self.start }))
    }

    #[inline(always)]
    pub(super) fn late_mut(&mut self) -> Option<Pin<&mut L>> {
        self.late.as_mut().map(Pin::as_mut)
    }

    #[inline(always)]
    pub(super) fn end_late(&mut self) {
        self.tag = Tag::NONE;
        drop(self.late.take());
    }

    /// Runs code of the call: if it panics, the call has failed. A panic of other code on the thread is
    /// none of the call's.
    #[inline(always)]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        // Looked at when the code panics, and never else: what follows the rule costs nothing.
        let inside = Inside(self);
        let result = code();
        mem::forget(inside);
        result
    }
}

impl<L> Drop for Held<L> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.tag != Tag::NONE {
            let breaker = self.breaker.take();
            let_go(breaker, self.tag, self.start, self.name.take(), self.late.take());
        }
    }
}

struct Inside<'a, L>(&'a mut Held<L>);

impl<L> Drop for Inside<'_, L> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.take_ticket().end_other(Outcome::FAILURE);
    }
}

// Nobody waits for the call any more.
#[cold]
#[inline(never)]
fn let_go<L>(
    breaker: Option<Breaker>,
    tag: Tag,
    start: Instant,
    name: Option<Arc<str>>,
    late: Option<Pin<Box<L>>>,
) {
    drop((Ticket::from_parts(breaker, tag, start), name, late));
}

impl<L> fmt::Debug for Held<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("breaker", &*self.breaker)
            .field("name", &*self.name)
            .finish_non_exhaustive()
    }
}
