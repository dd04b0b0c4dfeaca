use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use rely_breaker::State;
use rely_chaos::experiment::FnAction;
use rely_core::event::Delivery;
use rely_core::{Level, Ratio, Signal, Verdict, signal};
use rely_detect::FailureShare;
use rely_detect::cause::ChangeKind;
use rely_rollout::{Progress, Reason, Rollout, Standing, Step};

use super::{Draft, Plan, within};
use crate::BoxError;
use crate::args::Sabotage;
use crate::build::Build;
use crate::client::Routes;
use crate::day::{Day, LOOKS_BAD};
use crate::journal::Kind;
use crate::load::Pattern;
use crate::world::CANARY;

/// From the first bad answer to the first bad verdict.
const NOTICED: Duration = Duration::from_secs(3);
/// From the first bad answer to the rollback.
const ROLLBACK: Duration = Duration::from_secs(4);
/// After the rush began, the time for all of this, and for the last known good release to be back.
const RESTORED: Duration = Duration::from_secs(5);

/// What shows that v2 is bad.
const RUSH: &str = "rush of orders";

/// Act 4: v2 goes out. It takes a connection for each order from a pool that is large enough, until a
/// rush comes.
pub(crate) fn canary(day: &Day) -> Result<Plan, BoxError> {
    let step = day.pace.step;
    let (v1, v2) = (Build::v1().release()?, Build::v2().release()?);
    let route = &day.routes.canary;
    // The rush comes when half of the orders go to v2.
    let rush_at = step * 2 + Duration::from_millis(2500);
    let length = rush_at + RESTORED;

    // The act may be played again.
    route.first_bad.forget();
    if matches!(day.releases.standing(&v2.digest()), Some(Standing::Bad { .. })) {
        day.releases.pardon(&v2.digest(), "what showed it to be bad was no fair trial")?;
        // One that was made to stand aside stays so.
        if route.breaker.state() != State::ForcedClosed {
            route.breaker.reset();
        }
    }
    // Only now: what is known as bad cannot be a candidate.
    let rollout = rollout(day, &v2)?;
    let (notes, since, first_bad) = (day.notes.clone(), day.notes.now(), route.first_bad.clone());
    let bad = move || first_bad.get().map(|at| notes.seconds(at)).filter(|at| *at >= since);
    let after = |kind: &'static str, label: &'static str| {
        let (notes, bad) = (day.notes.clone(), bad.clone());
        move || Some(notes.first(bad()?, kind, label)? - bad()?)
    };
    let noticed = after("rollout", LOOKS_BAD);
    let taken_back = after("rollout", "v2 is taken back");
    let (detection, recovery) = (noticed.clone(), taken_back.clone());
    let (split, progress) = (day.split.clone(), rollout.clone());
    let (releases, drift, digest) = (day.releases.clone(), day.drift.clone(), v2.digest());
    let (canary, good) = (Arc::clone(&route.replica), v1);

    Draft::new(
        day,
        "Bad release",
        "A release that breaks only in a rush is noticed and taken back, without a human",
    )
    .with(|experiment| {
        experiment
            .inject_at(Duration::ZERO, release(day, &rollout))
            .inject_at(rush_at, rush(day))
            .lasting(length)
    })
    // The rush is what users do: it changes nothing.
    .trouble_from(RUSH)
    .changes(ChangeKind::Deploy, "release of v2", ("client", "naive"))
    .changes(ChangeKind::Deploy, "release of v2", ("replica", CANARY))
    .claim(
        Kind::Noticed,
        format!("noticed within {} s of the first bad answer", NOTICED.as_secs()),
        move |_| within(noticed(), NOTICED),
    )
    .claim(
        Kind::RolledBack,
        format!("taken back within {} s of the first bad answer", ROLLBACK.as_secs()),
        move |_| {
            let (held, measured) = within(taken_back(), ROLLBACK);
            let (share, progress) = (split.share(), progress.progress());
            let back = share == Ratio::ZERO && progress == Progress::RolledBack;
            (held.map(|held| held && back), format!("{measured}, v2 has {share} of the traffic"))
        },
    )
    .claim(Kind::RolledBack, "v2 is known as bad from now on", move |_| {
        let standing = releases.standing(&digest);
        let measured = standing.as_ref().map_or_else(|| "unknown".into(), Standing::to_string);
        (Some(matches!(standing, Some(Standing::Bad { .. }))), measured)
    })
    .claim(Kind::Restored, "the replica runs the last known good release again", move |now| {
        let runs = canary.build().map_or_else(|| "nothing".into(), |build| build.label);
        let differences = drift.differences(now);
        let clean = differences.is_empty() && runs == good.name();
        (Some(clean), format!("it runs {runs}, {} is the last known good", good.name()))
    })
    .promised(&day.protected)
    .in_trouble(&day.naive)
    .plan(length, move |act| {
        (act.detection, act.recovery) = (detection(), recovery());
        let decisions = rollout.decisions();
        let back = decisions.iter().find(|decision| decision.progress == Progress::RolledBack);
        let share = back.map(|decision| decision.from);
        let seconds = |time: Option<f64>| time.map_or_else(|| "never".into(), |t| format!("{t:.2} s"));
        act.story = format!(
            "v2 takes a connection for each order from a pool of {}. That was enough until a rush \
             came; {} of the orders went to it when it was taken back. From the first bad answer it \
             took {} until the evidence was against it, and {} until it got no order any more; then \
             the replica was given the last known good release. The naive client's replicas were \
             given v2 all at once, and kept it until the end of the act.",
            Build::v2().pool().unwrap_or(usize::MAX),
            share.map_or_else(|| "none".into(), |share| share.to_string()),
            seconds(act.detection),
            seconds(act.recovery),
        );
    })
}

/// Whether the candidate fails more often than the others, and what its breaker says.
pub(crate) fn judge(routes: &Routes) -> Result<Arc<dyn Signal>, BoxError> {
    let mut failures = FailureShare::builder(routes.canary.point.clone())
        .limit(Ratio::percent(15.0)?)
        .minimum_calls(20);
    for zone in &routes.zones {
        failures = failures.against(zone.point.clone());
    }
    let breaker = routes.canary.breaker.clone();
    Ok(Arc::new(signal::all().member("failures", failures.build()?).member("breaker", breaker)))
}

/// In steps, for as long as v2 does not fail more often than v1 does.
fn rollout(day: &Day, v2: &rely_rollout::Release) -> Result<Rollout, BoxError> {
    let step = day.pace.step;
    let judge: Arc<dyn Signal> = if day.is(Sabotage::RollbackOff) {
        Arc::new(|now| Verdict::new(Level::Healthy, now))
    } else {
        Arc::clone(&day.judge)
    };
    Ok(Rollout::builder("orders-v2")
        .releases(&day.releases)
        .candidate(v2.clone())
        .steps([
            Step::new(Ratio::percent(10.0)?, step),
            Step::new(Ratio::percent(25.0)?, step),
            Step::new(Ratio::percent(50.0)?, step * 10),
            Step::new(Ratio::ONE, step),
        ])
        .give_up(step * 10)
        .interval(Duration::from_millis(100))
        .signal(judge)
        .split(day.split.clone())
        .clock(day.clock.clone())
        .build()?)
}

/// v2 goes out: by a rollout to one replica, and to all of the naive client's at once. That it was
/// bad is proved by the orders that it refused.
fn release(day: &Day, rollout: &Rollout) -> FnAction {
    let naive_world = Arc::clone(&day.naive_world);
    let (drift, releases, notes) = (day.drift.clone(), day.releases.clone(), day.notes.clone());
    let (canary, clock) = (Arc::clone(&day.routes.canary.replica), day.clock.clone());
    let refusing = Arc::clone(&canary);
    let (rollout, going_out) = (rollout.clone(), rollout.clone());
    let naive_back = Arc::clone(&naive_world);
    let go_out = move || {
        let (drift, releases, notes) = (drift.clone(), releases.clone(), notes.clone());
        let (rollout, canary) = (going_out.clone(), Arc::clone(&canary));
        let (naive_world, clock) = (Arc::clone(&naive_world), clock.clone());
        async move {
            let v2 = Build::v2();
            for replica in &naive_world.zones {
                replica.run(&v2).await?;
            }
            // The reconciler sees to it.
            drift.declare(CANARY, &v2.release()?);
            while !canary.runs(&v2) {
                clock.sleep(Duration::from_millis(20)).await;
            }
            let mut decisions = rollout.subscribe(NonZeroUsize::MIN.saturating_add(63));
            let driver = rollout.drive()?;
            tokio::spawn(async move {
                while let Some(delivery) = decisions.next().await {
                    let Delivery::Event(decision) = delivery else { continue };
                    // A human who takes it back proves nothing.
                    let back = decision.progress == Progress::RolledBack
                        && !matches!(decision.reason, Reason::ByHand { .. });
                    if let Some(since) = decision.bad_since.filter(|_| back) {
                        notes.note_at(since, "rollout", LOOKS_BAD, "warning");
                        notes.note_at(
                            decision.at,
                            "rollout",
                            format!("v2 is taken back: {decision}"),
                            "bad",
                        );
                    } else {
                        notes.note_at(decision.at, "rollout", decision.to_string(), "info");
                    }
                }
            });
            tokio::spawn(async move {
                let end = driver.await;
                // What the replica is to run from now on.
                if let Some(record) = end.restore.and_then(|digest| releases.get(&digest)) {
                    drift.declare(CANARY, &record.release);
                }
            });
            Ok(())
        }
    };
    let take_back = move || {
        let (rollout, naive_world) = (rollout.clone(), Arc::clone(&naive_back));
        async move {
            rollout.roll_back("the act is over");
            for replica in &naive_world.zones {
                replica.run(&Build::v1()).await?;
            }
            Ok(())
        }
    };
    FnAction::new("release of v2", go_out, take_back).fired_by(move || refusing.refused())
}

/// On top of the even stream, many orders at once.
fn rush(day: &Day) -> FnAction {
    let [on, off, count] = [(); 3].map(|()| Arc::clone(&day.pattern));
    let rush = move |pattern: &Arc<Pattern>, on| {
        pattern.rush(on);
        core::future::ready(Ok(()))
    };
    FnAction::new(RUSH, move || rush(&on, true), move || rush(&off, false))
        .fired_by(move || count.rushes())
}
