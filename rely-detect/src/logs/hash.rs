//! What tokens are compared by.

/// One step of a multiplicative hash (the constant is that of Fibonacci hashing, 2⁶⁴ / φ).
pub(super) const fn step(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 29)
}

/// The hash of a row, by that of what comes before and the next word.
pub(super) const fn combine(hash: u64, word: u64) -> u64 {
    step(hash.rotate_left(23), word)
}

/// The hash of a word, or of anything.
pub(super) fn of(bytes: &[u8]) -> u64 {
    let mut parts = bytes.chunks_exact(8);
    let mut hash = bytes.len() as u64;
    for part in &mut parts {
        hash = step(hash, part.try_into().map_or(0, u64::from_le_bytes));
    }
    step(hash, parts.remainder().iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

/// The hash of a word in which every number counts as the same.
pub(super) fn shape(word: &[u8]) -> u64 {
    let (mut hash, mut before) = (0, 0);
    for &byte in word {
        let shown = if byte.is_ascii_digit() { b'0' } else { byte };
        if shown != b'0' || before != b'0' {
            hash = step(hash, u64::from(shown));
        }
        before = shown;
    }
    hash
}
