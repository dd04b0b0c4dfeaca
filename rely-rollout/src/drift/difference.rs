use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// How many settings or files a line names.
const NAMED: usize = 5;

/// One thing at one instance that is not as declared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Difference {
    /// Where.
    pub instance: Arc<str>,
    /// What.
    pub what: Drift,
}

/// What can differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Drift {
    /// A declared instance never reported.
    Missing,
    /// An instance reports that nobody declared.
    Unexpected,
    /// The last report is too old to say anything.
    Stale {
        /// How old it is.
        #[cfg_attr(feature = "serde", serde(with = "rely_core::config::duration"))]
        age: Duration,
    },
    /// Another build runs.
    Code {
        /// The declared one.
        declared: Arc<str>,
        /// The one that runs.
        running: Arc<str>,
    },
    /// It runs with other settings.
    Config {
        /// Those that are there and should not, should be there and are not, or have other values.
        settings: Vec<Arc<str>>,
    },
    /// It runs with other files.
    Files {
        /// Those that are there and should not, should be there and are not, or differ.
        paths: Vec<Arc<str>>,
    },
}

impl Drift {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Stale { .. } => "stale",
            Self::Code { .. } => "code",
            Self::Config { .. } => "config",
            Self::Files { .. } => "files",
        }
    }

    /// Whether it is known that something else runs, rather than not known what runs.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !matches!(self, Self::Missing | Self::Stale { .. })
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("never reported"),
            Self::Unexpected => f.write_str("not declared"),
            Self::Stale { age } => write!(f, "last reported {age:?} ago"),
            Self::Code { declared, running } => {
                write!(f, "other code, {running} instead of {declared}")
            }
            Self::Config { settings } => write!(f, "other configuration, {}", some_of(settings)),
            Self::Files { paths } => write!(f, "other files, {}", some_of(paths)),
        }
    }
}

/// The first few names, for a line that can be read.
fn some_of(names: &[Arc<str>]) -> String {
    match names.split_at_checked(NAMED) {
        Some((first, more)) if !more.is_empty() => {
            format!("{} and {} more", first.join(", "), more.len())
        }
        _ => names.join(", "),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.instance, self.what)
    }
}
