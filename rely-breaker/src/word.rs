//! The one word that callers look at, and what a permit remembers of it.

use crate::State;

/// State, generation and trial calls that may still begin, as one atomic word.
///
/// From the top: 44 bits of generation, 16 of trials, one that says that something is to be taken down
/// when a call begins, and 3 of state. So one comparison with zero finds the rule: closed, and nothing else
/// to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

const STATE_MASK: u64 = 7;
const MORE: u64 = 1 << 3;
const KIND_MASK: u64 = STATE_MASK | MORE;
const TRIALS_SHIFT: u32 = 4;
const GENERATION_SHIFT: u32 = 20;
const TRIALS_MASK: u64 = 0xFFFF;

/// No tag of a call has so many trials.
const REFUSED: u64 = (TRIALS_MASK - 1) << TRIALS_SHIFT;

/// No state has this number: a permit with it is for a trial call.
const TRIAL: u64 = 7;

impl Word {
    pub(crate) const fn new(state: State, generation: u64, trials: u32) -> Self {
        let state = match state {
            State::Closed => 0,
            State::Open => 1,
            State::HalfOpen => 2,
            State::ForcedOpen => 3,
            State::ForcedClosed => 4,
            State::Disabled => 5,
            State::Ramping => 6,
        };
        Self(generation << GENERATION_SHIFT | (trials as u64 & TRIALS_MASK) << TRIALS_SHIFT | state)
    }

    /// The same word, which says whether something is to be taken down when a call begins.
    pub(crate) const fn with_more(self, more: bool) -> Self {
        Self(self.0 & !MORE | if more { MORE } else { 0 })
    }

    #[inline(always)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn state(self) -> State {
        // The last is of no word, and there so that every number has one.
        const STATES: [State; 8] = [
            State::Closed,
            State::Open,
            State::HalfOpen,
            State::ForcedOpen,
            State::ForcedClosed,
            State::Disabled,
            State::Ramping,
            State::Ramping,
        ];
        STATES[(self.0 & STATE_MASK) as usize]
    }

    #[inline(always)]
    pub(crate) const fn is_open(self) -> bool {
        self.0 & STATE_MASK == 1
    }

    /// Closed, and a call takes no more than to be counted: what every call asks first.
    #[inline(always)]
    pub(crate) const fn is_plain(self) -> bool {
        self.0 & KIND_MASK == 0
    }

    /// Whether calls go through without a look at anything but this.
    #[inline(always)]
    pub(crate) const fn is_closed(self) -> bool {
        self.0 & STATE_MASK == 0
    }

    pub(crate) const fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }

    #[allow(clippy::cast_possible_truncation)] // masked to 16 bits
    pub(crate) const fn trials(self) -> u32 {
        (self.0 >> TRIALS_SHIFT & TRIALS_MASK) as u32
    }

    pub(crate) const fn with_trials(self, trials: u32) -> Self {
        let trials = (trials as u64 & TRIALS_MASK) << TRIALS_SHIFT;
        Self(self.0 & !(TRIALS_MASK << TRIALS_SHIFT) | trials)
    }

    /// The word after one more trial call has begun; nothing if none may.
    pub(crate) const fn take_trial(self) -> Option<Self> {
        if self.trials() == 0 { None } else { Some(Self(self.0 - (1 << TRIALS_SHIFT))) }
    }

    /// The word after a trial call came back without evidence.
    pub(crate) const fn give_trial(self) -> Self {
        Self(self.0 + (1 << TRIALS_SHIFT))
    }

    /// What the permit of a call remembers that this word lets through.
    #[inline(always)]
    pub(crate) const fn tag(self) -> Tag {
        Tag(self.0)
    }

    /// The same for a trial call.
    pub(crate) const fn trial_tag(self) -> Tag {
        Tag(self.0 & !(TRIALS_MASK << TRIALS_SHIFT | STATE_MASK) | TRIAL)
    }

    /// What takes the place of a tag where the word lets nothing through, for a reason with a number.
    #[inline(always)]
    pub(crate) const fn refused_tag(self, reason: u64) -> Tag {
        Tag(reason << GENERATION_SHIFT | REFUSED | self.0 & STATE_MASK)
    }

    /// The same for a call that counts for nothing.
    pub(crate) const fn uncounted_tag(self) -> Tag {
        Tag(self.0 | TRIALS_MASK << TRIALS_SHIFT | KIND_MASK)
    }
}

/// What a permit remembers of the word that let its call through: the generation, and in which way.
///
/// Calls that are no trials are let through by words without trials, so their tag is the word itself:
/// one comparison tells that nothing has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// Of no call.
    pub(crate) const NONE: Self = Self(u64::MAX);
    /// In the place of one that is kept elsewhere.
    pub(crate) const LATE: Self = Self(u64::MAX - 1);

    /// Whether it is none, and says why there is none.
    #[inline(always)]
    pub(crate) const fn is_refused(self) -> bool {
        self.0 & (TRIALS_MASK << TRIALS_SHIFT) == REFUSED
    }

    /// Whether `word` is what let the call through.
    #[inline(always)]
    pub(crate) const fn is(self, word: Word) -> bool {
        self.0 == word.0
    }

    /// Whether the call takes no more than to be counted.
    #[inline(always)]
    pub(crate) const fn is_plain(self) -> bool {
        self.0 & KIND_MASK == 0
    }

    /// Whether what is taken down when a call begins was.
    pub(crate) const fn more(self) -> bool {
        self.0 & MORE != 0
    }

    pub(crate) const fn is_trial(self) -> bool {
        self.0 & STATE_MASK == TRIAL && !self.is_uncounted()
    }

    pub(crate) const fn is_uncounted(self) -> bool {
        self.0 & (TRIALS_MASK << TRIALS_SHIFT) != 0
    }

    pub(crate) const fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }

    /// The state of the word that let nothing through.
    #[inline(always)]
    pub(crate) const fn state(self) -> State {
        Word(self.0).state()
    }

    /// What a window calls the generation: the low bits of its number.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // masked to the twelve bits of an epoch
    pub(crate) const fn epoch(self) -> u16 {
        (self.0 >> GENERATION_SHIFT & 0xFFF) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [State; 7] = [
        State::Closed,
        State::Open,
        State::HalfOpen,
        State::ForcedOpen,
        State::ForcedClosed,
        State::Disabled,
        State::Ramping,
    ];

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
        for state in STATES {
            for more in [false, true] {
                let word = Word::new(state, 7, 65_535).with_more(more);
                assert_eq!((word.state(), word.generation(), word.trials()), (state, 7, 65_535));
                assert_eq!(word.is_closed(), state == State::Closed);
                assert_eq!(word.is_plain(), state == State::Closed && !more);
            }
        }
        assert_eq!(Word::new(State::Open, 3, 0).take_trial(), None);
        assert_eq!(Word::from_bits(Word::new(State::Open, 3, 0).bits()).state(), State::Open);
    }

    #[test]
    fn a_tag_knows_its_generation_and_its_way() {
        for state in STATES {
            for more in [false, true] {
                let word = Word::new(state, 4099, 0).with_more(more);
                let (tag, trial, uncounted) = (word.tag(), word.trial_tag(), word.uncounted_tag());
                assert!(tag.is(word) && !trial.is(word) && !uncounted.is(word));
                assert_eq!((tag.is_trial(), tag.is_uncounted()), (false, false));
                assert_eq!((trial.is_trial(), trial.is_uncounted()), (true, false));
                assert_eq!((uncounted.is_trial(), uncounted.is_uncounted()), (false, true));
                for tag in [tag, trial, uncounted] {
                    assert_eq!((tag.generation(), tag.epoch()), (4099, 3));
                }
                assert_eq!((tag.more(), trial.more()), (more, more));
                assert_eq!(tag.is_plain(), word.is_plain());
                assert!(!trial.is_plain() && !uncounted.is_plain());
                assert!([tag, trial, uncounted].iter().all(|tag| !tag.is_refused()));
            }
        }
        assert!(!Tag::NONE.is_refused());
    }

    #[test]
    fn a_refusal_knows_its_state_and_its_reason() {
        for state in STATES {
            let refused = Word::new(state, 4099, 65_535).with_more(true).refused_tag(5);
            assert!(refused.is_refused());
            assert_eq!((refused.state(), refused.epoch()), (state, 5));
        }
    }
}
