use core::fmt;
use core::str::FromStr;

use crate::ConfigError;

const ONE: u32 = 1_000_000;
const ALLOWED: &str = "0 % to 100 % in steps of 0.0001 %";

/// A share of a whole, from 0 % to 100 %, exact to one part in a million.
///
/// Kept as an integer, so that "10 % of 30 calls" is met by 3 calls and not by rounding. A value
/// between two steps becomes the nearer one, but one that is neither nothing nor all stays so.
///
/// ```
/// use rely_core::Ratio;
///
/// let limit = Ratio::percent(10.0)?;
/// assert!(limit.is_reached(3, 30));
/// assert!(!limit.is_reached(2, 29));
/// assert_eq!(limit, Ratio::new(0.1)?);
/// assert_eq!(limit, "10 %".parse()?);
/// assert_eq!(limit.to_string(), "10 %");
/// assert!(Ratio::percent(101.0).is_err());
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
///
/// With the feature `serde` it is written as `"10 %"` and read from that, from `"10%"`, or from a
/// number from 0 to 1 such as `0.1`. Formats that are not for people hold the parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ratio(u32);

impl Ratio {
    /// 0 %.
    pub const ZERO: Self = Self(0);
    /// 100 %.
    pub const ONE: Self = Self(ONE);

    /// The share `share`, from 0 to 1.
    ///
    /// # Errors
    ///
    /// If `share` is not a number, is outside of 0 to 1, or is so near to 0 or 1 without being it
    /// that it would become it.
    pub fn new(share: f64) -> Result<Self, ConfigError> {
        Self::nearest(share * f64::from(ONE))
            .ok_or_else(|| ConfigError::new("ratio", share, "0 to 1 in steps of 0.000001"))
    }

    /// The share of `percent` in a hundred.
    ///
    /// # Errors
    ///
    /// As for [`Ratio::new`], from 0 to 100.
    pub fn percent(percent: f64) -> Result<Self, ConfigError> {
        Self::nearest(percent * f64::from(ONE / 100))
            .ok_or_else(|| ConfigError::new("ratio", format_args!("{percent} %"), ALLOWED))
    }

    /// `ppm` parts in a million, for constants; more than a million is 100 %.
    #[must_use]
    pub const fn from_ppm_clamped(ppm: u32) -> Self {
        Self(if ppm > ONE { ONE } else { ppm })
    }

    /// Parts in a million, at most 1 000 000.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(ONE)
    }

    /// What is left to 100 %: the error budget of an objective.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(ONE - self.0)
    }

    /// Whether `part` is at least this share of `whole`; met exactly is met.
    ///
    /// Nothing is no share of nothing: with a `whole` of zero the answer is no, at 0 % too.
    #[must_use]
    pub const fn is_reached(self, part: u64, whole: u64) -> bool {
        whole > 0 && part as u128 * ONE as u128 >= self.0 as u128 * whole as u128
    }

    /// This share of `whole`, rounded down.
    ///
    /// ```
    /// use rely_core::Ratio;
    ///
    /// assert_eq!(Ratio::percent(50.0)?.of(5), 2);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a share is at most the whole")]
    pub const fn of(self, whole: u64) -> u64 {
        (self.0 as u128 * whole as u128 / ONE as u128) as u64
    }

    fn nearest(ppm: f64) -> Option<Self> {
        if !(0.0..=f64::from(ONE)).contains(&ppm) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let rounded = ppm.round() as u32;
        // An input that is whole after the multiplication's rounding error still counts as whole.
        let off = (ppm - f64::from(rounded)).abs() > 1e-9;
        (!(off && (rounded == 0 || rounded == ONE))).then_some(Self(rounded))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, self.0 % 10_000);
        if fraction == 0 {
            return write!(f, "{whole} %");
        }
        let digits = format!("{fraction:04}");
        write!(f, "{whole}.{} %", digits.trim_end_matches('0'))
    }
}

impl FromStr for Ratio {
    type Err = ConfigError;

    /// Reads `"50 %"` or `"0.1%"`; without the sign it would be unclear what is meant.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        text.trim()
            .strip_suffix('%')
            .and_then(|number| number.trim_end().parse().ok())
            .and_then(|percent: f64| Self::percent(percent).ok())
            .ok_or_else(|| ConfigError::new("ratio", format_args!("{text:?}"), ALLOWED))
    }
}

#[cfg(feature = "serde")]
mod with_serde {
    use core::fmt;

    use serde::de::{Error, Unexpected, Visitor};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{ONE, Ratio};

    impl Serialize for Ratio {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.collect_str(self)
            } else {
                serializer.serialize_u32(self.0)
            }
        }
    }

    impl<'de> Deserialize<'de> for Ratio {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                return deserializer.deserialize_any(Human);
            }
            let ppm = u32::deserialize(deserializer)?;
            if ppm > ONE {
                let found = Unexpected::Unsigned(ppm.into());
                return Err(D::Error::invalid_value(found, &"at most 1000000 parts in a million"));
            }
            Ok(Self(ppm))
        }
    }

    struct Human;

    impl Visitor<'_> for Human {
        type Value = Ratio;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a share such as \"50 %\", or a number from 0 to 1")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Ratio, E> {
            text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }

        fn visit_f64<E: Error>(self, share: f64) -> Result<Ratio, E> {
            Ratio::new(share).map_err(|_| E::invalid_value(Unexpected::Float(share), &self))
        }

        fn visit_u64<E: Error>(self, share: u64) -> Result<Ratio, E> {
            match share {
                0 => Ok(Ratio::ZERO),
                1 => Ok(Ratio::ONE),
                _ => Err(E::invalid_value(Unexpected::Unsigned(share), &self)),
            }
        }

        fn visit_i64<E: Error>(self, share: i64) -> Result<Ratio, E> {
            let Ok(share) = u64::try_from(share) else {
                return Err(E::invalid_value(Unexpected::Signed(share), &self));
            };
            self.visit_u64(share)
        }
    }
}

#[cfg(feature = "schema")]
mod with_schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::Ratio;

    impl JsonSchema for Ratio {
        fn schema_name() -> Cow<'static, str> {
            "Ratio".into()
        }

        fn schema_id() -> Cow<'static, str> {
            "rely_core::Ratio".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "description": "A share of a whole: a percentage as text, or a number from 0 to 1.",
                "anyOf": [
                    {
                        "type": "string",
                        "pattern": r"^\s*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%\s*$",
                        "examples": ["50 %", "0.1 %"],
                    },
                    { "type": "number", "minimum": 0, "maximum": 1, "examples": [0.5] },
                ],
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_out_of_range_are_refused() {
        for share in [-0.1, 1.1, f64::NAN, f64::INFINITY, -f64::INFINITY, -1e-9] {
            assert!(Ratio::new(share).is_err(), "{share}");
            assert!(Ratio::percent(share * 100.0).is_err(), "{share}");
        }
        let error = Ratio::percent(150.0).unwrap_err();
        assert_eq!(error.to_string(), "ratio is 150 %, allowed: 0 % to 100 % in steps of 0.0001 %");
    }

    #[test]
    fn neither_nothing_nor_all_comes_from_rounding() {
        assert!(Ratio::new(1e-7).is_err());
        assert!(Ratio::new(0.999_999_9).is_err());
        assert_eq!(Ratio::new(1.0 / 3.0).unwrap().ppm(), 333_333);
        assert_eq!(Ratio::new(0.0).unwrap(), Ratio::ZERO);
        assert_eq!(Ratio::new(-0.0).unwrap(), Ratio::ZERO);
        assert_eq!(Ratio::new(1.0).unwrap(), Ratio::ONE);
    }

    #[test]
    fn reached_exactly_is_reached() {
        let tenth = Ratio::percent(10.0).unwrap();
        assert!(tenth.is_reached(1, 10));
        assert!(!tenth.is_reached(1, 11));
        assert!(tenth.is_reached(u64::MAX, u64::MAX));
        assert!(Ratio::ONE.is_reached(u64::MAX, u64::MAX));
        assert!(!Ratio::ONE.is_reached(u64::MAX - 1, u64::MAX));
        assert!(Ratio::ZERO.is_reached(0, 1));
        assert!(!Ratio::ZERO.is_reached(0, 0));
        assert_eq!(Ratio::ONE.of(u64::MAX), u64::MAX);
        assert_eq!(Ratio::from_ppm_clamped(1).complement().ppm(), 999_999);
    }

    #[test]
    fn text_needs_the_sign() {
        for text in ["50", "", "%", " % ", "abc %", "-1 %", "101%", "nan%", "50 % x"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
        for text in ["0.1%", "0.1 %", " 0.10 % "] {
            assert_eq!(text.parse::<Ratio>().unwrap().ppm(), 1_000, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_step_survives_text_and_numbers(ppm in 0..=ONE) {
            let ratio = Ratio::from_ppm_clamped(ppm);
            prop_assert_eq!(ratio.to_string().parse::<Ratio>().unwrap(), ratio);
            prop_assert_eq!(Ratio::new(ratio.as_f64()).unwrap(), ratio);
            prop_assert_eq!(ratio.complement().complement(), ratio);
        }

        #[test]
        fn the_share_of_a_whole_is_the_most_that_does_not_pass_it(
            ppm in 1..=ONE,
            whole in 1..=u64::MAX,
        ) {
            let ratio = Ratio::from_ppm_clamped(ppm);
            let part = ratio.of(whole);
            prop_assert!(part <= whole);
            prop_assert!(ratio.is_reached(part.saturating_add(1), whole));
            prop_assert!(part == 0 || !ratio.is_reached(part - 1, whole));
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_reads_both_forms_and_refuses_the_rest() {
        for (json, ppm) in
            [("0.5", 500_000), ("\"50%\"", 500_000), ("\"0.1 %\"", 1_000), ("0", 0), ("1", ONE)]
        {
            assert_eq!(serde_json::from_str::<Ratio>(json).unwrap().ppm(), ppm, "{json}");
        }
        for json in ["50", "-1", "1.5", "-0.5", "\"50\"", "null", "true", "[]", "\"101 %\""] {
            let error = serde_json::from_str::<Ratio>(json).unwrap_err().to_string();
            assert!(error.contains("a share such as \"50 %\""), "{json}: {error}");
        }
        let ratio = Ratio::percent(12.5).unwrap();
        assert_eq!(serde_json::to_string(&ratio).unwrap(), "\"12.5 %\"");
    }
}
