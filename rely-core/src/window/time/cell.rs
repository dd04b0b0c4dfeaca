//! The word that counts one lane of one bucket in one shard.
//!
//! From the top: 12 bits of lap, 12 of epoch, one that says *swept*, 39 of count. Lap and epoch, in
//! their places, are the *tag*: what the count belongs to.

use crate::window::tickets::EPOCHS;

/// Laps come round after this many: the word holds nothing above them.
pub(in crate::window) const LAPS: u64 = 1 << (u64::BITS - LAP_SHIFT);
const LAP_SHIFT: u32 = u64::BITS - 12;
const EPOCH_SHIFT: u32 = LAP_SHIFT - EPOCHS.trailing_zeros();
const SWEPT: u64 = 1 << (EPOCH_SHIFT - 1);
/// The highest count; a cell stays there.
const MOST: u64 = SWEPT - 1;

/// The part of a tag that says which lap of the ring it is.
#[inline(always)]
pub(super) const fn lap(lap: u64) -> u64 {
    lap << LAP_SHIFT
}

/// The part of a tag that says which epoch it is; no other than itself, if there is no such epoch.
#[inline(always)]
pub(super) const fn epoch(epoch: u16) -> u64 {
    (epoch as u64) << EPOCH_SHIFT
}

/// The epoch that follows, as a part of a tag.
pub(super) const fn next_epoch(part: u64) -> u64 {
    (part + epoch(1)) % epoch(EPOCHS)
}

/// Which epoch a part of a tag names.
#[allow(clippy::cast_possible_truncation)] // below `EPOCHS`
pub(super) const fn epoch_of(part: u64) -> u16 {
    (part >> EPOCH_SHIFT) as u16 % EPOCHS
}

/// What the word counts for `tag`; nothing if it is of another, or swept.
#[inline(always)]
pub(super) const fn held(word: u64, tag: u64) -> Option<u64> {
    // Where the tags agree, the count is all that is left.
    let count = word ^ tag;
    if count <= MOST { Some(count) } else { None }
}

/// The word with `weight` more, if it is of this tag and has room for it.
#[inline(always)]
pub(super) const fn plus(word: u64, tag: u64, weight: u64) -> Option<u64> {
    match held(word, tag) {
        Some(count) if weight <= MOST - count => Some(word + weight),
        _ => None,
    }
}

/// A count with `weight` more, as far as there is room.
pub(super) const fn sum(count: u64, weight: u64) -> u64 {
    let sum = count.saturating_add(weight);
    if sum < MOST { sum } else { MOST }
}

/// What the word counts, whatever its tag.
pub(super) const fn count(word: u64) -> u64 {
    if is_swept(word) { 0 } else { word & MOST }
}

/// Whether the word is of the epoch that the part of a tag names.
pub(super) const fn is_of_epoch(word: u64, part: u64) -> bool {
    !is_swept(word) && (word ^ part) % epoch(EPOCHS) < epoch(1)
}

/// Whether the word is of the lap that the part of a tag names.
pub(super) const fn is_of_lap(word: u64, part: u64) -> bool {
    !is_swept(word) && word ^ part < lap(1)
}

/// An empty cell that no other sweep leaves: whoever read it before finds it changed, however long it
/// slept.
pub(super) const fn swept(sweep: u64) -> u64 {
    SWEPT | sweep & MOST
}

const fn is_swept(word: u64) -> bool {
    word & SWEPT != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_for_its_own_tag_alone() {
        assert_eq!((LAPS, EPOCHS, MOST), (4096, 4096, (1 << 39) - 1));
        assert_eq!(lap(LAPS + 9), lap(9));
        let tag = epoch(7) | lap(9);
        for n in [0, 1, MOST] {
            assert_eq!((held(tag | n, tag), count(tag | n)), (Some(n), n));
            assert!(is_of_epoch(tag | n, epoch(7)) && is_of_lap(tag | n, lap(9)));
            for bit in 0..12 {
                let (epoch, lap) = (epoch(1 << bit), lap(1 << bit));
                assert_eq!((held(tag | n, tag ^ epoch), held(tag | n, tag ^ lap)), (None, None));
                assert!(!is_of_epoch(tag ^ epoch | n, super::epoch(7)), "{bit}");
                assert!(!is_of_lap(tag ^ lap | n, super::lap(9)), "{bit}");
            }
        }
    }

    #[test]
    fn a_count_that_has_no_room_goes_to_the_end_of_it() {
        let tag = epoch(EPOCHS - 1) | lap(LAPS - 1);
        assert_eq!(plus(tag | (MOST - 1), tag, 1), Some(tag | MOST));
        for weight in [1, MOST, MOST + 1, u64::MAX] {
            assert_eq!(plus(tag | MOST, tag, weight), None);
            assert_eq!(sum(MOST, weight), MOST);
        }
        assert_eq!((sum(3, 4), sum(0, MOST - 1), sum(1, MOST)), (7, MOST - 1, MOST));
    }

    #[test]
    fn epochs_follow_each_other_round() {
        assert_eq!(epoch_of(next_epoch(epoch(6))), 7);
        assert_eq!(next_epoch(epoch(EPOCHS - 1)), 0);
        // A number that is none names none.
        assert!((0..EPOCHS).all(|known| epoch(known) != epoch(EPOCHS)));
    }

    #[test]
    fn what_was_swept_counts_for_none() {
        for sweep in [0, 1, MOST, MOST + 1, u64::MAX] {
            let word = swept(sweep);
            assert_eq!((count(word), held(word, 0)), (0, None));
            assert!(!is_of_epoch(word, 0) && !is_of_lap(word, 0));
        }
        assert_ne!(swept(1), swept(2));
    }
}
