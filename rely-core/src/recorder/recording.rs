use core::fmt;
use core::ops::Range;

use crate::Instant;

/// An input, when it came, and its number in the order of all inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry<I> {
    /// Counts from 0 at the machine's first input.
    pub seq: u64,
    /// The instant that the machine was given with it.
    pub at: Instant,
    /// The input.
    pub input: I,
}

/// A stretch of a machine's inputs.
///
/// It begins with the input number [`start`](Recording::start): if that is not 0, replay it into a
/// machine that is in the state it had then, from a snapshot for instance. Instants may repeat or
/// step back, as they may for the machine itself; numbers may not.
///
/// With the feature `serde` it is stored with the version of its form, 1 today. A recording in a
/// newer form, or with numbers that repeat, step back or lie outside of it, is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording<I> {
    pub(super) start: u64,
    pub(super) end: u64,
    /// In rising order, all within `start..end`.
    pub(super) entries: Vec<Entry<I>>,
}

impl<I> Recording<I> {
    pub(super) const fn starting_at(start: u64) -> Self {
        Self { start, end: start, entries: Vec::new() }
    }

    pub(super) fn push(&mut self, at: Instant, input: I) {
        self.entries.push(Entry { seq: self.end, at, input });
        self.miss();
    }

    pub(super) const fn miss(&mut self) {
        self.end = self.end.saturating_add(1);
    }

    /// The number of its first input.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The number after its last input: where the next recording has to begin.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// What it holds, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<I>] {
        &self.entries
    }

    /// Feeds all inputs to `step`, in order.
    ///
    /// # Errors
    ///
    /// If an input is missing; then `step` is not called at all. [`Recording::complete_prefix`]
    /// gives what can be replayed nevertheless.
    pub fn replay(&self, mut step: impl FnMut(Instant, &I)) -> Result<(), Incomplete> {
        self.check()?;
        for entry in &self.entries {
            step(entry.at, &entry.input);
        }
        Ok(())
    }

    /// Whether no input is missing.
    ///
    /// # Errors
    ///
    /// If one is; the error says which.
    pub fn check(&self) -> Result<(), Incomplete> {
        let mut missing = Vec::new();
        let mut expected = self.start;
        for seq in self.entries.iter().map(|entry| entry.seq).chain([self.end]) {
            if seq > expected {
                missing.push(expected..seq);
            }
            expected = seq.saturating_add(1);
        }
        if missing.is_empty() { Ok(()) } else { Err(Incomplete { missing }) }
    }

    /// The inputs before the first one that is missing.
    #[must_use]
    pub fn complete_prefix(mut self) -> Self {
        let whole = (self.start..).zip(&self.entries).take_while(|(seq, entry)| *seq == entry.seq);
        let length = whole.count();
        self.entries.truncate(length);
        self.end = self.entries.last().map_or(self.start, |entry| entry.seq.saturating_add(1));
        self
    }

    /// Moves all inputs of the recording that follows this one to its end, leaving `next` empty.
    ///
    /// # Errors
    ///
    /// If `next` does not begin where this one ends; both stay as they are. That either lacks
    /// inputs of its own is no error here and is kept.
    pub fn append(&mut self, next: &mut Self) -> Result<(), NotConsecutive> {
        if next.start != self.end {
            return Err(NotConsecutive { expected: self.end, found: next.start });
        }
        self.entries.append(&mut next.entries);
        self.end = next.end;
        next.start = next.end;
        Ok(())
    }
}

/// A recording lacks inputs and cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    missing: Vec<Range<u64>>,
}

impl Incomplete {
    /// The numbers of the inputs that are missing, in order.
    #[must_use]
    pub fn missing(&self) -> &[Range<u64>] {
        &self.missing
    }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        f.write_str("recording lacks input ")?;
        for (index, range) in self.missing.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", range.start)?;
            let last = range.end.saturating_sub(1);
            if last > range.start {
                write!(f, " to {last}")?;
            }
        }
        match self.missing.len().checked_sub(SHOWN) {
            Some(more @ 1..) => write!(f, " and {more} more stretches"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Incomplete {}

/// Two recordings do not follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotConsecutive {
    /// Where the second one had to begin.
    pub expected: u64,
    /// Where it begins.
    pub found: u64,
}

impl fmt::Display for NotConsecutive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, found } = self;
        let what = if found > expected { "there is a gap" } else { "they overlap" };
        write!(f, "next recording begins with input {found} instead of {expected}: {what}")
    }
}

impl std::error::Error for NotConsecutive {}
