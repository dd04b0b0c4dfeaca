//! A client behind a circuit breaker, and a server that has a bad time.
//!
//! ```text
//! cargo run --bin breaker
//! ```
//!
//! Real HTTP over loopback: the server is well, gets slow, is well, fails, and is well again, in nine
//! seconds. The client sends a hundred requests a second all the while. What the breaker does about it is
//! printed as it happens, and a table at the end says what it was good for.
//!
//! It exits with 0 if everything that the last lines claim held and with 1 if not, with 2 if it could not
//! be played, and with 130 where Ctrl-C cut it short: then the table says how far it came.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rely_breaker::answer::BoxError;
use rely_breaker::{AttemptTimeout, Breaker, Change, ChangeReason, TripReason};
use rely_core::classify::HttpStatus;
use rely_core::{Clock, Instant, Ratio};
use tokio::task::JoinSet;
use tower::{ServiceBuilder, ServiceExt};

/// How the server is, in milliseconds: it answers `after` so many, and that `lasts` so many.
struct Phase {
    name: &'static str,
    answers: StatusCode,
    after: u64,
    lasts: u64,
}

const PLAY: [Phase; 5] = [
    Phase { name: "well", answers: StatusCode::OK, after: 2, lasts: 1500 },
    Phase { name: "slow", answers: StatusCode::OK, after: 200, lasts: 2000 },
    Phase { name: "well again", answers: StatusCode::OK, after: 2, lasts: 1500 },
    Phase { name: "failing", answers: StatusCode::INTERNAL_SERVER_ERROR, after: 20, lasts: 2000 },
    Phase { name: "well at last", answers: StatusCode::OK, after: 2, lasts: 2000 },
];

/// Between two requests.
const PACE: Duration = Duration::from_millis(10);

/// The phase so long after the beginning; none when the play is over.
fn phase_at(since: Duration) -> Option<usize> {
    let mut end = Duration::ZERO;
    PLAY.iter().position(|phase| {
        end += Duration::from_millis(phase.lasts);
        since < end
    })
}

/// What came of the requests of one phase.
#[derive(Clone, Default)]
struct Row {
    answered: u32,
    failed: u32,
    rejected: u32,
    /// What those that went through took, and what the rejections did.
    took: Duration,
    rejected_in: Duration,
}

impl Row {
    /// What a request that goes through takes.
    fn usual(&self) -> Duration {
        self.took / (self.answered + self.failed).max(1)
    }

    /// How much longer callers would have waited without rejections.
    fn spared(&self) -> Duration {
        (self.usual() * self.rejected).saturating_sub(self.rejected_in)
    }
}

/// What happened so far.
#[derive(Default)]
struct Story {
    rows: [Row; PLAY.len()],
    /// Each change of the breaker, with the phase that it fell into.
    changes: Vec<(usize, Change)>,
}

type Shared = Arc<Mutex<Story>>;

fn lock(story: &Shared) -> MutexGuard<'_, Story> {
    story.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tokio::main]
async fn main() -> ExitCode {
    let story = Shared::default();
    let whole = tokio::select! {
        played = play(&story) => played.map(|()| true),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| false).map_err(BoxError::from),
    };
    let story = lock(&story);
    match whole {
        Ok(whole) => {
            print_table(&story);
            ExitCode::from(if whole { u8::from(!claims_hold(&story)) } else { 130 })
        }
        Err(error) => {
            eprintln!("it could not be played: {error}");
            ExitCode::from(2)
        }
    }
}

async fn play(story: &Shared) -> Result<(), BoxError> {
    let clock = Clock::tokio();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let start = clock.now();
    tokio::spawn(axum::serve(listener, server(&clock, start)).into_future());

    let breaker = Breaker::builder("server")
        .failure_rate(Ratio::percent(50.0)?)
        .slow_calls(Duration::from_millis(100), Ratio::percent(50.0)?)
        .window_calls(40)
        .minimum_calls(20)
        .open_for(Duration::from_millis(400))
        .trials(3)
        .clock(clock.clone())
        .build()?;
    let client = ServiceBuilder::new()
        .layer(breaker.layer().classify(HttpStatus::new()))
        .layer(AttemptTimeout::new(Duration::from_secs(1))?.clock(clock.clone()))
        .service(Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>());

    let mut changes = breaker.subscribe(64.try_into()?);
    let heard = Arc::clone(story);
    let listening = tokio::spawn(async move {
        while let Some(delivery) = changes.next().await {
            let Some(change) = delivery.into_event() else { continue };
            let since = change.at.saturating_since(start);
            say(since, &format!("breaker {}: {}", change.to, change.reason));
            let phase = phase_at(since).unwrap_or(PLAY.len() - 1);
            lock(&heard).changes.push((phase, *change));
        }
    });

    let (mut calls, mut due, mut before) = (JoinSet::new(), start, None);
    while let Some(phase) = phase_at(due.saturating_since(start)) {
        clock.sleep_until(due).await;
        if before.replace(phase) != Some(phase) {
            say(due.saturating_since(start), &format!("the server is {}", PLAY[phase].name));
        }
        let request = Request::get(url.as_str()).body(Empty::new())?;
        let (client, clock, story) = (client.clone(), clock.clone(), Arc::clone(story));
        calls.spawn(async move {
            let begun = clock.now();
            let answer = client.oneshot(request).await;
            let rejected = answer.as_ref().is_err_and(|error| error.rejected().is_some());
            let good = match answer {
                Ok(response) if response.status().is_success() => {
                    response.into_body().collect().await.is_ok()
                }
                _ => false,
            };
            let took = clock.now().saturating_since(begun);
            let row = &mut lock(&story).rows[phase];
            *(if rejected { &mut row.rejected_in } else { &mut row.took }) += took;
            *match (rejected, good) {
                (true, _) => &mut row.rejected,
                (false, true) => &mut row.answered,
                (false, false) => &mut row.failed,
            } += 1;
        });
        due += PACE;
    }
    calls.join_all().await;
    // Whoever listens is done when the last handle of the breaker is gone.
    drop((client, breaker));
    Ok(listening.await?)
}

/// A server that is as the play has it.
fn server(clock: &Clock, start: Instant) -> Router {
    let answer = move |State(clock): State<Clock>| async move {
        let phase = phase_at(clock.now().saturating_since(start)).unwrap_or(PLAY.len() - 1);
        let phase = &PLAY[phase];
        clock.sleep(Duration::from_millis(phase.after)).await;
        phase.answers
    };
    Router::new().route("/", axum::routing::get(answer)).with_state(clock.clone())
}

fn say(since: Duration, what: &str) {
    println!("{:>5.2} s  {what}", since.as_secs_f64());
}

fn print_table(story: &Story) {
    println!(
        "\nthe server is   requests  answered  failed  rejected  usual wait  rejected in  spared"
    );
    for (phase, row) in PLAY.iter().zip(&story.rows) {
        println!(
            "{:<15} {:>8}  {:>8}  {:>6}  {:>8}  {:>7.1} ms  {:>8.3} ms  {:>5.1} s",
            phase.name,
            row.answered + row.failed + row.rejected,
            row.answered,
            row.failed,
            row.rejected,
            row.usual().as_secs_f64() * 1e3,
            (row.rejected_in / row.rejected.max(1)).as_secs_f64() * 1e3,
            row.spared().as_secs_f64(),
        );
    }
    let spared: Duration = story.rows.iter().map(Row::spared).sum();
    let rejected: u32 = story.rows.iter().map(|row| row.rejected).sum();
    println!(
        "\nThe server was spared {rejected} requests and the callers {spared:.1?} of waiting."
    );
}

/// Says what the breaker should have done, and whether it did.
fn claims_hold(story: &Story) -> bool {
    let [well, slow, again, failing, last] = &story.rows;
    let changed = |phase, what: fn(&ChangeReason) -> bool| {
        story.changes.iter().any(|(at, change)| *at == phase && what(&change.reason))
    };
    let mostly_rejected = |row: &Row| row.rejected > row.answered + row.failed;
    let mostly_answered = |row: &Row| row.answered > row.failed + row.rejected;
    let closed = |phase| changed(phase, |why| matches!(why, ChangeReason::TrialsPassed { .. }));
    let slow_rate = |why: &_| matches!(why, ChangeReason::Tripped(TripReason::SlowCallRate { .. }));
    let bad_rate = |why: &_| matches!(why, ChangeReason::Tripped(TripReason::FailureRate { .. }));
    let claims = [
        ("a server that is well gets every request", well.rejected == 0 && well.answered > 0),
        ("slow answers open the breaker", changed(1, slow_rate)),
        ("failures open it", changed(3, bad_rate)),
        (
            "then most callers are not kept waiting",
            mostly_rejected(slow) && mostly_rejected(failing),
        ),
        ("trials close it once the server is well", closed(2) && closed(4)),
        ("then most callers are served", mostly_answered(again) && mostly_answered(last)),
    ];
    for (claim, held) in claims {
        println!("{}  {claim}", if held { "held  " } else { "FAILED" });
    }
    claims.iter().all(|(_, held)| *held)
}
