//! The one word that callers look at.

use crate::State;

/// State, generation and trial calls that may still begin, as one atomic word.
///
/// From the top: 46 bits of generation, 16 of trials, 2 of state. A closed breaker of generation zero
/// is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

const TRIALS_SHIFT: u32 = 2;
const GENERATION_SHIFT: u32 = 18;
const TRIALS_MASK: u64 = 0xFFFF;

impl Word {
    pub(crate) const fn new(state: State, generation: u64, trials: u32) -> Self {
        let state = match state {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
        };
        Self(generation << GENERATION_SHIFT | (trials as u64 & TRIALS_MASK) << TRIALS_SHIFT | state)
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    pub(crate) const fn state(self) -> State {
        match self.0 & 3 {
            0 => State::Closed,
            1 => State::Open,
            _ => State::HalfOpen,
        }
    }

    pub(crate) const fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }

    const fn trials(self) -> u64 {
        self.0 >> TRIALS_SHIFT & TRIALS_MASK
    }

    /// The word after one more trial call has begun; nothing if none may.
    pub(crate) const fn take_trial(self) -> Option<Self> {
        if self.trials() == 0 { None } else { Some(Self(self.0 - (1 << TRIALS_SHIFT))) }
    }

    /// The word after a trial call came back without evidence.
    pub(crate) const fn give_trial(self) -> Self {
        Self(self.0 + (1 << TRIALS_SHIFT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_do_not_touch() {
        let word = Word::new(State::HalfOpen, 7, 65_535);
        assert_eq!((word.state(), word.generation(), word.trials()), (State::HalfOpen, 7, 65_535));
        let fewer = word.take_trial().unwrap();
        assert_eq!(
            (fewer.state(), fewer.generation(), fewer.trials()),
            (State::HalfOpen, 7, 65_534)
        );
        assert_eq!(fewer.give_trial(), word);
        assert_eq!(Word::new(State::Closed, 0, 0).bits(), 0);
        assert_eq!(Word::new(State::Open, 3, 0).take_trial(), None);
        assert_eq!(Word::from_bits(Word::new(State::Open, 3, 0).bits()).state(), State::Open);
    }
}
