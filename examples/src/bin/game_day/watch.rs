//! What looks at the queue and the replicas from outside, as long as the day lasts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use rely_core::event::Delivery;
use rely_core::{Clock, ConfigError, Level, Outcome, Point, Subscriber};
use rely_detect::watch::{PointSource, WatchDriver, Watched};
use rely_detect::{Reading, Seasonal, Side};
use rely_rollout::drift::{DriftCheck, Observed};

use crate::BoxError;
use crate::build::Build;
use crate::http::{HttpClient, is_good, request};
use crate::notes::Notes;
use crate::orders::About;
use crate::queue::FLUSH_EVERY;
use crate::world::World;

/// How often the queue is probed.
const PROBE_EVERY: Duration = Duration::from_millis(20);
/// A probe without an answer until then counts as one that took so long.
const PROBE_LIMIT: Duration = Duration::from_millis(300);
/// A replica that does not say until then what it runs has not said it.
const ASK_LIMIT: Duration = Duration::from_millis(500);
/// How often the detector is told what the probes measured.
pub(crate) const STEP: Duration = Duration::from_millis(200);

/// What judges how long the queue takes to answer probes.
pub(crate) type QueueWatch = Watched<Seasonal>;

/// The future that feeds it.
pub(crate) type QueueDriver = WatchDriver<Seasonal, PointSource>;

/// A detector that learns the rhythm of the queue from what `probes` counts.
pub(crate) fn queue_watch(probes: &Point) -> Result<(QueueWatch, QueueDriver), ConfigError> {
    let detector = Seasonal::builder("queue latency")
        .season(FLUSH_EVERY)
        .step(STEP)
        .side(Side::High)
        .tolerance(0.01)
        .relearn_after(Duration::from_secs(60))
        .build()?;
    Watched::builder(detector)
        .clock(probes.clock().clone())
        .every(STEP)
        .build(PointSource::mean_latency(probes.clone()))
}

/// Asks an endpoint of the queue again and again how it is, for ever.
pub(crate) async fn probe(port: u16, probes: Point) {
    let (http, clock) = (crate::http::client(), probes.clock().clone());
    let mut due = clock.now();
    loop {
        due += PROBE_EVERY;
        clock.sleep_until(due).await;
        let (http, clock, probes) = (http.clone(), clock.clone(), probes.clone());
        tokio::spawn(async move {
            let begun = clock.now();
            let answer = http.request(request(Method::GET, port, "/probe"));
            let (outcome, latency) = tokio::select! {
                good = async { is_good(answer.await).await } => {
                    let outcome = if good { Outcome::SUCCESS } else { Outcome::FAILURE };
                    (outcome, clock.now() - begun)
                }
                () = clock.sleep(PROBE_LIMIT) => (Outcome::FAILURE, PROBE_LIMIT),
            };
            probes.record(outcome, latency.min(PROBE_LIMIT));
        });
    }
}

/// Notes when the detector raises an alarm and when it is over, for ever.
pub(crate) async fn note_alarms(mut readings: Subscriber<Reading>, notes: Notes) {
    let mut alarmed = false;
    while let Some(delivery) = readings.next().await {
        let Delivery::Event(reading) = delivery else { continue };
        let alarm = reading.level == Level::Unhealthy;
        if alarm && !alarmed {
            notes.note_at(reading.sample.at, "detector", format!("alarm: {reading}"), "bad");
        } else if alarmed && !alarm {
            notes.note_at(reading.sample.at, "detector", "no alarm any more", "good");
        }
        alarmed = alarm;
    }
}

/// Asks every replica what it runs, for ever, and hands the answers to the drift check.
pub(crate) async fn ask_around(world: Arc<World>, drift: DriftCheck, notes: Notes, clock: Clock) {
    let http = crate::http::client();
    let mut drifted = BTreeSet::new();
    loop {
        for replica in world.replicas() {
            let build = tokio::select! {
                build = ask(&http, replica.port()) => build,
                // One that hangs must not hide the others.
                () = clock.sleep(ASK_LIMIT) => continue,
            };
            if let Ok(release) = build.and_then(|build| Ok(build.release()?)) {
                drift.report(Arc::clone(&replica.name), Observed::of(&release, clock.now()));
            }
        }
        let differences = drift.differences(clock.now());
        for difference in differences.iter().filter(|one| one.what.is_known()) {
            if drifted.insert(Arc::clone(&difference.instance)) {
                notes.note("drift", format!("drifted: {difference}"), "bad");
            }
        }
        // One that says nothing any more still counts as drifted.
        drifted.retain(|name| {
            let differs = differences.iter().any(|one| one.instance == *name);
            if !differs {
                notes.note("drift", format!("{name} runs what it should"), "good");
            }
            differs
        });
        clock.sleep(STEP).await;
    }
}

/// What a replica says that it runs.
pub(crate) async fn ask(http: &HttpClient, port: u16) -> Result<Build, BoxError> {
    let response = http.request(request(Method::GET, port, "/about")).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(serde_json::from_slice::<About>(&body)?.build)
}
