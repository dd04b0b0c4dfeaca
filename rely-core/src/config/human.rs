//! Durations in words.

use core::fmt;
use core::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const EXPECTED: &str = "a duration such as \"250ms\", \"30s\" or \"1h 30m\"";

/// A duration as text, for `#[serde(with = "rely_core::config::duration")]`.
///
/// Written as `"1h 30m"` and exact to the nanosecond when read back. Read from one or more numbers
/// with units: `ns`, `us`, `ms`, `s`, `m`, `h`, `days`, `weeks`, `months` of 30.44 days, `years` of
/// 365.25 days, their usual long names, and fractions such as `"1.5s"`; a number without a unit is
/// refused, except for `"0"`. Formats that are not for people hold seconds and nanoseconds.
pub mod duration {
    use super::{Deserialize, Deserializer, Duration, Human, Serialize, Serializer};

    /// Writes the duration in words.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&humantime::format_duration(*value))
        } else {
            value.serialize(serializer)
        }
    }

    /// Reads a duration in words.
    ///
    /// # Errors
    ///
    /// If the text is not a duration, or is one that is negative, finer than a nanosecond, or
    /// longer than [`Duration::MAX`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Human)
        } else {
            Duration::deserialize(deserializer)
        }
    }
}

/// A duration as text or nothing, for `#[serde(with = "rely_core::config::duration_option")]`.
///
/// Like [`duration`](mod@duration); nothing is written as null. Add `#[serde(default)]` to the field
/// or to the structure so that it may also be left out.
pub mod duration_option {
    use super::{Deserialize, Deserializer, Duration, Serialize, Serializer, duration};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Wrapped(#[serde(with = "duration")] Duration);

    /// Writes the duration in words, or null.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Wrapped).serialize(serializer)
    }

    /// Reads a duration in words, or null.
    ///
    /// # Errors
    ///
    /// As for [`duration::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

struct Human;

impl Visitor<'_> for Human {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Reads span by span: given several at once, humantime 2.4 panics when their seconds add up to
/// exactly `u64::MAX` and their nanoseconds to one second. It would also take `"1 30m"`, a typing
/// error, for 130 minutes.
fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let mut total = Duration::ZERO;
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        if let (true, Some((end, before))) = (c.is_ascii_digit(), last) {
            if char::is_ascii_digit(&before) && end + 1 < at {
                return None;
            }
            if before.is_alphabetic() {
                total = total.checked_add(humantime::parse_duration(&text[start..at]).ok()?)?;
                start = at;
            }
        }
        last = Some((at, c));
    }
    total.checked_add(humantime::parse_duration(&text[start..]).ok()?)
}

/// The JSON Schema of a duration in words: `#[schemars(with = "DurationSchema")]`, or
/// `with = "Option<DurationSchema>"` beside [`duration_option`].
#[cfg(feature = "schema")]
#[derive(Clone, Copy, Debug)]
pub enum DurationSchema {}

#[cfg(feature = "schema")]
const PATTERN: &str = concat!(
    r"^\s*(0|([0-9]+(\.[0-9]+)?\s*(",
    "ns|nsec|nanos|us|µs|usec|ms|msec|millis|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|",
    r"d|days?|w|wks?|weeks?|M|months?|y|yrs?|years?)\s*)+)$",
);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for DurationSchema {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        "rely_core::Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A duration: numbers with units, added up.",
            "type": "string",
            "pattern": PATTERN,
            "examples": ["250ms", "30s", "1h 30m"],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Config {
        #[serde(with = "duration")]
        wait: Duration,
        #[serde(with = "duration_option")]
        limit: Option<Duration>,
    }

    impl Default for Config {
        fn default() -> Self {
            Self { wait: Duration::from_secs(1), limit: None }
        }
    }

    fn read(json: &str) -> Result<Config, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_read() {
        let cases = [
            ("250ms", Duration::from_millis(250)),
            ("1h 30m", Duration::from_secs(5_400)),
            ("1h30m", Duration::from_secs(5_400)),
            (" 1 min 1.5 s ", Duration::from_millis(61_500)),
            ("0", Duration::ZERO),
            ("0s", Duration::ZERO),
            ("3µs 1ns", Duration::from_nanos(3_001)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn garbage_is_refused_with_an_example() {
        let texts = [
            "",
            " ",
            "-1s",
            "5",
            "1.s",
            ".5s",
            "s",
            "1 parsec",
            "1s-",
            "0.5ns",
            "1,5s",
            "inf",
            "1e3s",
            "99999999999999999999s",
            "1s 5",
            "0 1s",
        ];
        for text in texts {
            let error = read(&format!("{{\"wait\":{text:?}}}")).unwrap_err();
            assert!(error.contains("a duration such as \"250ms\""), "{text}: {error}");
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
        for json in ["5", "-5", "1.5", "null", "true", "{}"] {
            let error = read(&format!("{{\"wait\":{json}}}")).unwrap_err();
            assert!(error.contains("a duration such as \"250ms\""), "{json}: {error}");
        }
        assert!(read("{\"limit\":\"soon\"}").unwrap_err().contains("a duration such as"));
    }

    #[test]
    fn the_end_of_the_range_neither_panics_nor_wraps() {
        assert_eq!(parse("18446744073709551615s 1000ms"), None);
        assert_eq!(parse("18446744073709551614s 1000ms"), Some(Duration::from_secs(u64::MAX)));
        let longest = humantime::format_duration(Duration::MAX).to_string();
        assert_eq!(parse(&longest), Some(Duration::MAX));
        assert_eq!(parse(&format!("{longest} 1ns")), None);
    }

    #[test]
    fn nothing_may_be_null_or_left_out() {
        assert_eq!(read("{}").unwrap(), Config::default());
        assert_eq!(read("{\"limit\":null}").unwrap().limit, None);
        assert_eq!(read("{\"limit\":\"2s\"}").unwrap().limit, Some(Duration::from_secs(2)));
        let text = serde_json::to_string(&Config::default()).unwrap();
        assert_eq!(text, "{\"wait\":\"1s\",\"limit\":null}");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_exactly(secs: u64, nanos in 0..1_000_000_000_u32) {
            // Small and large alike: a shift spreads the seconds over all magnitudes.
            for secs in [secs, secs >> 32, secs >> 50, 0] {
                let wait = Duration::new(secs, nanos);
                let config = Config { wait, limit: Some(wait) };
                let text = serde_json::to_string(&config).unwrap();
                prop_assert_eq!(read(&text).unwrap(), config);
            }
        }

        #[test]
        fn no_text_panics(text in "[0-9.]{0,22} ?[a-zA-Zµ-]{0,4}([0-9]{0,20}(s|ms|ns|y) ?){0,3}") {
            let _ = parse(&text);
        }
    }

    #[cfg(feature = "schema")]
    #[test]
    fn what_the_schema_allows_is_read() {
        use proptest::strategy::ValueTree;
        use proptest::test_runner::TestRunner;

        // Fractions are left out, since half a nanosecond fits the grammar and no duration.
        let pattern = PATTERN
            .trim_matches(['^', '$'])
            .replace(r"[0-9]+(\.[0-9]+)?", "[0-9]{1,5}")
            .replace(")+)", "){1,4})")
            .replace(r"\s*", " {0,2}");
        let texts = proptest::string::string_regex(&pattern).unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..500 {
            let text = texts.new_tree(&mut runner).unwrap().current();
            assert!(parse(&text).is_some(), "{text:?}");
        }
    }
}
