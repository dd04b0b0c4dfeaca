//! What happened, as data: `journal.json`.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `version` | number | 1; a reader refuses any other |
//! | `pace` | text | `full` or `fast` |
//! | `rate` | number | requests sent per second |
//! | `seconds` | number | how long the day took |
//! | `acts[]` | object | `name`, `from`, `to` (seconds), `hypothesis`, `measured`, `held` |
//! | `samples[]` | object | every quarter of a second: see [`Sample`] |
//! | `events[]` | object | `at` (seconds), `kind` (`fault`, `breaker`, `rollout`), `label`, `bad` |
//! | `sums[]` | object | one for the user and one for each version: see [`Sum`] |
//! | `sent` | number | requests that the load sent |
//! | `fired` | number | calls that the fault hit |
//! | `first_bad_seconds` | number or null | when the first bad answer reached the user |
//! | `noticed_seconds` | number or null | when the rollout's signal was first bad after that |
//! | `rolled_back_seconds` | number or null | when the candidate's share was zero again |
//!
//! All times are seconds since the day began.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of the schema that this program writes and reads.
const VERSION: u32 = 1;

/// The whole day.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    pub(crate) version: u32,
    pub(crate) pace: String,
    pub(crate) rate: u32,
    pub(crate) seconds: f64,
    pub(crate) acts: Vec<Act>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) events: Vec<Event>,
    pub(crate) sums: Vec<Sum>,
    pub(crate) sent: u64,
    pub(crate) fired: u64,
    pub(crate) first_bad_seconds: Option<f64>,
    pub(crate) noticed_seconds: Option<f64>,
    pub(crate) rolled_back_seconds: Option<f64>,
}

/// A stretch of the day with something that has to be true of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    pub(crate) name: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) hypothesis: String,
    pub(crate) measured: String,
    pub(crate) held: bool,
}

/// The state of everything at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    /// Seconds since the day began.
    pub(crate) at: f64,
    /// The user's availability since the sample before; absent if nothing ended.
    pub(crate) availability: Option<f64>,
    /// The 99th percentile of the user's successes over the meter's window, in milliseconds.
    pub(crate) p99_ms: Option<f64>,
    /// The candidate's share of traffic, 0 to 1.
    pub(crate) share: f64,
    /// The candidate's failure share over the detector's window.
    pub(crate) candidate_failures: Option<f64>,
    /// The bounds of the detector's interval around it.
    pub(crate) candidate_bounds: Option<(f64, f64)>,
    /// The level of the rollout's signal.
    pub(crate) verdict: String,
    /// Why.
    pub(crate) reason: String,
    /// The candidate's breaker.
    pub(crate) breaker: String,
}

/// Something that happened at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) at: f64,
    pub(crate) kind: String,
    pub(crate) label: String,
    pub(crate) bad: bool,
}

/// What the calls of the whole day came to, seen from one place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sum {
    pub(crate) name: String,
    pub(crate) success: u64,
    pub(crate) failure: u64,
    pub(crate) rejected: u64,
    pub(crate) cancelled: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
}

impl Sum {
    /// The share of successes in percent.
    pub(crate) fn percent(&self) -> Option<f64> {
        let all = self.success + self.failure + self.rejected;
        (all > 0).then(|| 100.0 * self.success as f64 / all as f64)
    }
}

impl Journal {
    pub(crate) fn new(pace: &str, rate: u32) -> Self {
        Self {
            version: VERSION,
            pace: pace.to_owned(),
            rate,
            seconds: 0.0,
            acts: Vec::new(),
            samples: Vec::new(),
            events: Vec::new(),
            sums: Vec::new(),
            sent: 0,
            fired: 0,
            first_bad_seconds: None,
            noticed_seconds: None,
            rolled_back_seconds: None,
        }
    }

    /// Reads a journal of this version.
    pub(crate) fn read(text: &str) -> Result<Self, crate::BoxError> {
        let any: serde_json::Value = serde_json::from_str(text)?;
        let version = any.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(u64::from(VERSION)) {
            let found = version.map_or_else(|| "none".into(), |version| version.to_string());
            return Err(format!("the journal's version is {found}, allowed: {VERSION}").into());
        }
        Ok(serde_json::from_value(any)?)
    }

    /// Whether there were hypotheses and all of them held.
    pub(crate) fn held(&self) -> bool {
        !self.acts.is_empty() && self.acts.iter().all(|act| act.held)
    }

    /// From the first bad answer to the candidate's share at zero.
    pub(crate) fn rollback_time(&self) -> Option<f64> {
        Some(self.rolled_back_seconds? - self.first_bad_seconds?)
    }

    /// Whether the fault hit calls, and the candidate went back within `limit` after the first bad
    /// answer. One that went back before had another reason.
    pub(crate) fn took_itself_back(&self, limit: Duration) -> bool {
        let within = |time: f64| (0.0..=limit.as_secs_f64()).contains(&time);
        self.fired > 0 && self.rollback_time().is_some_and(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let mut journal = Journal::new("fast", 300);
        journal.first_bad_seconds = Some(15.0);
        journal.rolled_back_seconds = Some(15.5);
        journal.acts.push(Act {
            name: "steady".into(),
            from: 0.0,
            to: 5.0,
            hypothesis: "all is well".into(),
            measured: "it was".into(),
            held: true,
        });
        journal
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = serde_json::to_string(&journal()).unwrap();
        let read = Journal::read(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.rollback_time(), Some(0.5));
    }

    #[test]
    fn other_versions_and_unknown_fields_are_refused() {
        let text = serde_json::to_string(&journal()).unwrap();
        let newer = text.replace("\"version\":1", "\"version\":2");
        let error = Journal::read(&newer).unwrap_err().to_string();
        assert_eq!(error, "the journal's version is 2, allowed: 1");
        assert!(Journal::read(&text.replace("\"pace\"", "\"peace\"")).is_err());
        assert!(Journal::read("{}").is_err());
    }

    #[test]
    fn a_rollback_counts_only_if_the_fault_caused_it() {
        let limit = Duration::from_secs(3);
        let holds = |fired, bad, back| {
            let mut journal = journal();
            (journal.fired, journal.first_bad_seconds) = (fired, bad);
            journal.rolled_back_seconds = back;
            journal.took_itself_back(limit)
        };
        assert!(holds(9, Some(15.0), Some(15.5)));
        assert!(holds(9, Some(15.0), Some(18.0)), "met exactly");
        assert!(!holds(9, Some(15.0), Some(18.001)), "too late");
        assert!(!holds(0, Some(15.0), Some(15.5)), "the fault never fired");
        assert!(!holds(9, None, Some(15.5)), "the user saw nothing of it");
        assert!(!holds(9, Some(15.0), None), "nobody took it back");
        assert!(!holds(9, Some(15.0), Some(14.9)), "it was back before");
    }

    #[test]
    fn a_day_without_hypotheses_proves_nothing() {
        assert!(!Journal::new("fast", 300).held());
        let mut journal = journal();
        assert!(journal.held());
        journal.acts[0].held = false;
        assert!(!journal.held());
    }
}
