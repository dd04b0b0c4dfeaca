use core::fmt;

use rely_core::Instant;

use super::severity::Severity;
use super::template::TemplateId;
use crate::Reading;

/// Something about a log that is worth to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LogEvent {
    /// A line that is like none before, where new ones have become rare.
    New {
        /// When.
        at: Instant,
        /// Its template.
        template: TemplateId,
        /// The template as it began: the line, but for values.
        text: String,
        /// How bad the line says it is.
        severity: Option<Severity>,
        /// How likely it was that the line is a new one.
        p_value: f64,
    },
    /// More new templates came in a step than are told one by one.
    NewSuppressed {
        /// The end of the step.
        at: Instant,
        /// How many were not told.
        templates: u64,
    },
    /// A template came to cover more lines than before.
    Generalised {
        /// When.
        at: Instant,
        /// The template, whose id stays.
        template: TemplateId,
        /// How many others it took in.
        merged: u32,
    },
    /// A template that came regularly stays away.
    Vanished {
        /// The end of the step in which that became plain.
        at: Instant,
        /// The template.
        template: TemplateId,
        /// When its last line came.
        last_seen: Instant,
        /// How likely so long an absence is, with as many templates as are watched.
        p_value: f64,
    },
    /// A template that had vanished is there again.
    Returned {
        /// The end of the step in which it came.
        at: Instant,
        /// The template.
        template: TemplateId,
    },
    /// How often a template comes began or ceased to be an alarm.
    Rate {
        /// The template.
        template: TemplateId,
        /// What its detector says; the value is the number of lines in a step.
        reading: Reading,
    },
    /// The share of lines that say they are errors began or ceased to be an alarm.
    Errors {
        /// What the detector says; the value is the share of a step's lines.
        reading: Reading,
    },
}

impl fmt::Display for LogEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { template, text, p_value, .. } => {
                write!(f, "new template {template}, p {p_value:.1e}: {text}")
            }
            Self::NewSuppressed { templates, .. } => write!(f, "{templates} more new templates"),
            Self::Generalised { template, merged: 0, .. } => {
                write!(f, "{template} covers more lines")
            }
            Self::Generalised { template, merged, .. } => {
                write!(f, "{template} covers more lines and took in {merged} templates")
            }
            Self::Vanished { template, p_value, .. } => {
                write!(f, "{template} stays away, p {p_value:.1e}")
            }
            Self::Returned { template, .. } => write!(f, "{template} is back"),
            Self::Rate { template, reading } => write!(f, "lines of {template}: {reading}"),
            Self::Errors { reading } => write!(f, "share of errors: {reading}"),
        }
    }
}
