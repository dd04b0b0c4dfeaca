//! The wrapper itself.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Finish, StreamEnd};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Fresh,
    /// Inside the inner `poll_frame`; still so at drop only if that panicked.
    Polling,
    Polled,
}

/// What was promised and what came.
#[derive(Clone, Copy, Debug)]
struct Bytes {
    expected: Option<u64>,
    received: u64,
}

impl Bytes {
    fn end<E>(self, trailers: Option<&HeaderMap>) -> StreamEnd<'_, E> {
        match self.expected {
            Some(expected) if self.received < expected => {
                StreamEnd::Truncated { expected, received: self.received }
            }
            _ => StreamEnd::Complete { trailers },
        }
    }
}

pin_project! {
    /// Passes a body through unchanged and tells a [`Finish`] how its stream ended.
    ///
    /// Frames, size hint and end-of-stream flag are the inner body's, nothing is boxed or allocated.
    /// The finisher is called exactly once, as soon as the end is known:
    ///
    /// | what is seen | [`StreamEnd`] |
    /// |---|---|
    /// | trailers, or the end, or a frame after which the body says `is_end_stream` | `Complete`, or `Truncated` if promised bytes are missing |
    /// | an error | `Error` |
    /// | more bytes than promised | `Excess` |
    /// | drop of a body that says `is_end_stream` | as above |
    /// | drop after all promised bytes | `Delivered` |
    /// | drop before the first poll | `Unread` |
    /// | drop after a panic in the inner body | `Panicked` |
    /// | any other drop | `Dropped` |
    ///
    /// A body that is already at its end when it is wrapped finishes there and then. What was
    /// promised is the exact size hint at that moment, not `Content-Length`, which speaks of other
    /// bytes where there is a `HEAD`, a 304 or a decompression.
    ///
    /// A gRPC body promises no length, so one that is dropped after its messages but before its
    /// trailers is `Dropped`; where a proxy adds a length it is `Delivered`. In neither case is the
    /// status known, and the gRPC classifier treats both alike.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use bytes::Bytes;
    /// use http_body_util::{BodyExt, Full};
    /// use rely_core::body::{StreamEnd, TrackedBody};
    ///
    /// let (ends, seen) = mpsc::channel();
    /// let body = TrackedBody::new(Full::<Bytes>::from("hello"), move |end: StreamEnd<'_, _>| {
    ///     ends.send(end.as_str()).unwrap();
    /// });
    /// let bytes = futures::executor::block_on(body.collect()).unwrap().to_bytes();
    /// assert_eq!(&bytes[..], b"hello");
    /// assert_eq!(seen.recv(), Ok("complete"));
    /// ```
    pub struct TrackedBody<B, F>
    where
        B: Body,
        F: Finish<B::Error>,
    {
        #[pin]
        inner: B,
        finish: Option<F>,
        bytes: Bytes,
        stage: Stage,
    }

    impl<B, F> PinnedDrop for TrackedBody<B, F>
    where
        B: Body,
        F: Finish<B::Error>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let Some(finish) = this.finish.take() else { return };
            finish.finish(if *this.stage == Stage::Polling {
                StreamEnd::Panicked
            } else if this.inner.is_end_stream() {
                this.bytes.end(None)
            } else if this.bytes.expected == Some(this.bytes.received) {
                StreamEnd::Delivered
            } else if *this.stage == Stage::Fresh {
                StreamEnd::Unread
            } else {
                StreamEnd::Dropped
            });
        }
    }
}

impl<B: Body, F: Finish<B::Error>> TrackedBody<B, F> {
    /// Wraps `inner`; `finish` learns how it ends.
    pub fn new(inner: B, finish: F) -> Self {
        let bytes = Bytes { expected: inner.size_hint().exact(), received: 0 };
        let finish = if inner.is_end_stream() {
            finish.finish(bytes.end(None));
            None
        } else {
            Some(finish)
        };
        Self { inner, finish, bytes, stage: Stage::Fresh }
    }

    /// Wraps `inner` with nobody to tell: for a call that is judged already, where the type must be
    /// the same.
    pub const fn untracked(inner: B) -> Self {
        let bytes = Bytes { expected: None, received: 0 };
        Self { inner, finish: None, bytes, stage: Stage::Fresh }
    }

    /// The inner body.
    pub const fn get_ref(&self) -> &B {
        &self.inner
    }
}

impl<B: Body, F: Finish<B::Error>> Body for TrackedBody<B, F> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        *this.stage = Stage::Polling;
        let polled = this.inner.as_mut().poll_frame(cx);
        *this.stage = Stage::Polled;
        let next = ready!(polled);
        if this.finish.is_some() {
            if let Some(end) = end_of(this.bytes, &next, || this.inner.is_end_stream()) {
                if let Some(finish) = this.finish.take() {
                    finish.finish(end);
                }
            }
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Counts what came next and says whether it was the last.
fn end_of<'a, D: bytes::Buf, E>(
    bytes: &mut Bytes,
    next: &'a Option<Result<Frame<D>, E>>,
    is_end_stream: impl FnOnce() -> bool,
) -> Option<StreamEnd<'a, E>> {
    let frame = match next {
        None => return Some(bytes.end(None)),
        Some(Err(error)) => return Some(StreamEnd::Error(error)),
        Some(Ok(frame)) => frame,
    };
    if let Some(trailers) = frame.trailers_ref() {
        return Some(bytes.end(Some(trailers)));
    }
    if let Some(data) = frame.data_ref() {
        bytes.received = bytes.received.saturating_add(data.remaining() as u64);
    }
    match bytes.expected {
        Some(expected) if bytes.received > expected => {
            Some(StreamEnd::Excess { expected, received: bytes.received })
        }
        _ => is_end_stream().then(|| bytes.end(None)),
    }
}

impl<B, F> fmt::Debug for TrackedBody<B, F>
where
    B: Body + fmt::Debug,
    F: Finish<B::Error>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedBody")
            .field("inner", &self.inner)
            .field("finished", &self.finish.is_none())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
