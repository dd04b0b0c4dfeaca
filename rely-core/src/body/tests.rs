use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Data(usize),
    Trailers,
    Error,
    Pending,
    Panic,
}

/// A body that does as it is told, and ends when its script does.
#[derive(Debug)]
struct Script {
    steps: VecDeque<Step>,
    hint: SizeHint,
    /// Whether it says so when the script is at its end.
    says_end: bool,
}

impl Script {
    fn new(steps: &[Step]) -> Self {
        Self { steps: steps.iter().copied().collect(), hint: SizeHint::new(), says_end: false }
    }

    fn promising(mut self, bytes: u64) -> Self {
        self.hint = SizeHint::with_exact(bytes);
        self
    }

    fn saying_end(mut self) -> Self {
        self.says_end = true;
        self
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Step::Data(length)) => {
                let left = self.hint.exact().map(|left| left.saturating_sub(length as u64));
                if let Some(left) = left {
                    self.hint = SizeHint::with_exact(left);
                }
                Some(Ok(Frame::data(Bytes::from(vec![b'x'; length]))))
            }
            Some(Step::Trailers) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Step::Error) => Some(Err("broken")),
            Some(Step::Pending) => return Poll::Pending,
            Some(Step::Panic) => panic!("scripted"),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.says_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

type Ends = Rc<RefCell<Vec<String>>>;

fn note(ends: &Ends) -> impl FnOnce(StreamEnd<'_, &'static str>) + use<> {
    let ends = Rc::clone(ends);
    move |end| {
        let mut text = end.to_string();
        match end {
            StreamEnd::Complete { trailers: Some(trailers) } => {
                text += &format!(" with {} trailers", trailers.len());
            }
            StreamEnd::Error(error) => text += &format!(" {error}"),
            _ => {}
        }
        ends.borrow_mut().push(text);
    }
}

type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

fn poll<B: Body + Unpin>(body: &mut B) -> Polled<B> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

/// Polls `polls` times and drops; returns what was noted before and after the drop.
fn run(script: Script, polls: usize) -> (Vec<String>, Vec<String>) {
    let ends = Ends::default();
    let mut body = TrackedBody::new(script, note(&ends));
    for _ in 0..polls {
        let _ = poll(&mut body);
    }
    let before = ends.borrow().clone();
    drop(body);
    let after = ends.borrow().clone();
    (before, after)
}

/// The stream ends by itself, as early as the poll `at`, and the drop adds nothing.
#[track_caller]
fn ends_at(at: usize, script: impl Fn() -> Script, expected: &str) {
    if at > 0 {
        assert!(run(script(), at - 1).0.is_empty(), "too early");
    }
    for polls in at..at + 3 {
        let noted = vec![expected.to_owned()];
        assert_eq!(run(script(), polls), (noted.clone(), noted));
    }
}

/// The stream has not ended after `polls`, and the drop ends it.
#[track_caller]
fn ends_in_drop(polls: usize, script: Script, expected: &str) {
    assert_eq!(run(script, polls), (vec![], vec![expected.to_owned()]));
}

use Step::{Data, Error, Panic, Pending, Trailers};

#[test]
fn an_end_without_a_promise_is_complete() {
    ends_at(1, || Script::new(&[]), "complete");
    ends_at(2, || Script::new(&[Data(3)]), "complete");
    ends_at(4, || Script::new(&[Data(3), Pending, Data(0)]), "complete");
}

#[test]
fn a_body_that_says_its_end_is_complete_with_its_last_frame() {
    ends_at(1, || Script::new(&[Data(3)]).saying_end(), "complete");
    ends_at(2, || Script::new(&[Data(3), Data(4)]).saying_end().promising(7), "complete");
    ends_at(0, || Script::new(&[]).saying_end(), "complete");
    ends_at(0, || Script::new(&[]).saying_end().promising(0), "complete");
}

#[test]
fn trailers_complete_the_stream() {
    let complete = "complete with 1 trailers";
    ends_at(2, || Script::new(&[Data(3), Trailers]), complete);
    ends_at(1, || Script::new(&[Trailers]), complete);
    ends_at(2, || Script::new(&[Data(3), Trailers]).promising(3), complete);
    ends_at(2, || Script::new(&[Data(3), Trailers]).saying_end(), complete);
}

#[test]
fn an_error_ends_the_stream() {
    ends_at(1, || Script::new(&[Error, Data(1)]), "error broken");
    ends_at(2, || Script::new(&[Data(3), Error]).promising(9), "error broken");
    ends_at(2, || Script::new(&[Data(3), Error]).promising(3), "error broken");
    ends_at(2, || Script::new(&[Data(3), Error]).saying_end(), "error broken");
}

#[test]
fn one_byte_decides_between_truncated_complete_and_excess() {
    ends_at(2, || Script::new(&[Data(3)]).promising(4), "truncated: 3 of 4 bytes");
    ends_at(2, || Script::new(&[Data(3)]).promising(3), "complete");
    ends_at(1, || Script::new(&[Data(3)]).promising(2), "excess: 3 of 2 bytes");
    ends_at(1, || Script::new(&[]).promising(1), "truncated: 0 of 1 bytes");
    ends_at(1, || Script::new(&[Data(1)]).promising(0), "excess: 1 of 0 bytes");
    ends_at(1, || Script::new(&[Data(3)]).promising(4).saying_end(), "truncated: 3 of 4 bytes");
    ends_at(2, || Script::new(&[Data(3), Trailers]).promising(4), "truncated: 3 of 4 bytes");
    ends_at(0, || Script::new(&[]).promising(4).saying_end(), "truncated: 0 of 4 bytes");
}

#[test]
fn a_range_is_not_a_promise() {
    let mut script = Script::new(&[Data(1)]);
    script.hint.set_lower(5);
    script.hint.set_upper(9);
    ends_in_drop(1, script, "dropped");
    ends_at(
        2,
        || {
            let mut script = Script::new(&[Data(1)]);
            script.hint.set_lower(5);
            script
        },
        "complete",
    );
}

#[test]
fn a_drop_is_judged_by_what_was_delivered() {
    let two = [Data(3), Data(4)];
    ends_in_drop(0, Script::new(&two), "unread");
    ends_in_drop(0, Script::new(&two).promising(7), "unread");
    ends_in_drop(0, Script::new(&two).promising(0), "delivered");
    ends_in_drop(1, Script::new(&two), "dropped");
    ends_in_drop(1, Script::new(&two).promising(7), "dropped");
    ends_in_drop(2, Script::new(&two).promising(8), "dropped");
    ends_in_drop(2, Script::new(&two).promising(7), "delivered");
    ends_in_drop(1, Script::new(&[Pending]), "dropped");
}

#[test]
fn a_grpc_stream_dropped_before_its_trailers_is_not_complete() {
    let grpc = [Data(5), Trailers];
    ends_in_drop(1, Script::new(&grpc), "dropped");
    ends_in_drop(1, Script::new(&grpc).saying_end(), "dropped");
    ends_in_drop(1, Script::new(&grpc).promising(5), "delivered");
}

#[test]
fn an_end_that_shows_after_the_last_poll_counts() {
    let ends = Ends::default();
    let script = Rc::new(RefCell::new(false));
    let late = LateEnd(Rc::clone(&script));
    let mut body = TrackedBody::new(late, note(&ends));
    assert!(poll(&mut body).is_pending());
    *script.borrow_mut() = true;
    drop(body);
    assert_eq!(*ends.borrow(), ["complete"]);
}

struct LateEnd(Rc<RefCell<bool>>);

impl Body for LateEnd {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        *self.0.borrow()
    }
}

#[test]
fn a_panic_is_noted_once_and_poll_after_end_is_safe() {
    let ends = Ends::default();
    let mut body = TrackedBody::new(Script::new(&[Data(1), Panic, Data(1)]), note(&ends));
    assert!(poll(&mut body).is_ready());
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut body))).is_err());
    drop(body);
    assert_eq!(*ends.borrow(), ["panicked"]);

    let ends = Ends::default();
    let mut body = TrackedBody::new(Script::new(&[Panic, Data(1)]), note(&ends));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut body))).is_err());
    for _ in 0..4 {
        assert!(
            poll(&mut body).is_ready(),
            "whoever polls on sees what the inner body makes of it"
        );
    }
    assert_eq!(*ends.borrow(), ["complete"]);
}

#[test]
fn a_finisher_that_panics_is_not_called_again() {
    let called = Rc::new(RefCell::new(0));
    let counter = Rc::clone(&called);
    let mut body = TrackedBody::new(Script::new(&[]), move |_: StreamEnd<'_, &'static str>| {
        *counter.borrow_mut() += 1;
        panic!("finisher");
    });
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut body))).is_err());
    let _ = poll(&mut body);
    drop(body);
    assert_eq!(*called.borrow(), 1);
}

#[test]
fn the_bodies_of_others_end_as_they_should() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let finish = || {
        let seen = Rc::clone(&seen);
        move |end: StreamEnd<'_, Infallible>| seen.borrow_mut().push(end.as_str())
    };
    drop(TrackedBody::new(Empty::<Bytes>::new(), finish()));
    assert_eq!(seen.take(), ["complete"]);
    drop(TrackedBody::new(Full::<Bytes>::from("some"), finish()));
    assert_eq!(seen.take(), ["unread"]);
    let mut full = TrackedBody::new(Full::<Bytes>::from("some"), finish());
    assert!(poll(&mut full).is_ready());
    assert_eq!(seen.take(), ["complete"], "as soon as the only frame is out");
    drop(full);
    assert!(seen.take().is_empty());
}

#[test]
fn an_untracked_body_is_the_same_body() {
    let mut body = TrackedBody::untracked(Script::new(&[Data(2)]).promising(2));
    assert_eq!(body.size_hint().exact(), Some(2));
    let frame = poll(&mut body).map(|frame| frame.unwrap().unwrap().into_data().unwrap());
    assert_eq!(frame, Poll::Ready(Bytes::from_static(b"xx")));
    let used =
        if false { TrackedBody::new(Script::new(&[]), note(&Ends::default())) } else { body };
    assert_eq!(used.get_ref().size_hint().exact(), Some(0));
    assert!(format!("{used:?}").starts_with("TrackedBody"));
}

fn describe(next: Polled<Script>) -> String {
    match next {
        Poll::Pending => "pending".to_owned(),
        Poll::Ready(None) => "end".to_owned(),
        Poll::Ready(Some(Err(error))) => error.to_owned(),
        Poll::Ready(Some(Ok(frame))) => format!("{frame:?}"),
    }
}

/// What the rules say, told without a state machine.
fn expected_end(script: &Script, polls: usize) -> String {
    let steps: Vec<Step> = script.steps.iter().copied().collect();
    let promise = script.hint.exact();
    let mut received = 0;
    let closed = |received: u64, trailers: bool| match promise {
        Some(expected) if received < expected => {
            format!("truncated: {received} of {expected} bytes")
        }
        _ if trailers => "complete with 1 trailers".to_owned(),
        _ => "complete".to_owned(),
    };
    if script.is_end_stream() {
        return closed(0, false);
    }
    for at in 0..polls {
        match steps.get(at) {
            None => return closed(received, false),
            Some(Trailers) => return closed(received, true),
            Some(Error) => return "error broken".to_owned(),
            Some(Data(length)) => received += *length as u64,
            Some(Pending | Panic) => continue,
        }
        if promise.is_some_and(|expected| received > expected) {
            return format!("excess: {received} of {} bytes", promise.unwrap());
        }
        if script.says_end && at + 1 == steps.len() {
            return closed(received, false);
        }
    }
    if script.says_end && polls >= steps.len() {
        closed(received, false)
    } else if promise == Some(received) {
        "delivered".to_owned()
    } else if polls == 0 {
        "unread".to_owned()
    } else {
        "dropped".to_owned()
    }
}

fn scripts() -> impl Strategy<Value = (Vec<Step>, Option<u64>, bool)> {
    let step = prop_oneof![
        5 => (0_usize..4).prop_map(Data),
        2 => Just(Pending),
        1 => Just(Trailers),
        1 => Just(Error),
    ];
    let promise = prop_oneof![Just(None), (0_u64..12).prop_map(Some)];
    (prop::collection::vec(step, 0..8), promise, any::<bool>())
}

proptest! {
    #[test]
    fn any_script_passes_unchanged_and_finishes_once(
        (steps, promise, says_end) in scripts(),
        polls in 0_usize..12,
    ) {
        let script = || Script {
            steps: steps.iter().copied().collect(),
            hint: promise.map_or_else(SizeHint::new, SizeHint::with_exact),
            says_end,
        };
        let ends = Ends::default();
        let mut bare = script();
        let mut tracked = TrackedBody::new(script(), note(&ends));
        for _ in 0..polls {
            prop_assert_eq!(tracked.is_end_stream(), bare.is_end_stream());
            prop_assert_eq!(tracked.size_hint().lower(), bare.size_hint().lower());
            prop_assert_eq!(tracked.size_hint().upper(), bare.size_hint().upper());
            prop_assert_eq!(describe(poll(&mut tracked)), describe(poll(&mut bare)));
        }
        drop(tracked);
        prop_assert_eq!(&*ends.borrow(), &[expected_end(&script(), polls)]);
    }
}
