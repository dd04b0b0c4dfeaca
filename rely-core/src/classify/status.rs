//! HTTP statuses, single or by the hundred.

use core::fmt;
use core::str::FromStr;

use http::StatusCode;

/// One status such as 404, or a whole class such as 5xx.
///
/// Written `"404"` or `"5xx"`. Ordered from the general to the particular: classes first.
///
/// ```
/// use http::StatusCode;
/// use rely_core::classify::StatusPattern;
///
/// let pattern: StatusPattern = "5xx".parse()?;
/// assert_eq!(pattern, StatusPattern::SERVER_ERROR);
/// assert!(pattern.matches(StatusCode::BAD_GATEWAY));
/// assert!(!StatusPattern::from(StatusCode::NOT_FOUND).matches(StatusCode::GONE));
/// # Ok::<_, rely_core::classify::ParseStatusError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusPattern(Pattern);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Pattern {
    Hundred(u16),
    One(StatusCode),
}

impl StatusPattern {
    /// 100 to 199.
    pub const INFORMATIONAL: Self = Self(Pattern::Hundred(1));
    /// 200 to 299.
    pub const SUCCESSFUL: Self = Self(Pattern::Hundred(2));
    /// 300 to 399.
    pub const REDIRECTION: Self = Self(Pattern::Hundred(3));
    /// 400 to 499.
    pub const CLIENT_ERROR: Self = Self(Pattern::Hundred(4));
    /// 500 to 599.
    pub const SERVER_ERROR: Self = Self(Pattern::Hundred(5));

    /// Whether `status` is meant.
    #[must_use]
    pub fn matches(self, status: StatusCode) -> bool {
        match self.0 {
            Pattern::Hundred(hundred) => status.as_u16() / 100 == hundred,
            Pattern::One(one) => status == one,
        }
    }
}

impl From<StatusCode> for StatusPattern {
    fn from(status: StatusCode) -> Self {
        Self(Pattern::One(status))
    }
}

impl FromStr for StatusPattern {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, ParseStatusError> {
        let pattern = match text.as_bytes() {
            [hundred @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] => {
                Some(Pattern::Hundred(u16::from(hundred - b'0')))
            }
            digits => StatusCode::from_bytes(digits).ok().map(Pattern::One),
        };
        pattern.map(Self).ok_or_else(|| ParseStatusError { text: text.to_owned() })
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Pattern::Hundred(hundred) => write!(f, "{hundred}xx"),
            Pattern::One(status) => f.write_str(status.as_str()),
        }
    }
}

/// A text that is neither a status nor a class of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseStatusError {
    text: String,
}

impl fmt::Display for ParseStatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no HTTP status, allowed: 100 to 999, 1xx to 9xx", self.text)
    }
}

impl std::error::Error for ParseStatusError {}

#[cfg(feature = "serde")]
mod serde_impl {
    use core::fmt;

    use serde::de::{Deserialize, Deserializer, Error, Visitor};
    use serde::ser::{Serialize, Serializer};

    use super::StatusPattern;

    impl Serialize for StatusPattern {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for StatusPattern {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Text;

            impl Visitor<'_> for Text {
                type Value = StatusPattern;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an HTTP status, such as 404, or a class of them, such as \"5xx\"")
                }

                fn visit_str<E: Error>(self, text: &str) -> Result<StatusPattern, E> {
                    text.parse().map_err(E::custom)
                }

                fn visit_u64<E: Error>(self, number: u64) -> Result<StatusPattern, E> {
                    self.visit_str(&number.to_string())
                }

                fn visit_i64<E: Error>(self, number: i64) -> Result<StatusPattern, E> {
                    self.visit_str(&number.to_string())
                }
            }

            deserializer.deserialize_any(Text)
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for StatusPattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusPattern".into()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        "rely_core::StatusPattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An HTTP status, or a class of them.",
            "type": "string",
            "pattern": "^([1-9][0-9]{2}|[1-9][xX]{2})$",
            "examples": ["404", "5xx"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_and_write_back() {
        for text in ["100", "404", "599", "999", "1xx", "5xx", "9xx"] {
            assert_eq!(text.parse::<StatusPattern>().unwrap().to_string(), text);
        }
        assert_eq!("5XX".parse(), Ok(StatusPattern::SERVER_ERROR));
        for text in ["", "0", "99", "099", "1000", "0xx", "5x", "5xxx", "x5x", "4.4", "-04", "4é"]
        {
            let error = text.parse::<StatusPattern>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is no HTTP status")));
        }
    }

    #[test]
    fn classes_hold_their_hundred_and_come_first() {
        let status = |code| StatusCode::from_u16(code).unwrap();
        for (code, within) in [(399, false), (400, true), (499, true), (500, false)] {
            assert_eq!(StatusPattern::CLIENT_ERROR.matches(status(code)), within, "{code}");
        }
        assert!(StatusPattern::SERVER_ERROR < StatusPattern::from(status(100)));
    }
}
