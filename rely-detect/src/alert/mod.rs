//! Alerts: from what is seen to who is told, once for one cause.
//!
//! [`Alerts`] is a plain machine: [observations](Observation) and [commands](Command) come in with
//! their instant, [effects](Effect) come out of [`Alerts::tick`]. [`AlertDesk`] puts it into service.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Instant, Level};
//! use rely_detect::alert::{AlertRule, Alerts, Confirm, Effect, Labels, Observation, Route};
//!
//! let rule = AlertRule {
//!     confirm: Confirm::For(Duration::from_secs(60)),
//!     runbook: Some("https://runbooks.example/latency".to_owned()),
//!     ..AlertRule::new("latency")
//! };
//! let route = Route { group_by: vec!["service".to_owned()], ..Route::to("pager") };
//! let mut alerts = Alerts::builder("shop").rule(rule).route(route).build()?;
//!
//! let at = |seconds| Instant::ORIGIN + Duration::from_secs(seconds);
//! let zone = |zone| Labels::of([("service", "orders"), ("zone", zone)]);
//! let bad = || Observation::new(Level::Unhealthy).suspect("deploy 42");
//! let mut pages = Vec::new();
//! for second in 0..300 {
//!     alerts.observe(at(second), "latency", &zone("a"), bad());
//!     alerts.observe(at(second), "latency", &zone("b"), bad());
//!     let notes = alerts.tick(at(second)).into_iter().filter_map(|effect| match effect {
//!         Effect::Notify(note) => Some(*note),
//!         _ => None,
//!     });
//!     pages.extend(notes);
//! }
//! // Two alerts, one incident, one page: a minute to make sure, half a minute for others to join.
//! assert_eq!(pages.len(), 1);
//! assert_eq!((pages[0].at, pages[0].active), (at(90), 2));
//! assert_eq!(pages[0].suspect.as_deref(), Some("deploy 42"));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # States
//!
//! inactive → pending → firing → recovering → resolved, and from there to pending again. What is due
//! by time happens at the moment that it is due, however often anybody ticks; but what is seen at that
//! very moment comes first, so observe before you tick.
//!
//! # Rules
//!
//! | rule | what holds |
//! |---|---|
//! | A1 condition | a value that meets `enter` exactly is bad; unhealthy is worse than degraded |
//! | A2 for | bad without a break for `for`, met exactly, fires; anything else in between begins anew |
//! | A3 count | `bad` of the last `of` observations fire, in any order |
//! | A4 hysteresis | what fires stops at values below `leave`; in between nothing begins or ends |
//! | A5 keep firing | it is resolved when it was good without a break for `keep_firing`, met exactly |
//! | A6 no data | what is unknown keeps the state, is bad, or is good; kept, nothing fires or resolves |
//! | A7 stale | an observation counts for `stale_after`, and no longer than it says itself |
//! | A8 group | alerts of a route with the same `group_by` labels are one incident |
//! | A9 group wait | somebody is called `group_wait` after the first alert, unless it is over by then |
//! | A10 group interval | alerts that join or end are told `group_interval` after the last word |
//! | A11 repeat | without news it is said again after `repeat`, unless it is acknowledged |
//! | A12 cause | alerts that name one cause, or another alert as it, are one incident |
//! | A13 inhibition | target and source are one incident, whichever came first, and a target is no news |
//! | A14 silence | nobody is told from its start to before its end; what fires then still is told |
//! | A15 maintenance | a silence that comes back `every` so often |
//! | A16 rate limit | a receiver is told `limit` times in any `per`; calls wait, news comes later |
//! | A17 escalation | each step comes `after` the one before, unless somebody acknowledges |
//! | A18 acknowledgement | it is over when taken back or after `acknowledged_for`; steps count from then |
//! | A19 flapping | from `enter` changes on one word is told, and nobody is called until it is calm or stays bad for longer than it ever did |
//! | A20 close | an incident is over `close_after` after its last alert; what comes before belongs to it |
//! | A21 severity | an incident that becomes more urgent than was told is told again at once |
//! | A22 route | the first route whose matchers all match takes an alert |
//! | A23 room | at `max_series` quiet ones give way, and none that fires; else the new one is refused |
//! | A24 suspect | a call names the first suspect that was given; a command puts one in front |
//!
//! Each has cases in `tests/alert_cases.json`.
//!
//! Whatever is not told is an [`Effect::Held`] with its reason, and counted in [`Alerts::held`].

mod command;
mod config;
mod desk;
mod effect;
mod flap;
mod hygiene;
mod incident;
mod labels;
mod limit;
mod link;
mod machine;
mod mute;
mod notify;
mod observation;
#[cfg(feature = "serde")]
mod pairs;
mod replay;
mod rule;
mod series;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, CommandError};
pub use config::{AlertsConfig, Escalation, Inhibition, Receiver, Route};
pub use desk::{AlertDesk, AlertDriver, Desk};
pub use effect::{Counts, Effect, Notification, NotifyKind, Suppressed};
pub use flap::Flap;
pub use hygiene::{Finding, Hygiene, RuleHygiene};
pub use incident::{Acknowledged, Incident, Member};
pub use labels::{AlertKey, Matcher};
pub use machine::{Alerts, AlertsBuilder};
pub use mute::Silence;
pub use observation::Observation;
pub use replay::{Input, replay};
pub use rule::{AlertRule, Condition, Confirm, NoData, Thresholds};
pub use series::{AlertState, Reason};
pub use snapshot::AlertsSnapshot;

pub use crate::Labels;
