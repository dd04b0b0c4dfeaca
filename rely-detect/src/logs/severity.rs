use core::fmt;

/// How bad a line says it is. Exhaustive by nature: the many names of levels come down to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Severity {
    /// `TRACE`, `DEBUG`, `FINE` and the like.
    Debug,
    /// `INFO`, `NOTICE`, `LOG`.
    Info,
    /// `WARN`, `WARNING`.
    Warn,
    /// `ERROR` and everything worse.
    Error,
}

impl Severity {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level that goes by that name, in syslog and in the usual libraries.
    pub(super) fn from_word(word: &[u8]) -> Option<Self> {
        // Most words are ruled out by their length.
        if !(3..=9).contains(&word.len()) {
            return None;
        }
        let is =
            |names: &[&str]| names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        if is(&[
            "error",
            "err",
            "fatal",
            "crit",
            "critical",
            "panic",
            "severe",
            "alert",
            "emerg",
            "emergency",
        ]) {
            Some(Self::Error)
        } else if is(&["warn", "warning"]) {
            Some(Self::Warn)
        } else if is(&["info", "notice", "log"]) {
            Some(Self::Info)
        } else if is(&["debug", "trace", "fine", "finer", "finest", "verbose"]) {
            Some(Self::Debug)
        } else {
            None
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
