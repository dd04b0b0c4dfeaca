//! The one word that callers look at.

use crate::State;

/// State, generation and trial calls that may still begin, as one atomic word.
///
/// From the top: 45 bits of generation, 16 of trials, 3 of state. A closed breaker of generation zero
/// is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

const STATE_MASK: u64 = 7;
const TRIALS_SHIFT: u32 = 3;
const GENERATION_SHIFT: u32 = 19;
const TRIALS_MASK: u64 = 0xFFFF;

impl Word {
    pub(crate) const fn new(state: State, generation: u64, trials: u32) -> Self {
        let state = match state {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
            State::ForcedOpen => 3,
            State::ForcedClosed => 4,
            State::Disabled => 5,
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
        match self.0 & STATE_MASK {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::ForcedOpen,
            4 => State::ForcedClosed,
            _ => State::Disabled,
        }
    }

    /// Closed and not forced to be: what every call asks first.
    pub(crate) const fn is_closed(self) -> bool {
        self.0 & STATE_MASK == 0
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
        for state in [
            State::Closed,
            State::Open,
            State::HalfOpen,
            State::ForcedOpen,
            State::ForcedClosed,
            State::Disabled,
        ] {
            let word = Word::new(state, 7, 65_535);
            assert_eq!((word.state(), word.generation(), word.trials()), (state, 7, 65_535));
            assert_eq!(word.is_closed(), state == State::Closed);
        }
        assert_eq!(Word::new(State::Open, 3, 0).take_trial(), None);
        assert_eq!(Word::from_bits(Word::new(State::Open, 3, 0).bits()).state(), State::Open);
    }
}
