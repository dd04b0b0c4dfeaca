//! Calls over several spans of time, from totals that are read now and then.

use core::time::Duration;
use std::collections::VecDeque;

use rely_core::Instant;

use crate::share::Counts;

/// In so many steps each span moves on.
const STEPS: u32 = 60;

/// What had been counted at some moment, and in how much time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Mark {
    at: Instant,
    bad: u64,
    counted: u64,
    /// Nanoseconds in which calls would have been seen.
    seen: u64,
}

/// The marks that are older than the next shorter span, and not older than this one.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Ring {
    length: Duration,
    marks: VecDeque<Mark>,
}

/// Rings of marks, the finest first: a mark that grows too old for one moves on to the next, which
/// keeps one in each of its longer steps. So all spans share the marks, in constant memory.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Counters {
    now: Mark,
    rings: Vec<Ring>,
}

/// What is known of some time that ends now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The calls.
    pub(super) calls: Counts,
    /// How long the time is: as asked for and up to a step more, or less soon after the start.
    pub(super) span: Duration,
    /// In how much of it calls would have been seen.
    pub(super) time: Duration,
}

impl Seen {
    /// The share of the time in which calls would have been seen.
    pub(super) fn coverage(&self) -> f64 {
        if self.span.is_zero() {
            return 0.0;
        }
        (self.time.as_secs_f64() / self.span.as_secs_f64()).min(1.0)
    }

    /// Events a second of the time in which they would have been seen.
    pub(super) fn per_second(&self, events: u64) -> f64 {
        if self.time.is_zero() { 0.0 } else { events as f64 / self.time.as_secs_f64() }
    }
}

impl Counters {
    /// For spans of these lengths, in any order.
    pub(super) fn new(start: Instant, lengths: impl IntoIterator<Item = Duration>) -> Self {
        let mut lengths: Vec<_> = lengths.into_iter().collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut shorter = Duration::ZERO;
        let ring = |length| {
            let ring = Ring::new(length, shorter);
            shorter = length;
            ring
        };
        let rings = lengths.into_iter().map(ring).collect();
        Self { now: Mark { at: start, ..Mark::default() }, rings }
    }

    /// When it was last told anything.
    pub(super) fn at(&self) -> Instant {
        self.now.at
    }

    /// Takes in the calls since the last time, which came at some time up to `now` and were looked for
    /// in `time` of it.
    pub(super) fn add(&mut self, now: Instant, calls: Counts, time: Duration) {
        if now > self.now.at {
            keep(&mut self.rings, self.now, now);
        }
        self.now = Mark {
            at: now.max(self.now.at),
            bad: self.now.bad.saturating_add(calls.bad()),
            counted: self.now.counted.saturating_add(calls.counted()),
            seen: self.now.seen.saturating_add(nanos(time)),
        };
    }

    /// What is known of a span that ends now.
    pub(super) fn within(&self, length: Duration) -> Seen {
        self.between(self.now.at - length, self.now)
    }

    /// What is known of the last of `parts` equal parts of a span that ends now, and so on backwards.
    pub(super) fn parts(&self, length: Duration, parts: u32) -> impl Iterator<Item = Seen> {
        let mut end = self.now;
        (1..=parts).map_while(move |part| {
            let start = self.now.at - length / parts * part;
            let base = self.base(start).filter(|base| base.at <= start)?;
            let seen = self.between(start, end);
            end = base;
            Some(seen)
        })
    }

    fn between(&self, start: Instant, end: Mark) -> Seen {
        let base = self.base(start).unwrap_or(end);
        let bad = end.bad.saturating_sub(base.bad);
        let calls = Counts::new(bad, end.counted.saturating_sub(base.counted));
        let time = Duration::from_nanos(end.seen.saturating_sub(base.seen));
        Seen { calls, span: end.at - base.at, time }
    }

    /// The last mark that is not after `start`, or the first of all.
    fn base(&self, start: Instant) -> Option<Mark> {
        let last = |ring: &Ring| {
            let after = ring.marks.partition_point(|mark| mark.at <= start);
            after.checked_sub(1).and_then(|n| ring.marks.get(n)).copied()
        };
        let first = |ring: &Ring| ring.marks.front().copied();
        let found = self.rings.iter().find_map(last);
        found.or_else(|| self.rings.iter().rev().find_map(first))
    }

    /// Whether it holds spans of these lengths, and nothing that cannot be.
    pub(super) fn fits(&self, other: &Self) -> bool {
        let lengths = |of: &Self| of.rings.iter().map(|ring| ring.length).collect::<Vec<_>>();
        let mut marks = self.rings.iter().rev().flat_map(|ring| &ring.marks).chain([&self.now]);
        let mut before = Mark::default();
        let grows = marks.all(|mark| {
            let (old, new) = (core::mem::replace(&mut before, *mark), *mark);
            let counts = [(old.bad, new.bad), (old.counted, new.counted), (old.seen, new.seen)];
            old.at <= new.at && new.bad <= new.counted && counts.iter().all(|(old, new)| old <= new)
        });
        let few = self.rings.iter().all(|ring| ring.marks.len() <= STEPS as usize + 3);
        grows && few && lengths(self) == lengths(other)
    }

    /// How many bytes it holds on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let marks: usize = self.rings.iter().map(|ring| ring.marks.capacity()).sum();
        self.rings.capacity() * size_of::<Ring>() + marks * size_of::<Mark>()
    }
}

impl Ring {
    fn new(length: Duration, shorter: Duration) -> Self {
        // One in each step of the time between the two, one before it, one that comes before one
        // goes, and one for a last step that is not whole.
        let steps = (length - shorter).as_nanos() / (length / STEPS).as_nanos().max(1);
        let capacity = usize::try_from(steps).unwrap_or(usize::MAX).min(STEPS as usize) + 3;
        Self { length, marks: VecDeque::with_capacity(capacity) }
    }
}

/// Keeps the mark if the last one is a step ago, and hands on to longer rings what is too old.
fn keep(rings: &mut [Ring], mark: Mark, next: Instant) {
    let Some((ring, longer)) = rings.split_first_mut() else { return };
    let step = ring.length / STEPS;
    if ring.marks.back().is_none_or(|last| mark.at - last.at >= step) {
        ring.marks.push_back(mark);
    }
    let start = next - ring.length;
    while ring.marks.get(1).is_some_and(|second| second.at <= start) {
        if let Some(old) = ring.marks.pop_front() {
            keep(longer, old, next);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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
        let within = |counters: &Counters| {
            let seen = counters.within(length);
            (seen.calls, seen.span >= length && seen.span <= length * 2)
        };
        assert_eq!(within(&counters), (Counts::new(0, 0), false));
        let at = |secs: u32| Instant::ORIGIN + SECOND * secs;
        for second in 1..=59 {
            counters.add(at(second), Counts::new(1, 10), SECOND);
        }
        assert_eq!(within(&counters), (Counts::new(59, 590), false));
        counters.add(at(60), Counts::new(1, 10), SECOND);
        assert_eq!(within(&counters), (Counts::new(60, 600), true));
        counters.add(at(61), Counts::new(0, 0), SECOND);
        assert_eq!(within(&counters), (Counts::new(59, 590), true));
        // A reading after two hours tells nothing about the last minute.
        counters.add(at(7_261), Counts::new(5, 5), SECOND * 7_200);
        assert!(!within(&counters).1);
        counters.add(at(7_321), Counts::new(0, 0), SECOND * 60);
        assert_eq!(within(&counters), (Counts::new(0, 0), true));
        // What nobody looked for was not seen, though the time is known.
        counters.add(at(7_381), Counts::default(), Duration::ZERO);
        assert_eq!(within(&counters), (Counts::new(0, 0), true));
        assert_eq!(counters.within(length).time, Duration::ZERO);
        assert!(counters.within(length).coverage() < 1e-9);
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
                counters.add(now, counts, now - before);
                log.push((before, now, counts));
                let held = counters.within(length).calls;
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
            for ring in &counters.rings {
                prop_assert!(ring.marks.len() <= STEPS as usize + 3, "{}", ring.marks.len());
            }
        }
    }
}
