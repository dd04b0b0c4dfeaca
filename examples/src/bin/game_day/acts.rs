//! The five acts: what is tried, what has to be true, and what would end it early.

mod brownout;
mod canary;
mod drift;
mod steady;
mod zone;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use brownout::brownout;
pub(crate) use canary::{canary, judge};
pub(crate) use drift::drift;
use rely_chaos::experiment::{Experiment, ExperimentBuilder, ExperimentReport};
use rely_core::{Instant, Level, Signal, Verdict};
use rely_detect::cause::{ChangeEvent, ChangeKind};
pub(crate) use steady::steady;
pub(crate) use zone::zone;

use crate::BoxError;
use crate::day::{Day, PROMISE};
use crate::journal::{Act, Claim, Fault, Kind};
use crate::load::{Count, Customer, OBJECTIVE};

/// What ends any act early.
pub(crate) const ABORT: &str = "most of the protected client's orders fail";

/// At or below this share the naive client is visibly in trouble.
const TROUBLE: f64 = 0.97;

/// An act before it is played.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) hypothesis: String,
    pub(crate) experiment: Experiment,
    /// What each of the experiment's checks is about, by its name.
    pub(crate) claims: Vec<(Kind, String)>,
    /// What each action changes, by its name: what anybody who is called is told.
    pub(crate) changes: Vec<ChangeEvent>,
    /// How often somebody is to be called.
    pub(crate) pages: u64,
    /// The action with which users' trouble begins; empty for the first.
    pub(crate) trouble: &'static str,
    /// About how long it takes.
    pub(crate) length: Duration,
    /// Tells its story once it is over.
    pub(crate) finish: Box<dyn FnOnce(&mut Act) + Send>,
}

/// A plan in the making.
struct Draft {
    name: &'static str,
    hypothesis: String,
    experiment: ExperimentBuilder,
    claims: Vec<(Kind, String)>,
    changes: Vec<ChangeEvent>,
    pages: u64,
    trouble: &'static str,
}

impl Draft {
    /// An act in which orders have to be answered before and after, and that ends early in a disaster.
    fn new(day: &Day, name: &'static str, hypothesis: impl Into<String>) -> Self {
        // The orders decided by now tell how it was when the last of them were due. So the steady
        // state is back only once it is known what became of every order of the method.
        let served = Arc::clone(&day.served);
        let answered = move |now| {
            let verdict = served.verdict(now);
            Verdict { as_of: verdict.as_of - OBJECTIVE, ..verdict }
        };
        let experiment = Experiment::builder(name)
            .clock(day.clock.clone())
            .kill_switch(&day.kill_switch)
            .interval(Duration::from_millis(50))
            .settle_within(Duration::from_secs(5))
            .recover_within(Duration::from_secs(5))
            .steady_state("the protected client's orders are answered", answered)
            .abort_if(ABORT, Arc::clone(&day.disaster));
        let (claims, changes) = (Vec::new(), Vec::new());
        Self {
            name,
            hypothesis: hypothesis.into(),
            experiment,
            claims,
            changes,
            pages: 0,
            trouble: "",
        }
    }

    /// Changes the experiment.
    fn with(mut self, change: impl FnOnce(ExperimentBuilder) -> ExperimentBuilder) -> Self {
        self.experiment = change(self.experiment);
        self
    }

    /// The experiment's action of that name changes what carries this label.
    fn changes(mut self, kind: ChangeKind, action: &str, label: (&str, &str)) -> Self {
        let change = ChangeEvent::new(Instant::ORIGIN, kind, action);
        self.changes.push(change.with_labels([label]));
        self
    }

    /// Users notice nothing before the experiment's action of that name.
    fn trouble_from(self, action: &'static str) -> Self {
        Self { trouble: action, ..self }
    }

    /// Something that has to be true at the end of the method, while what went wrong is still there.
    /// `measure` says whether it is, unless that cannot be told, and what was measured.
    fn claim<M>(mut self, kind: Kind, text: impl Into<String>, measure: M) -> Self
    where
        M: Fn(Instant) -> (Option<bool>, String) + Send + Sync + 'static,
    {
        let text = text.into();
        self.experiment = self.experiment.at_end(text.as_str(), signal(measure));
        self.claims.push((kind, text));
        self
    }

    /// The client keeps what the user is promised.
    fn promised(self, client: &Arc<Customer>) -> Self {
        let text = format!("{} client: {} % within the objective", client.name(), 100.0 * PROMISE);
        self.share(client, text, |share| share >= PROMISE)
    }

    /// The client does not: else the act would be too harmless to show anything. Somebody is called.
    fn in_trouble(mut self, client: &Arc<Customer>) -> Self {
        self.pages = 1;
        let text =
            format!("{} client: at most {} % within the objective", client.name(), 100.0 * TROUBLE);
        self.share(client, text, |share| share <= TROUBLE)
    }

    /// What became of the orders, told once all those of the method have an end.
    fn share(
        mut self,
        client: &Arc<Customer>,
        text: String,
        holds: impl Fn(f64) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (client, before) = (Arc::clone(client), client.count());
        let signal = signal(move |_| {
            let count = client.count().since(before);
            (count.share().map(&holds), in_words(count))
        });
        self.experiment = self.experiment.after_rollback(text.as_str(), signal);
        self.claims.push((Kind::Promised, text));
        self
    }

    /// `length` is that of the method.
    fn plan(
        self,
        length: Duration,
        finish: impl FnOnce(&mut Act) + Send + 'static,
    ) -> Result<Plan, BoxError> {
        Ok(Plan {
            name: self.name,
            hypothesis: self.hypothesis,
            experiment: self.experiment.build()?,
            claims: self.claims,
            changes: self.changes,
            pages: self.pages,
            trouble: self.trouble,
            length: length + OBJECTIVE,
            finish: Box::new(finish),
        })
    }
}

fn signal<M>(measure: M) -> impl Signal + 'static
where
    M: Fn(Instant) -> (Option<bool>, String) + Send + Sync + 'static,
{
    move |now| {
        let (held, measured) = measure(now);
        let level = match held {
            Some(true) => Level::Healthy,
            Some(false) => Level::Unhealthy,
            None => Level::Unknown,
        };
        Verdict::new(level, now).because(measured)
    }
}

fn in_words(count: Count) -> String {
    let percent = 100.0 * count.share().unwrap_or(0.0);
    format!("{} of {}, {percent:.2} %", count.within, count.total())
}

/// A time limit as a claim: what never happened has not met it.
fn within(took: Option<f64>, limit: Duration) -> (Option<bool>, String) {
    match took {
        Some(took) => (Some(took <= limit.as_secs_f64()), format!("{took:.2} s")),
        None => (Some(false), "never".into()),
    }
}

/// What the experiment says about each claim, and about its faults.
pub(crate) fn claims(claims: &[(Kind, String)], report: &ExperimentReport) -> Vec<Claim> {
    let mut all: Vec<Claim> = report
        .faults
        .iter()
        .map(|fault| Claim {
            kind: Kind::Fired,
            text: format!("fault: {}", fault.action),
            measured: format!("fired {} times", fault.fired),
            held: fault.is_enough(),
        })
        .collect();
    for (kind, text) in claims {
        let check = report.check(text);
        let verdict = check.and_then(|check| check.verdict.as_ref());
        let measured = verdict.map_or("not judged".into(), |verdict| verdict.reason.to_string());
        let held = check.is_some_and(|check| check.held);
        all.push(Claim { kind: *kind, text: text.clone(), measured, held });
    }
    all
}

pub(crate) fn faults(report: &ExperimentReport) -> Vec<Fault> {
    let faults = report.faults.iter();
    faults
        .map(|fault| Fault { name: fault.action.clone(), fired: fault.fired, needed: fault.needed })
        .collect()
}
