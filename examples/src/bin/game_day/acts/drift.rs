use std::sync::Arc;
use std::time::Duration;

use rely_chaos::experiment::FnAction;
use rely_detect::cause::ChangeKind;

use super::{Draft, Plan, within};
use crate::BoxError;
use crate::build::Build;
use crate::day::Day;
use crate::journal::Kind;
use crate::replica::Replica;

/// From the change by hand to the check that finds it.
const NOTICED: Duration = Duration::from_secs(1);
/// From the change by hand to the replica that runs what it should.
const RECONCILED: Duration = Duration::from_secs(3);

/// Act 5: somebody changes a setting of one replica by hand.
pub(crate) fn drift(day: &Day) -> Result<Plan, BoxError> {
    let length = RECONCILED + Duration::from_millis(500);
    let replica = Arc::clone(&day.world.zones[2]);
    let (notes, since) = (day.notes.clone(), day.notes.now());
    let after = |label: &'static str| {
        let notes = notes.clone();
        move || {
            let from = notes.first(since, "fault", "")?;
            Some(notes.first(from, "drift", label)? - from)
        }
    };
    let noticed = after("drifted: zone-c");
    let reconciled = after("zone-c runs what it should");
    let (detection, recovery) = (noticed.clone(), reconciled.clone());
    let (check, v1) = (day.drift.clone(), Build::v1());
    let runs = Arc::clone(&replica);
    Draft::new(
        day,
        "Drift",
        "A replica that runs something else than its release is found and replaced, unseen by users",
    )
    .with(|experiment| {
        experiment.inject_at(Duration::ZERO, change_by_hand(&replica)).lasting(length)
    })
    .changes(ChangeKind::Config, "change by hand in zone-c", ("replica", "zone-c"))
    .claim(
        Kind::Noticed,
        format!("the drift check finds it within {} s", NOTICED.as_secs()),
        move |_| within(noticed(), NOTICED),
    )
    .claim(
        Kind::Restored,
        format!("the replica is replaced within {} s", RECONCILED.as_secs()),
        move |now| {
            let (held, measured) = within(reconciled(), RECONCILED);
            let clean = check.differences(now).is_empty() && runs.runs(&v1);
            (held.map(|held| held && clean), measured)
        },
    )
    .promised(&day.naive)
    .promised(&day.protected)
    .plan(length, move |act| {
        (act.detection, act.recovery) = (detection(), recovery());
        act.story = format!(
            "Somebody set the timeout of the replica in zone-c to {} s, by hand. The replica still \
             said what it ran; the drift check compared that with the declared release, and the \
             reconciler replaced the replica with a new one.",
            Build::v1().patched_by_hand().queue_timeout().as_secs(),
        );
    })
}

/// The same code, with a setting that no release has. It is proved by the orders that it takes.
fn change_by_hand(replica: &Arc<Replica>) -> FnAction {
    let [change, back, served] = [(); 3].map(|()| Arc::clone(replica));
    let change = move || {
        let replica = Arc::clone(&change);
        async move { replica.run(&Build::v1().patched_by_hand()).await }
    };
    let take_back = move || {
        let replica = Arc::clone(&back);
        async move {
            if replica.runs(&Build::v1()) {
                return Ok(());
            }
            replica.run(&Build::v1()).await
        }
    };
    FnAction::new("change by hand in zone-c", change, take_back)
        .fired_by(move || served.served_by(&Build::v1().patched_by_hand()))
}
