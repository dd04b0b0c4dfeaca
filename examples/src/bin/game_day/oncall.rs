//! Who is on call: called once for one trouble, and told what to suspect first.

mod blame;

use std::sync::Arc;
use std::time::Duration;

use blame::Blame;
use rely_core::event::Delivery;
use rely_core::{Clock, ConfigError, Level, Subscriber, Verdict};
use rely_detect::alert::{
    AlertDesk, AlertRule, Alerts, Effect, Flap, Labels, NoData, Notification, NotifyKind,
    Observation, Receiver, Route,
};
use rely_detect::cause::ChangeEvent;
use rely_detect::slo::Severity;

use crate::client::Routes;
use crate::journal::Page;
use crate::load::Customer;
use crate::notes::Notes;
use crate::watch::QueueWatch;

/// What users notice, and what only explains it.
const SYMPTOMS: [&str; 2] = ["error budget", "orders fail"];
const CAUSES: [&str; 3] = ["queue", "breaker", "release"];

/// Somebody else may have something to say within this time before anybody is called.
const GROUP_WAIT: Duration = Duration::from_millis(300);
/// How long an alert has to be gone, and then all of them: together longer than the queue is fast
/// between two spikes, which are one trouble.
const KEEP_FIRING: Duration = Duration::from_secs(1);
const CLOSE_AFTER: Duration = Duration::from_millis(200);

/// The desk where all alerts come together, and who is to blame.
pub(crate) struct OnCall {
    desk: AlertDesk,
    effects: Subscriber<Effect>,
    blame: Blame,
    notes: Notes,
    /// Pages since they were last taken, each with the incident that it is about.
    pages: Vec<(u64, Page)>,
}

impl OnCall {
    pub(crate) fn new(
        clock: &Clock,
        notes: &Notes,
        customers: [&Arc<Customer>; 2],
        routes: &Arc<Routes>,
    ) -> Result<Self, ConfigError> {
        let rule = |name: &&str, severity| AlertRule {
            keep_firing: KEEP_FIRING,
            no_data: NoData::Ok,
            // Three troubles in a minute are three troubles here.
            flap: Flap { half_life: Duration::from_secs(2), ..Flap::default() },
            severity,
            ..AlertRule::new(*name)
        };
        // All of it is one service, so what goes wrong at one time is one incident.
        let mut alerts = Alerts::builder("orders")
            .receiver(Receiver { limit: 100, ..Receiver::new("on call") })
            .route(Route {
                group_wait: GROUP_WAIT,
                close_after: CLOSE_AFTER,
                ..Route::to("on call")
            });
        for name in &SYMPTOMS {
            alerts = alerts.rule(rule(name, Severity::Page));
        }
        for name in &CAUSES {
            alerts = alerts.rule(rule(name, Severity::Ticket));
        }
        let desk = AlertDesk::new(alerts.build()?, clock.clone());
        let effects = desk.subscribe(crate::day::capacity());
        let blame = Blame::new(customers, routes)?;
        Ok(Self { desk, effects, blame, notes: notes.clone(), pages: Vec::new() })
    }

    /// Something was changed, so everybody hears.
    pub(crate) fn changed(&mut self, change: ChangeEvent) {
        self.blame.changed(change);
    }

    /// What a rule says of the series that `name` is the label of.
    pub(crate) fn observe(&self, rule: &str, name: (&str, &str), verdict: &Verdict) {
        self.take_in(rule, name, verdict.into());
    }

    fn take_in(&self, rule: &str, name: (&str, &str), mut seen: Observation) {
        // What is on its way back is no trouble any more: a breaker that nobody calls stays there.
        if seen.level == Level::Degraded {
            seen.level = Level::Healthy;
        }
        self.desk.observe(rule, &Labels::of([name]), seen);
    }

    /// Looks at the queue and at what fails, and lets time pass.
    pub(crate) fn tick(&mut self, queue: &QueueWatch) {
        let reading = queue.reading().filter(rely_detect::Reading::is_taken);
        if let Some(reading) = &reading {
            self.take_in("queue", ("queue", "queue-a"), reading.into());
        }
        self.blame.look(self.notes.clock().now(), reading.as_ref());
        self.desk.tick_asking(&|_| self.blame.first());
        while let Some(Delivery::Event(effect)) = self.effects.try_next() {
            if let Effect::Notify(said) = &*effect {
                self.said(said);
            }
        }
    }

    /// Somebody is told.
    fn said(&mut self, said: &Notification) {
        let at = self.notes.seconds(said.at);
        let suspect = said.suspect.as_ref();
        let blamed = suspect.map_or_else(String::new, |suspect| format!("; suspect: {suspect}"));
        let (word, tone) = match said.kind {
            _ if said.is_page() => ("page", "bad"),
            NotifyKind::Resolved => ("resolved", "good"),
            NotifyKind::New => ("ticket", "warning"),
            kind => (kind.as_str(), "info"),
        };
        let Notification { dedupe_key, summary, .. } = said;
        let label = match said.kind {
            NotifyKind::Resolved => format!("{word}: {dedupe_key}"),
            _ => format!("{word}: {dedupe_key}: {summary}{blamed}"),
        };
        self.notes.note_at(said.at, "alert", label, tone);
        if said.is_page() {
            let (text, suspect) = (summary.clone(), said.suspect.clone());
            let page = Page { at, after: None, text, suspect, right: false, resolved: None };
            self.pages.push((said.incident, page));
        } else if said.kind == NotifyKind::Resolved {
            let pages = self.pages.iter_mut().filter(|(incident, _)| *incident == said.incident);
            pages.for_each(|(_, page)| page.resolved = Some(at));
            if let Some(sentence) = self.blame.first_to_move() {
                self.notes.note_at(said.at, "alert", sentence, "info");
            }
        }
    }

    /// Whether nothing is wrong, as far as anybody has been told.
    pub(crate) fn is_calm(&self) -> bool {
        self.desk.incidents().is_empty()
    }

    /// The pages since the last time.
    pub(crate) fn take_pages(&mut self) -> Vec<Page> {
        self.pages.drain(..).map(|(_, page)| page).collect()
    }
}
