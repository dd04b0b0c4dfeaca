//! What to suspect: what is out of the ordinary since when, and what was changed before.

use std::sync::Arc;
use std::time::Duration;

use rely_core::{ConfigError, Instant};
use rely_detect::cause::{ChangeEvent, EpisodeTracker, Incident, Labels};
use rely_detect::{Correlator, Reading};

use crate::client::Routes;
use crate::day::PROMISE;
use crate::load::Customer;
use crate::watch::STEP;

/// Changes lose half of their weight in this time, on a day on which each act takes ten seconds.
const HALF_LIFE: Duration = Duration::from_secs(30);
/// What begins within this time begins at once: the detector hears of the queue that often, and some.
const AT_ONCE: Duration = Duration::from_millis(300);
/// So many ordinary looks end an episode: a second.
const QUIET: u32 = 10;
/// The most decades that count: the rest is how many there were, not how bad it was.
const MOST: f64 = 8.0;

const QUEUE: &str = "queue latency";
const ERRORS: &str = "order errors";

/// How many have failed so far, and of how many.
type Counted = Box<dyn Fn() -> (u64, u64) + Send + Sync>;

/// Something that fails now and then.
struct Failing {
    name: String,
    labels: Labels,
    tracker: EpisodeTracker,
    count: Counted,
    before: (u64, u64),
}

/// Everything that may say who is to blame.
pub(super) struct Blame {
    queue: EpisodeTracker,
    queue_labels: Labels,
    failing: Vec<Failing>,
    changes: Vec<ChangeEvent>,
    recent: Correlator,
}

impl Blame {
    pub(super) fn new(
        customers: [&Arc<Customer>; 2],
        routes: &Arc<Routes>,
    ) -> Result<Self, ConfigError> {
        let mut failing = Vec::new();
        for customer in customers {
            let labels = Labels::from([("service", "orders"), ("client", customer.name())]);
            let orders = Arc::clone(customer);
            let count = move || (orders.count().missed, orders.count().total());
            let name = format!("{ERRORS} of the {} client", customer.name());
            failing.push(Failing::new(name, labels, Box::new(count))?);
        }
        for route in routes.all() {
            let replica = &*route.replica.name;
            let labels = Labels::from([("service", "orders"), ("replica", replica)]);
            let attempts = route.point.clone();
            let count = move || {
                let tally = attempts.lifetime();
                (tally.bad(), tally.counted())
            };
            let name = format!("failed attempts on {replica}");
            failing.push(Failing::new(name, labels, Box::new(count))?);
        }
        let queue_labels = Labels::from([("service", "queue"), ("queue", "queue-a")]);
        Ok(Self {
            queue: EpisodeTracker::builder(QUEUE).labels(queue_labels.clone()).build()?,
            queue_labels,
            failing,
            changes: Vec::new(),
            recent: Correlator::builder().step(STEP).window(60).max_lag(STEP * 10).build()?,
        })
    }

    pub(super) fn changed(&mut self, change: ChangeEvent) {
        self.changes.push(change);
    }

    /// Looks at everything once.
    pub(super) fn look(&mut self, now: Instant, queue: Option<&Reading>) {
        if let Some(reading) = queue {
            if reading.p_value.is_some() {
                self.queue.step(reading.sample.at, reading.severity.min(MOST));
            }
            self.recent.observe(QUEUE, reading.sample.at, reading.sample.value);
        }
        let mut misses = None;
        for failing in &mut self.failing {
            let share = failing.look(now);
            // The first is what users notice without protection.
            misses.get_or_insert(share);
        }
        self.recent.observe(ERRORS, now, misses.unwrap_or(0.0));
    }

    /// The first suspect, if anything is out of the ordinary.
    pub(super) fn first(&self) -> Option<String> {
        let incident = Incident::builder().half_life(HALF_LIFE).tolerance(AT_ONCE);
        let mut incident = incident
            .depends("orders", "queue")
            .series(QUEUE, self.queue_labels.clone())
            .episodes(self.queue.current());
        for failing in &self.failing {
            incident = incident
                .series(failing.name.as_str(), failing.labels.clone())
                .episodes(failing.tracker.current());
        }
        let incident = self.changes.iter().cloned().fold(incident, Incident::event);
        incident.rank().first().map(ToString::to_string)
    }

    /// Which of queue and orders moved first, if they moved together beyond chance.
    pub(super) fn first_to_move(&self) -> Option<String> {
        let mut links = self.recent.related(QUEUE);
        (!links.is_empty()).then(|| links.swap_remove(0).to_string())
    }
}

impl Failing {
    fn new(name: String, labels: Labels, count: Counted) -> Result<Self, ConfigError> {
        let tracker = EpisodeTracker::builder(name.as_str());
        let tracker = tracker.labels(labels.clone()).quiet(QUIET).build()?;
        Ok(Self { name, labels, tracker, count, before: (0, 0) })
    }

    /// Looks at what was counted since the last look; the share that failed.
    fn look(&mut self, now: Instant) -> f64 {
        let (failed, total) = (self.count)();
        let before = core::mem::replace(&mut self.before, (failed, total));
        let (failed, total) = (failed.saturating_sub(before.0), total.saturating_sub(before.1));
        self.tracker.step(now, severity(failed, total));
        failed as f64 / total.max(1) as f64
    }
}

/// How rare so many failures are while the promise is kept, in decades: the first term of the tail of
/// the Poisson distribution, beside which the others are small where so few are expected.
fn severity(failed: u64, total: u64) -> f64 {
    let expected = (1.0 - PROMISE) * total as f64;
    if failed == 0 || expected <= 0.0 {
        return 0.0;
    }
    let orders: f64 = (1..=failed.min(1000)).map(|n| (n as f64).ln()).sum();
    let surprise = expected - failed.min(1000) as f64 * expected.ln() + orders;
    (surprise / core::f64::consts::LN_10).clamp(0.0, MOST)
}

#[cfg(test)]
mod tests {
    use super::severity;

    #[test]
    fn one_failure_is_ordinary_and_many_are_not() {
        assert!(severity(0, 25) <= 0.0 && severity(0, 0) <= 0.0);
        assert!((1.0..2.8).contains(&severity(1, 25)));
        assert!(severity(3, 25) > 2.8);
        assert!(severity(8, 25) >= 8.0 && severity(u64::MAX, u64::MAX).is_finite());
    }
}
