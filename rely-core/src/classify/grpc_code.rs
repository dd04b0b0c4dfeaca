//! The status codes of gRPC.

use core::fmt;
use core::str::FromStr;

use http::StatusCode;

use crate::Class;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal,)+) => {
        /// A gRPC status code.
        ///
        /// The list is gRPC's own, `doc/statuscodes.md` in its repository; there are no others, and a
        /// number outside of it means unknown. Written by name (`"UNAVAILABLE"`) or number (`"14"`).
        ///
        /// ```
        /// use rely_core::classify::GrpcCode;
        ///
        /// assert_eq!(GrpcCode::from_number(14), GrpcCode::Unavailable);
        /// assert_eq!(GrpcCode::from_number(17), GrpcCode::Unknown);
        /// assert_eq!("NOT_FOUND".parse(), Ok(GrpcCode::NotFound));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum GrpcCode {
            $($(#[$doc])* $variant = $number,)+
        }

        impl GrpcCode {
            /// All codes, each at the index that is its number.
            pub const ALL: [Self; 17] = [$(Self::$variant),+];

            /// The name in gRPC's documents.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    /// No error.
    Ok = 0 "OK",
    /// The call was cancelled, as a rule by the caller.
    Cancelled = 1 "CANCELLED",
    /// An error that nothing else is known of.
    Unknown = 2 "UNKNOWN",
    /// The caller sent an argument that can never be right.
    InvalidArgument = 3 "INVALID_ARGUMENT",
    /// The deadline passed before the call was done.
    DeadlineExceeded = 4 "DEADLINE_EXCEEDED",
    /// What was asked for does not exist.
    NotFound = 5 "NOT_FOUND",
    /// What was to be made exists already.
    AlreadyExists = 6 "ALREADY_EXISTS",
    /// The caller is known and may not.
    PermissionDenied = 7 "PERMISSION_DENIED",
    /// A quota or some other resource is used up.
    ResourceExhausted = 8 "RESOURCE_EXHAUSTED",
    /// The system is not in the state that the call needs.
    FailedPrecondition = 9 "FAILED_PRECONDITION",
    /// A conflict between calls, such as a transaction's.
    Aborted = 10 "ABORTED",
    /// Past the valid range, such as the end of a file.
    OutOfRange = 11 "OUT_OF_RANGE",
    /// The server does not offer the method.
    Unimplemented = 12 "UNIMPLEMENTED",
    /// The server broke one of its own invariants.
    Internal = 13 "INTERNAL",
    /// The server cannot be reached or serve now.
    Unavailable = 14 "UNAVAILABLE",
    /// Data is lost or damaged beyond repair.
    DataLoss = 15 "DATA_LOSS",
    /// The caller is not known.
    Unauthenticated = 16 "UNAUTHENTICATED",
}

impl GrpcCode {
    /// The code of a number; unknown if there is none of that number.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        if number < 17 { Self::ALL[number as usize] } else { Self::Unknown }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The code that stands in for an HTTP status, where a peer that does not speak gRPC has answered.
    ///
    /// From `doc/http-grpc-status-mapping.md` in gRPC's repository; 200 without a gRPC status is
    /// unknown there too.
    #[must_use]
    pub const fn from_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502..=504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// What a call that ended so says about the server's health, unless it is told otherwise.
    pub(super) const fn default_class(self) -> Class {
        match self {
            Self::Ok
            | Self::InvalidArgument
            | Self::NotFound
            | Self::AlreadyExists
            | Self::PermissionDenied
            | Self::FailedPrecondition
            | Self::Aborted
            | Self::OutOfRange
            | Self::Unauthenticated => Class::Success,
            Self::Unknown
            | Self::DeadlineExceeded
            | Self::Internal
            | Self::Unavailable
            | Self::DataLoss => Class::Failure,
            Self::ResourceExhausted | Self::Unimplemented => Class::SoftFailure,
            Self::Cancelled => Class::Cancelled,
        }
    }
}

impl fmt::Display for GrpcCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GrpcCode {
    type Err = ParseGrpcCodeError;

    fn from_str(text: &str) -> Result<Self, ParseGrpcCodeError> {
        let named = Self::ALL.into_iter().find(|code| code.as_str() == text);
        let numbered = || text.parse::<usize>().ok().and_then(|n| Self::ALL.get(n).copied());
        named.or_else(numbered).ok_or_else(|| ParseGrpcCodeError { text: text.to_owned() })
    }
}

/// A text that is neither the name nor the number of a gRPC status code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseGrpcCodeError {
    text: String,
}

impl fmt::Display for ParseGrpcCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no gRPC status code, allowed: 0 to 16, OK to UNAUTHENTICATED", self.text)
    }
}

impl std::error::Error for ParseGrpcCodeError {}

#[cfg(feature = "serde")]
mod with_serde {
    use core::fmt;

    use serde::de::{Deserialize, Deserializer, Error, Visitor};
    use serde::ser::{Serialize, Serializer};

    use super::GrpcCode;

    impl Serialize for GrpcCode {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(self.as_str())
        }
    }

    impl<'de> Deserialize<'de> for GrpcCode {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Text;

            impl Visitor<'_> for Text {
                type Value = GrpcCode;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a gRPC status code, such as \"UNAVAILABLE\" or 14")
                }

                fn visit_str<E: Error>(self, text: &str) -> Result<GrpcCode, E> {
                    text.parse().map_err(E::custom)
                }

                fn visit_u64<E: Error>(self, number: u64) -> Result<GrpcCode, E> {
                    self.visit_str(&number.to_string())
                }

                fn visit_i64<E: Error>(self, number: i64) -> Result<GrpcCode, E> {
                    self.visit_str(&number.to_string())
                }
            }

            deserializer.deserialize_any(Text)
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for GrpcCode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GrpcCode".into()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        "rely_core::GrpcCode".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names = Self::ALL.map(Self::as_str).join("|");
        schemars::json_schema!({
            "description": "A gRPC status code, by name or number.",
            "type": "string",
            "pattern": format!("^([0-9]|1[0-6]|{names})$"),
            "examples": ["UNAVAILABLE", "14"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of gRPC's `doc/statuscodes.md`, and what each code says about the server.
    const DOCUMENTED: [(&str, u32, Class); 17] = [
        ("OK", 0, Class::Success),
        ("CANCELLED", 1, Class::Cancelled),
        ("UNKNOWN", 2, Class::Failure),
        ("INVALID_ARGUMENT", 3, Class::Success),
        ("DEADLINE_EXCEEDED", 4, Class::Failure),
        ("NOT_FOUND", 5, Class::Success),
        ("ALREADY_EXISTS", 6, Class::Success),
        ("PERMISSION_DENIED", 7, Class::Success),
        ("RESOURCE_EXHAUSTED", 8, Class::SoftFailure),
        ("FAILED_PRECONDITION", 9, Class::Success),
        ("ABORTED", 10, Class::Success),
        ("OUT_OF_RANGE", 11, Class::Success),
        ("UNIMPLEMENTED", 12, Class::SoftFailure),
        ("INTERNAL", 13, Class::Failure),
        ("UNAVAILABLE", 14, Class::Failure),
        ("DATA_LOSS", 15, Class::Failure),
        ("UNAUTHENTICATED", 16, Class::Success),
    ];

    #[test]
    fn the_list_is_the_documented_one() {
        for (name, number, class) in DOCUMENTED {
            let code: GrpcCode = name.parse().unwrap();
            assert_eq!(code.number(), number, "{name}");
            assert_eq!(code.to_string(), name);
            assert_eq!(GrpcCode::from_number(number), code);
            assert_eq!(number.to_string().parse(), Ok(code));
            assert_eq!(code.default_class(), class, "{name}");
        }
        for number in [17, 18, 255, u32::MAX] {
            assert_eq!(GrpcCode::from_number(number), GrpcCode::Unknown);
        }
        for text in ["", "17", "-1", "ok", "UNAVAILABLE ", "CANCELED"] {
            let error = text.parse::<GrpcCode>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{text:?} is no gRPC status code")));
        }
    }

    #[test]
    fn http_statuses_map_as_documented() {
        for (status, code) in [
            (400, GrpcCode::Internal),
            (401, GrpcCode::Unauthenticated),
            (403, GrpcCode::PermissionDenied),
            (404, GrpcCode::Unimplemented),
            (429, GrpcCode::Unavailable),
            (502, GrpcCode::Unavailable),
            (503, GrpcCode::Unavailable),
            (504, GrpcCode::Unavailable),
            (200, GrpcCode::Unknown),
            (204, GrpcCode::Unknown),
            (302, GrpcCode::Unknown),
            (402, GrpcCode::Unknown),
            (500, GrpcCode::Unknown),
            (501, GrpcCode::Unknown),
            (505, GrpcCode::Unknown),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(GrpcCode::from_http(status), code, "{status}");
        }
    }
}
