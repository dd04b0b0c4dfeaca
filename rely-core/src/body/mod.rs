//! A body that says how its stream ended.
//!
//! A response is not over with its head: the body may break, come up short, or bring its status
//! only in the trailers. [`TrackedBody`] passes a body through unchanged and, exactly once, tells a
//! [`Finish`] how the stream ended: a permit that returns, a meter that records.

mod tracked;

#[cfg(test)]
mod tests;

use core::fmt;

use http::HeaderMap;

use crate::{Class, Outcome};

pub use self::tracked::TrackedBody;

/// How the stream of a body ended. `E` is the body's error.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamEnd<'a, E> {
    /// The stream came to its end; no promised byte is missing.
    Complete {
        /// The trailers, if there were any.
        trailers: Option<&'a HeaderMap>,
    },
    /// Dropped after the last promised byte, but before the stream could show its end.
    ///
    /// A server does so with each body of known length. Trailers, had there been any, were not seen.
    Delivered,
    /// Dropped without being polled once: the head was all that its owner wanted, as with `HEAD`.
    Unread,
    /// The body failed.
    Error(&'a E),
    /// The stream ended before the length that it had promised.
    Truncated {
        /// The promised bytes: the exact size hint before the first frame.
        expected: u64,
        /// The bytes that came.
        received: u64,
    },
    /// The stream ran over the length that it had promised.
    Excess {
        /// The promised bytes: the exact size hint before the first frame.
        expected: u64,
        /// The bytes that had come when it was noticed.
        received: u64,
    },
    /// The body panicked while it was polled.
    Panicked,
    /// Dropped halfway: nobody waited for the rest.
    Dropped,
}

impl<E> StreamEnd<'_, E> {
    /// The plain rule for a call whose head came to `head`; the weight stays.
    ///
    /// | end | outcome |
    /// |---|---|
    /// | complete, delivered, unread | the head's |
    /// | error, truncated, excess, panicked | failure |
    /// | dropped | cancelled |
    pub const fn settle(self, head: Outcome) -> Outcome {
        let class = match self {
            Self::Complete { .. } | Self::Delivered | Self::Unread => return head,
            Self::Error(_) | Self::Truncated { .. } | Self::Excess { .. } | Self::Panicked => {
                Class::Failure
            }
            Self::Dropped => Class::Cancelled,
        };
        Outcome::of(class).with_weight(head.weight)
    }

    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "complete",
            Self::Delivered => "delivered",
            Self::Unread => "unread",
            Self::Error(_) => "error",
            Self::Truncated { .. } => "truncated",
            Self::Excess { .. } => "excess",
            Self::Panicked => "panicked",
            Self::Dropped => "dropped",
        }
    }
}

impl<E> Clone for StreamEnd<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for StreamEnd<'_, E> {}

impl<E> fmt::Display for StreamEnd<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { expected, received } | Self::Excess { expected, received } => {
                write!(f, "{}: {received} of {expected} bytes", self.as_str())
            }
            other => f.write_str(other.as_str()),
        }
    }
}

/// What happens once when a stream ends. Closures over [`StreamEnd`] are such.
///
/// It runs inside `poll_frame` or drop, so it must neither block nor panic.
pub trait Finish<E> {
    /// Takes note of the end.
    fn finish(self, end: StreamEnd<'_, E>);
}

impl<F: FnOnce(StreamEnd<'_, E>), E> Finish<E> for F {
    fn finish(self, end: StreamEnd<'_, E>) {
        self(end);
    }
}
