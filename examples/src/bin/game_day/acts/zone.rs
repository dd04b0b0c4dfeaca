use std::sync::Arc;
use std::time::Duration;

use rely_chaos::Instance;
use rely_chaos::experiment::KillAction;
use rely_detect::cause::ChangeKind;

use super::{Draft, Plan, within};
use crate::BoxError;
use crate::build::Build;
use crate::day::Day;
use crate::journal::Kind;
use crate::load::OBJECTIVE;
use crate::replica::Replica;
use crate::world::ZONES;

/// From the death of the zone to the breaker that opens.
const NOTICED: Duration = Duration::from_secs(1);
/// From the death of the zone to somebody who is called.
const CALLED: Duration = Duration::from_secs(10);

/// Act 3: a zone dies, with its listeners and its connections.
pub(crate) fn zone(day: &Day) -> Result<Plan, BoxError> {
    let kill = |replica: &Arc<Replica>| {
        let instance: Arc<dyn Instance> = Arc::clone(replica) as _;
        let again = Arc::clone(replica);
        KillAction::new(instance).restart_with(move || {
            let again = Arc::clone(&again);
            async move { again.run(&Build::v1()).await }
        })
    };
    let (naive_kill, kill) = (kill(&day.naive_world.zones[1]), kill(&day.world.zones[1]));
    let length = day.pace.zone_down;
    let breaker = day.routes.zones[1].breaker.clone();
    let (notes, since) = (day.notes.clone(), day.notes.now());
    let opening = format!("{} is open", breaker.name());
    let opened = move || {
        let from = notes.first(since, "fault", "")?;
        Some(notes.first(from, "breaker", &opening)? - from)
    };
    let detection = opened.clone();
    let notes = day.notes.clone();
    let called = move || {
        let from = notes.first(since, "fault", "")?;
        Some(notes.first(from, "alert", "page")? - from)
    };
    Draft::new(
        day,
        "Zone loss",
        "When a zone dies, the other zones serve its clients within the promise",
    )
    .with(|experiment| {
        experiment
            .inject_at(Duration::ZERO, naive_kill)
            .inject_at(Duration::ZERO, kill)
            .lasting(length)
    })
    .changes(ChangeKind::Experiment, "kill zone-b of the naive client", ("client", "naive"))
    .changes(ChangeKind::Experiment, "kill zone-b of the protected client", ("replica", "zone-b"))
    .claim(
        Kind::Broke,
        format!("the breaker in front of the zone opens within {:.1} s", NOTICED.as_secs_f64()),
        move |_| within(opened(), NOTICED),
    )
    .claim(
        Kind::Noticed,
        format!("somebody is called within {} s", CALLED.as_secs()),
        move |_| within(called(), CALLED),
    )
    .promised(&day.protected)
    .in_trouble(&day.naive)
    .plan(length, move |act| {
        act.detection = detection();
        act.story = format!(
            "The replica in zone-b was killed: its listener closed, every connection reset. One \
             in {} orders belongs there. The naive client kept asking it. The protected one went to \
             the next zone, at first by retries, then straight away, once the breaker was open. At \
             the end the zone was started again; {:.0} s later the breaker was {}.",
            ZONES.len(),
            OBJECTIVE.as_secs_f64(),
            breaker.state(),
        );
    })
}
