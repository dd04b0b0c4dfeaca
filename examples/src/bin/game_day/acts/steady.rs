use std::sync::Arc;
use std::time::Duration;

use super::{Draft, Plan};
use crate::BoxError;
use crate::args::Sabotage;
use crate::day::Day;
use crate::journal::Kind;
use crate::queue::FLUSH_EVERY;
use crate::world::ZONES;

/// Act 1: nothing goes wrong, and everything is as it should be. The detector learns the queue's rhythm
/// meanwhile.
pub(crate) fn steady(day: &Day) -> Result<Plan, BoxError> {
    // Nothing that asks a queue is as fast as the false claim says.
    let limit = Duration::from_millis(if day.is(Sabotage::HypothesisFalse) { 1 } else { 100 });
    let customer = Arc::clone(&day.protected);
    let (length, watch) = (day.pace.steady, day.watch.clone());
    Draft::new(
        day,
        "Steady state",
        "Both clients get their orders answered: without trouble there is no difference",
    )
    .with(|experiment| experiment.observe().lasting(length))
    .promised(&day.naive)
    .promised(&day.protected)
    .claim(
        Kind::Promised,
        format!("protected client: half of the answers within {} ms", limit.as_millis()),
        move |now| {
            let median = customer.point.snapshot(now).latency.quantile(0.5);
            let measured = median.map_or_else(|| "-".into(), |median| format!("{median:.1?}"));
            (median.map(|median| median <= limit), measured)
        },
    )
    .plan(length, move |act| {
        let expected = watch.reading().and_then(|reading| reading.expected);
        let learnt = match expected {
            Some(latency) => format!("now expects {:.1} ms", 1e3 * latency),
            None => "expects nothing yet".into(),
        };
        act.story = format!(
            "All traffic went to v1 in {} zones. The queue flushes every {} s and is slower \
             meanwhile; the detector that is told what its probes measure {learnt}.",
            ZONES.len(),
            FLUSH_EVERY.as_secs(),
        );
    })
}
