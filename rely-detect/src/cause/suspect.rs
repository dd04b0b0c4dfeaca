use core::fmt;

use rely_core::Instant;

use super::ChangeKind;

/// What may be to blame for an incident, and why.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Suspect {
    /// What it is.
    pub what: What,
    /// How much speaks for it, from 0 to 1; to be compared with those of the same incident.
    pub score: f64,
    /// Why, in words.
    pub reason: String,
    /// When it began.
    pub since: Instant,
}

/// What a [`Suspect`] is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum What {
    /// A change.
    Event {
        /// Its kind.
        kind: ChangeKind,
        /// Its name.
        name: String,
    },
    /// All that carries a label: an instance, a zone, a version, a service.
    Label {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
    /// A single series.
    Series(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { kind, name } => write!(f, "{kind} {name}"),
            Self::Label { key, value } => write!(f, "{key} {value}"),
            Self::Series(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}
