//! What people tell the machine.

use core::fmt;

use super::mute::Silence;

/// Something that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Command {
    /// I look after this incident: no escalation and no reminders.
    Acknowledge {
        /// Its number.
        incident: u64,
        /// Who.
        by: String,
    },
    /// Nobody looks after this incident any more: the escalation goes on.
    Unacknowledge {
        /// Its number.
        incident: u64,
    },
    /// This is the likeliest suspect of the incident.
    Suspect {
        /// Its number.
        incident: u64,
        /// Who is to blame, in a few words.
        suspect: String,
    },
    /// One incident is a part of another one: they have one cause.
    Merge {
        /// The one that ends.
        from: u64,
        /// The one that goes on.
        into: u64,
    },
    /// Do not tell about some alerts for a while. An id that is taken is replaced.
    Silence {
        /// Chosen by who wants it.
        id: String,
        /// Which alerts, and when.
        silence: Silence,
    },
    /// The silence is over.
    Expire {
        /// Its id.
        id: String,
    },
}

/// Why a command was not carried out. Then nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no open incident of this number.
    NoIncident(u64),
    /// There is no silence of this id.
    NoSilence(String),
    /// The silence has no matchers, or does not end after it begins, or comes back before it ends.
    BadSilence,
    /// There are as many silences as there may be.
    TooManySilences,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIncident(id) => write!(f, "there is no open incident {id}"),
            Self::NoSilence(id) => write!(f, "there is no silence {id}"),
            Self::BadSilence => f.write_str(
                "a silence needs 1 to 16 matchers, ends after it begins and before it comes back",
            ),
            Self::TooManySilences => f.write_str("there are as many silences as there may be"),
        }
    }
}

impl std::error::Error for CommandError {}
