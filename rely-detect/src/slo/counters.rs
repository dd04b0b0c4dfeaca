//! Calls over several spans of time, from totals that are read now and then.

use core::time::Duration;
use std::collections::VecDeque;

use rely_core::Instant;

use crate::share::Counts;

/// In so many steps each span moves on.
const STEPS: u32 = 60;

/// What had been counted at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: Instant,
    bad: u64,
    counted: u64,
}

/// The marks that one span needs: a few more than its steps, whatever the traffic.
#[derive(Clone, Debug)]
struct Span {
    length: Duration,
    marks: VecDeque<Mark>,
}

#[derive(Clone, Debug)]
pub(super) struct Counters {
    now: Mark,
    spans: Vec<Span>,
}

impl Counters {
    pub(super) fn new(start: Instant, lengths: impl IntoIterator<Item = Duration>) -> Self {
        let now = Mark { at: start, bad: 0, counted: 0 };
        let span = |length| Span { length, marks: VecDeque::new() };
        Self { now, spans: lengths.into_iter().map(span).collect() }
    }

    /// When it was last told anything.
    pub(super) fn at(&self) -> Instant {
        self.now.at
    }

    /// Takes in the calls since the last time, which came at some time up to `now`.
    pub(super) fn add(&mut self, now: Instant, calls: Counts) {
        if now > self.now.at {
            for span in &mut self.spans {
                span.keep(self.now, now);
            }
        }
        self.now = Mark {
            at: now.max(self.now.at),
            bad: self.now.bad.saturating_add(calls.bad()),
            counted: self.now.counted.saturating_add(calls.counted()),
        };
    }

    /// Forgets what it knows of the time before `now`, since calls were missed.
    pub(super) fn restart(&mut self, now: Instant) {
        self.now.at = self.now.at.max(now);
        self.spans.iter_mut().for_each(|span| span.marks.clear());
    }

    /// The calls of a span that ends now, and whether the whole of it was seen, by readings that were
    /// not too far apart to tell it from a longer one.
    pub(super) fn within(&self, length: Duration) -> (Counts, bool) {
        let (calls, seen) = self.seen(length);
        (calls, seen >= length && seen <= length * 2)
    }

    /// The calls of a span that ends now, and in what time they came.
    pub(super) fn seen(&self, length: Duration) -> (Counts, Duration) {
        let now = self.now;
        let start = now.at - length;
        let marks = self.spans.iter().find(|span| span.length == length).map(|span| &span.marks);
        let before = |mark: &&Mark| mark.at <= start;
        let base =
            marks.and_then(|marks| marks.iter().rev().find(before).or_else(|| marks.front()));
        let base = base.copied().unwrap_or(now);
        let calls = Counts::new(now.bad - base.bad, now.counted - base.counted);
        (calls, now.at - base.at)
    }
}

impl Span {
    /// Keeps what had been counted before `next`, if the last mark is a step ago.
    fn keep(&mut self, mark: Mark, next: Instant) {
        let step = self.length / STEPS;
        if self.marks.back().is_none_or(|last| mark.at - last.at >= step) {
            self.marks.push_back(mark);
        }
        let start = next - self.length;
        while self.marks.get(1).is_some_and(|second| second.at <= start) {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_span_holds_what_came_in_it() {
        let length = SECOND * 60;
        let mut counters = Counters::new(Instant::ORIGIN, [length]);
        assert_eq!(counters.within(length), (Counts::new(0, 0), false));
        let at = |secs: u32| Instant::ORIGIN + SECOND * secs;
        for second in 1..=59 {
            counters.add(at(second), Counts::new(1, 10));
        }
        assert_eq!(counters.within(length), (Counts::new(59, 590), false));
        counters.add(at(60), Counts::new(1, 10));
        assert_eq!(counters.within(length), (Counts::new(60, 600), true));
        counters.add(at(61), Counts::new(0, 0));
        assert_eq!(counters.within(length), (Counts::new(59, 590), true));
        // A reading after two hours tells nothing about the last minute.
        counters.add(at(7_261), Counts::new(5, 5));
        assert!(!counters.within(length).1);
        counters.add(at(7_321), Counts::new(0, 0));
        assert_eq!(counters.within(length), (Counts::new(0, 0), true));
        counters.restart(at(7_322));
        assert_eq!(counters.within(length), (Counts::new(0, 0), false));
    }

    proptest! {
        #[test]
        fn no_call_of_the_span_is_missed_and_none_from_long_before_is_held(
            calls in prop::collection::vec((0..3_000_u64, 0..5_u64, 0..5_u64), 1..300),
            length in 1..200_u32,
        ) {
            let length = SECOND * length;
            let mut counters = Counters::new(Instant::ORIGIN, [SECOND * 7, length]);
            let (mut now, mut log) = (Instant::ORIGIN, Vec::new());
            for (wait, bad, good) in calls {
                let before = now;
                now += Duration::from_millis(wait);
                let counts = Counts::new(bad, bad + good);
                counters.add(now, counts);
                log.push((before, now, counts));
                let (held, _) = counters.within(length);
                let sum = |from: Instant| {
                    let inside = log.iter().filter(|(_, at, _)| *at > from);
                    inside.fold(Counts::default(), |sum, (_, _, counts)| sum.plus(*counts))
                };
                let least = sum(now - length);
                // A step and the time between two readings.
                let slack = length / STEPS + SECOND * 6;
                let most = sum((now - length) - slack);
                let most = if now.since_origin() <= length + slack { sum(Instant::ORIGIN).plus(Counts::new(99, 999)) } else { most };
                prop_assert!(held.counted() >= least.counted() && held.bad() >= least.bad());
                prop_assert!(held.counted() <= most.counted(), "{held:?} {most:?}");
            }
            for span in &counters.spans {
                prop_assert!(span.marks.len() <= STEPS as usize + 3, "{}", span.marks.len());
            }
        }
    }
}
