//! What formats that are not for people hold.

use core::time::Duration;

use serde::Deserializer;
use serde::de::value::{Error, SeqDeserializer};
use serde::de::{Deserialize, Visitor};

use super::{Ratio, duration, duration_option};

/// A compact format: one number as itself, more as a sequence.
#[derive(Clone, Copy)]
struct Compact<'a>(&'a [u32]);

impl<'de> Deserializer<'de> for Compact<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            [one] => visitor.visit_u32(*one),
            more => visitor.visit_seq(SeqDeserializer::new(more.iter().copied())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[test]
fn a_ratio_is_parts_in_a_million_and_still_checked() {
    assert_eq!(Ratio::deserialize(Compact(&[500_000])).unwrap().to_string(), "50 %");
    assert_eq!(Ratio::deserialize(Compact(&[1_000_000])).unwrap(), Ratio::ONE);
    let error = Ratio::deserialize(Compact(&[1_000_001])).unwrap_err().to_string();
    assert!(error.contains("1000001") && error.contains("at most 1000000"), "{error}");
}

#[test]
fn a_duration_is_seconds_and_nanoseconds() {
    let expected = Duration::new(3, 500);
    assert_eq!(duration::deserialize(Compact(&[3, 500])).unwrap(), expected);
    assert_eq!(duration_option::deserialize(Compact(&[3, 500])).unwrap(), Some(expected));
    assert_eq!(duration_option::deserialize(Compact(&[])).unwrap(), None);
}
