use std::sync::Arc;
use std::time::Duration;

use rely_chaos::Fault;
use rely_chaos::experiment::FaultAction;
use rely_detect::cause::ChangeKind;

use super::{Draft, Plan, within};
use crate::BoxError;
use crate::args::Pace;
use crate::build::Build;
use crate::day::Day;
use crate::journal::Kind;
use crate::load::Customer;
use crate::queue::Queue;

/// How much later an answer of the queue would be; those that are held when a spike ends are let go.
const SLOWER: Duration = Duration::from_secs(5);
/// From the first spike to the alarm.
const NOTICED: Duration = Duration::from_secs(2);
/// What retries may add to the requests that the protected client makes of its orders.
const BUDGET: f64 = 1.25;

/// Act 2: the first endpoint of the queue browns out, in short spikes of latency, without ever being
/// down.
pub(crate) fn brownout(day: &Day) -> Result<Plan, BoxError> {
    let spikes = day.pace.spikes;
    let length = Pace::SPIKE_EVERY * spikes;
    let spike = |queue: &Queue, client: &str| {
        FaultAction::new(&queue.point, Fault::latency(SLOWER), Pace::SPIKE)
            .named(format!("brown-out of {} for the {client} client", queue.name))
    };
    let (naive_spike, spike) =
        (spike(&day.naive_world.queues[0], "naive"), spike(&day.world.queues[0], "protected"));

    let (notes, since) = (day.notes.clone(), day.notes.now());
    let noticed = move || {
        let from = notes.first(since, "fault", "")?;
        Some(notes.first(from, "detector", "alarm")? - from)
    };
    let detection = noticed.clone();
    let breakers: Vec<_> = day.world.zones.iter().map(|zone| zone.breakers[0].clone()).collect();
    let opened = move || breakers.iter().map(|breaker| breaker.status().opened).sum::<u64>();
    let opened_before = opened();
    let (naive, protected) = (amplified(&day.naive), amplified(&day.protected));

    Draft::new(
        day,
        "Brown-out",
        "While the queue is slow in spikes, the protective stack keeps the promise and blind retries \
         only add load",
    )
    .with(|experiment| {
        experiment
            .inject_every(Pace::SPIKE_EVERY, spikes, naive_spike)
            .inject_every(Pace::SPIKE_EVERY, spikes, spike)
            .lasting(length)
    })
    .changes(
        ChangeKind::Experiment,
        "brown-out of queue-a for the naive client",
        ("client", "naive"),
    )
    .changes(
        ChangeKind::Experiment,
        "brown-out of queue-a for the protected client",
        ("queue", "queue-a"),
    )
    .claim(
        Kind::Noticed,
        format!("the detector notices within {:.1} s", NOTICED.as_secs_f64()),
        move |_| within(noticed(), NOTICED),
    )
    .claim(Kind::Broke, "the breakers in front of the slow endpoint open", move |_| {
        let times = opened() - opened_before;
        (Some(times > 0), format!("opened {times} times"))
    })
    .promised(&day.protected)
    .in_trouble(&day.naive)
    .claim(
        Kind::Promised,
        format!("protected client: at most {BUDGET} requests for each order"),
        move |_| (Some(protected() <= BUDGET), format!("{:.2}", protected())),
    )
    .plan(length, move |act| {
        act.detection = detection();
        act.story = format!(
            "The first endpoint of the queue answered up to {} s late, {spikes} times. The naive \
             client asked again and made {:.2} requests of each order. The replicas behind the \
             protected client gave up on a late answer after {} ms, asked the second endpoint, and \
             kept away from the first once its breaker was open.",
            Pace::SPIKE.as_secs_f64(),
            naive(),
            Build::v1().queue_timeout().as_millis(),
        );
    })
}

/// The requests that a client makes of each order, from here on.
fn amplified(customer: &Arc<Customer>) -> impl Fn() -> f64 + Send + Sync + 'static {
    let customer = Arc::clone(customer);
    let before = (customer.sent(), customer.upstream());
    move || (customer.upstream() - before.1) as f64 / (customer.sent() - before.0).max(1) as f64
}
