//! Recordings of a machine's inputs, so that its decisions can be replayed.
//!
//! A machine without a clock, a lock or I/O inside is a function of its inputs. Whoever records
//! them, in order and without a gap, can run it again later, elsewhere, or in another version, and
//! compare. A gap makes that worthless, so a recording knows what it lacks and refuses to be
//! replayed as if it were whole.

mod recording;
#[cfg(feature = "serde")]
mod stored;
#[cfg(test)]
mod tests;

use core::num::NonZeroUsize;

pub use recording::{Entry, Incomplete, NotConsecutive, Recording};

use crate::Instant;

/// A bounded log of what a machine takes in.
///
/// When it is full it stops rather than forget its beginning: what it holds can still be replayed
/// from the start, and what came later is counted. Whoever wants to go on
/// [takes](Recorder::take) the recording from time to time and
/// [appends](Recording::append) it to a longer one.
///
/// ```
/// use core::num::NonZeroUsize;
/// use rely_core::{Instant, Recorder};
///
/// let mut recorder = Recorder::new(NonZeroUsize::new(2).unwrap());
/// recorder.record(Instant::from_nanos(1), "trip");
/// recorder.record(Instant::from_nanos(5), "timer");
///
/// let mut machine = Vec::new();
/// recorder.recording().replay(|at, input| machine.push((at.as_nanos(), *input)))?;
/// assert_eq!(machine, [(1, "trip"), (5, "timer")]);
///
/// recorder.record(Instant::from_nanos(9), "close");
/// let error = recorder.take().replay(|_, _| ()).unwrap_err();
/// assert_eq!(error.to_string(), "recording lacks input 2");
/// # Ok::<(), rely_core::recorder::Incomplete>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recorder<I> {
    capacity: NonZeroUsize,
    recording: Recording<I>,
}

impl<I> Recorder<I> {
    /// A recorder that holds at most `capacity` inputs; memory grows as they come.
    #[must_use]
    pub const fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity, recording: Recording::starting_at(0) }
    }

    /// Records the next input, or counts it as missed if there is no room.
    pub fn record(&mut self, at: Instant, input: I) {
        if self.is_full() {
            self.recording.miss();
        } else {
            self.recording.push(at, input);
        }
    }

    /// Whether the next input will be missed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.recording.entries().len() >= self.capacity.get()
    }

    /// What was recorded since the start or the last [`Recorder::take`].
    #[must_use]
    pub const fn recording(&self) -> &Recording<I> {
        &self.recording
    }

    /// Takes out what was recorded and goes on from there with room for more.
    #[must_use = "this empties the recorder"]
    pub const fn take(&mut self) -> Recording<I> {
        let next = Recording::starting_at(self.recording.end());
        core::mem::replace(&mut self.recording, next)
    }
}
