use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

const SHORT: usize = 6;

/// A SHA-256 digest: what identifies a [`Release`](crate::Release) by its content.
///
/// It reads and writes as 64 hexadecimal digits; [`Digest::short`] is for people.
///
/// ```
/// use rely_rollout::Digest;
///
/// let digest = Digest::of("abc");
/// assert_eq!(digest.short().to_string(), "ba7816bf8f01");
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The SHA-256 of some bytes, as `sha256sum` prints it.
    #[must_use]
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest that was made elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first twelve hexadecimal digits, for people.
    #[must_use]
    pub const fn short(self) -> ShortDigest {
        ShortDigest(self)
    }
}

/// Collects a canonical encoding: a tag that names the form and its version, then every part after
/// its length, so that no two lists of parts read the same.
pub(crate) struct Canonical(Sha256);

impl Canonical {
    pub(crate) fn new(tag: &str) -> Self {
        let mut it = Self(Sha256::new());
        it.part(tag.as_bytes());
        it
    }

    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The first twelve hexadecimal digits of a [`Digest`]; made by [`Digest::short`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortDigest(Digest);

impl fmt::Display for ShortDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.iter().take(SHORT).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits, this is none: {text:?}")]
pub struct ParseDigestError {
    text: String,
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let error = || ParseDigestError { text: text.chars().take(80).collect() };
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16).and_then(|v| u8::try_from(v).ok());
                *byte = *byte << 4 | value.ok_or_else(error)?;
            }
        }
        Ok(Self(bytes))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_64_hexadecimal_digits_are_a_digest() {
        let digest = Digest::of("");
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(digest));
        for wrong in ["", "e3", &text[1..], &format!("{text}0"), &text.replace('e', "g"), "ü"] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
        let error = "x".repeat(1000).parse::<Digest>().unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn it_is_stored_as_text() {
        let digest = Digest::of("abc");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(text, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"abc\"").is_err());
    }

    proptest! {
        #[test]
        fn lists_of_parts_that_differ_have_encodings_that_differ(
            a in prop::collection::vec(prop::collection::vec(0..3_u8, 0..4), 0..5),
            b in prop::collection::vec(prop::collection::vec(0..3_u8, 0..4), 0..5),
        ) {
            let digest = |parts: &[Vec<u8>]| {
                let mut canonical = Canonical::new("test");
                parts.iter().for_each(|part| canonical.part(part));
                canonical.finish()
            };
            prop_assert_eq!(digest(&a) == digest(&b), a == b);
        }

        #[test]
        fn text_and_digest_are_the_same_thing(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            prop_assert!(digest.to_string().starts_with(&digest.short().to_string()));
        }
    }
}
