//! What happened, as data: `journal.json`.
//!
//! | field | type | meaning |
//! |---|---|---|
//! | `version` | number | 3; a reader refuses any other: 2 had no pages |
//! | `pace` | text | `full` or `fast` |
//! | `sabotage` | text or null | what `--sabotage` was given |
//! | `interrupted` | bool | whether somebody stopped the day before its end |
//! | `rate` | number | orders a second, of each client |
//! | `objective_ms` | number | the latency that an answer must not exceed to count as good |
//! | `seconds` | number | how long the day took |
//! | `acts[]` | object | what was tried, and what came of it: see [`Act`] |
//! | `samples[]` | object | everything at one moment, ten times a second: see [`Sample`] |
//! | `events[]` | object | `at` (seconds), `kind` (`fault`, `breaker`, `detector`, `rollout`, `drift`, `alert`, `day`), `label`, `tone` (`good`, `warning`, `bad`, `info`) |
//! | `clients[]` | object | the sums of each client over the day: see [`Sum`] |
//!
//! All times are seconds since the day began, all shares are from 0 to 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the schema that this program writes and reads.
const VERSION: u32 = 3;

/// The whole day.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    pub(crate) version: u32,
    pub(crate) pace: String,
    pub(crate) sabotage: Option<String>,
    pub(crate) interrupted: bool,
    pub(crate) rate: u32,
    pub(crate) objective_ms: u64,
    pub(crate) seconds: f64,
    pub(crate) acts: Vec<Act>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) events: Vec<Event>,
    pub(crate) clients: Vec<Sum>,
}

/// One act: an experiment with its hypothesis.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    pub(crate) name: String,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// What is to be shown, in a sentence.
    pub(crate) hypothesis: String,
    /// What would have ended it early.
    pub(crate) abort: String,
    /// How the experiment ended, as `rely-chaos` names it: `held`, `refuted`, `not_proven`,
    /// `not_steady`, `not_recovered`, `aborted`, `stopped` or `failed`.
    pub(crate) conclusion: String,
    /// The conclusion with its reason; empty if it held.
    pub(crate) because: String,
    /// What happened, in a few sentences; of an act that did not hold, only why.
    pub(crate) story: String,
    pub(crate) claims: Vec<Claim>,
    pub(crate) faults: Vec<Fault>,
    /// Orders of each client in this act.
    pub(crate) clients: BTreeMap<String, Share>,
    /// From what went wrong to when it was noticed, in seconds.
    pub(crate) detection: Option<f64>,
    /// From what went wrong to when it was taken back, in seconds.
    pub(crate) recovery: Option<f64>,
    /// How often somebody should have been called: once where users notice, else never.
    pub(crate) pages_expected: u64,
    /// Each time that somebody was.
    pub(crate) pages: Vec<Page>,
}

/// Somebody was called.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) at: f64,
    /// From what went wrong to the call, in seconds.
    pub(crate) after: Option<f64>,
    /// What was said.
    pub(crate) text: String,
    /// What was named as the first suspect.
    pub(crate) suspect: Option<String>,
    /// Whether that is what the act had done.
    pub(crate) right: bool,
    /// When it was told that it is over.
    pub(crate) resolved: Option<f64>,
}

impl Act {
    pub(crate) fn held(&self) -> bool {
        self.conclusion == "held" && self.claims.iter().all(|claim| claim.held)
    }
}

/// One statement that an act has to prove.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) measured: String,
    pub(crate) held: bool,
}

/// What a claim is about. Ordered by what explains the others: a fault that never fired also leaves
/// nothing to be noticed, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Every fault did something.
    Fired,
    /// A detector noticed it, in time.
    Noticed,
    /// A breaker opened.
    Broke,
    /// The candidate was taken back, by itself and in time.
    RolledBack,
    /// What runs is what was last known to be good.
    Restored,
    /// What the user is promised, and what the act is there to show.
    Promised,
}

impl Kind {
    /// The exit code of a day on which this was the first to fail.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Fired => 10,
            Self::Noticed => 11,
            Self::Broke => 12,
            Self::RolledBack => 13,
            Self::Promised => 14,
            Self::Restored => 15,
        }
    }

    /// What it means that such a claim failed.
    pub(crate) const fn failure(self) -> &'static str {
        match self {
            Self::Fired => "a fault never fired, so nothing was proved",
            Self::Noticed => "nobody noticed in time that something was wrong",
            Self::Broke => "no circuit breaker opened in time",
            Self::RolledBack => "a bad release was not taken back",
            Self::Restored => "what runs is not the last known good release",
            Self::Promised => "a hypothesis is false",
        }
    }
}

/// A thing that was made to go wrong, and the proof that it did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) name: String,
    /// How often it did something: calls that it hit, instances that it killed, orders that met the
    /// release or the change.
    pub(crate) fired: u64,
    /// How many it had to.
    pub(crate) needed: u64,
}

/// Orders within the objective, of so many.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) within: u64,
    pub(crate) total: u64,
    /// Requests that the client made of them.
    pub(crate) upstream: u64,
}

impl Share {
    pub(crate) fn percent(self) -> Option<f64> {
        (self.total > 0).then(|| 100.0 * self.within as f64 / self.total as f64)
    }
}

/// The state of everything at one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    pub(crate) at: f64,
    /// What is wrong on purpose: whether it is, by name.
    pub(crate) faults: BTreeMap<String, bool>,
    /// Each client's share of orders within the objective since the sample before; absent if none was
    /// decided.
    pub(crate) within: BTreeMap<String, Option<f64>>,
    /// What the probes of the queue say, and what the detector makes of it.
    pub(crate) queue: Option<Queue>,
    /// The candidate's share of traffic.
    pub(crate) candidate: f64,
    /// The failure share of the attempts on the candidate that have ended since the sample before.
    pub(crate) candidate_failures: Option<f64>,
    /// How fast the error budget of each client burns: 1 uses it up exactly.
    pub(crate) burn_rates: BTreeMap<String, Option<f64>>,
    /// The state of each breaker.
    pub(crate) breakers: BTreeMap<String, String>,
    /// The level of each verdict.
    pub(crate) verdicts: BTreeMap<String, String>,
}

/// A reading of the detector.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Queue {
    pub(crate) latency_ms: f64,
    pub(crate) expected_ms: Option<f64>,
    pub(crate) band_ms: Option<(f64, f64)>,
    pub(crate) p_value: Option<f64>,
}

/// Something that happened at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) at: f64,
    pub(crate) kind: String,
    pub(crate) label: String,
    pub(crate) tone: String,
}

/// What one client's day came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sum {
    pub(crate) name: String,
    pub(crate) orders: Share,
    /// Latencies since an order was due, good answers only.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// Messages that the queue was sent because of its orders.
    pub(crate) enqueued: u64,
}

impl Journal {
    pub(crate) fn new(pace: &str, rate: u32, objective: core::time::Duration) -> Self {
        Self {
            version: VERSION,
            pace: pace.to_owned(),
            sabotage: None,
            interrupted: false,
            rate,
            objective_ms: u64::try_from(objective.as_millis()).unwrap_or(u64::MAX),
            seconds: 0.0,
            acts: Vec::new(),
            samples: Vec::new(),
            events: Vec::new(),
            clients: Vec::new(),
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

    /// Whether the whole day was played and everything held.
    pub(crate) fn held(&self) -> bool {
        !self.interrupted && self.acts.len() == crate::ACTS && self.acts.iter().all(Act::held)
    }

    /// The claim that explains best why the day failed, if that was because of a claim: an act that was
    /// cut short judged none.
    pub(crate) fn failure(&self) -> Option<(&Act, &Claim)> {
        let act = self.acts.iter().find(|act| !act.held())?;
        let judged = ["held", "refuted", "not_proven"].contains(&act.conclusion.as_str());
        let act = Some(act).filter(|_| judged)?;
        let failed = act.claims.iter().filter(|claim| !claim.held);
        failed.min_by_key(|claim| claim.kind).map(|claim| (act, claim))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(kind: Kind, held: bool) -> Claim {
        Claim { kind, text: "so it is".into(), measured: "so it was".into(), held }
    }

    fn act(claims: Vec<Claim>) -> Act {
        Act {
            name: "steady".into(),
            from: 0.0,
            to: 5.0,
            hypothesis: "all is well".into(),
            abort: "all is lost".into(),
            conclusion: "held".into(),
            because: String::new(),
            story: String::new(),
            claims,
            faults: Vec::new(),
            clients: BTreeMap::new(),
            detection: None,
            recovery: None,
            pages_expected: 0,
            pages: Vec::new(),
        }
    }

    fn journal(acts: usize) -> Journal {
        let mut journal = Journal::new("fast", 300, core::time::Duration::from_millis(500));
        journal.acts = vec![act(vec![claim(Kind::Promised, true)]); acts];
        journal
    }

    #[test]
    fn what_is_written_can_be_read() {
        let text = serde_json::to_string(&journal(2)).unwrap();
        let read = Journal::read(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn other_versions_and_unknown_fields_are_refused() {
        let text = serde_json::to_string(&journal(1)).unwrap();
        let older = text.replace("\"version\":3", "\"version\":2");
        let error = Journal::read(&older).unwrap_err().to_string();
        assert_eq!(error, "the journal's version is 2, allowed: 3");
        assert!(Journal::read(&text.replace("\"pace\"", "\"peace\"")).is_err());
        assert!(Journal::read("{}").is_err());
    }

    #[test]
    fn only_a_whole_day_without_a_failure_holds() {
        assert!(journal(crate::ACTS).held());
        assert!(!journal(crate::ACTS - 1).held(), "an act is missing");
        assert!(!Journal { interrupted: true, ..journal(crate::ACTS) }.held());
        let mut refuted = journal(crate::ACTS);
        refuted.acts[1].conclusion = "refuted".into();
        assert!(!refuted.held());
        let mut failed = journal(crate::ACTS);
        failed.acts[1].claims.push(claim(Kind::Broke, false));
        assert!(!failed.held());
    }

    #[test]
    fn the_failure_named_is_the_one_that_explains_the_others() {
        assert!(journal(crate::ACTS).failure().is_none());
        let mut journal = journal(crate::ACTS);
        journal.acts[2].claims = vec![claim(Kind::Promised, false), claim(Kind::Fired, true)];
        journal.acts[2].claims.push(claim(Kind::Broke, false));
        journal.acts[3].claims = vec![claim(Kind::Fired, false)];
        let (_, first) = journal.failure().unwrap();
        assert_eq!(first.kind, Kind::Broke, "of the first act that failed");
        journal.acts[2].conclusion = "aborted".into();
        assert!(journal.failure().is_none(), "nothing was judged");
    }

    #[test]
    fn exit_codes_differ() {
        let kinds = [
            Kind::Fired,
            Kind::Noticed,
            Kind::Broke,
            Kind::RolledBack,
            Kind::Restored,
            Kind::Promised,
        ];
        let codes: std::collections::BTreeSet<u8> =
            kinds.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes.len(), kinds.len());
        assert!(codes.iter().all(|code| *code >= 10), "1 to 3 and 130 mean other things");
    }
}
