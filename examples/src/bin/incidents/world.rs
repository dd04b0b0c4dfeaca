//! A service with traffic by day and night, instances behind a balancer, a database and memory that is
//! collected now and then: what its operators measure every ten seconds, and what its users get.

use rely_core::rng::Rng;

use crate::chance::{Wander, binomial, normal, poisson};
use crate::fault::Strain;

/// From one sample to the next, in seconds.
pub(crate) const STEP: u64 = 10;
const INSTANCES: usize = 6;
/// An answer is good if it comes within so many milliseconds.
const PATIENCE: f64 = 300.0;
/// How many calls an instance has room for at a time.
const WORKERS: f64 = 32.0;
/// Connections to the database that an instance may hold.
const POOL: f64 = 40.0;
/// What an instance can do at a time.
const CORES: f64 = 1.2;
const MEMORY_LIMIT: f64 = 2_000.0;
const DISK_LIMIT: f64 = 500.0;
const DAY: f64 = 86_400.0;

/// What is measured in one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    /// Calls that came, and those of them that failed or were answered well in time.
    pub(crate) calls: f64,
    pub(crate) errors: f64,
    pub(crate) good: f64,
    /// Milliseconds.
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) database: f64,
    /// Of all there is, from 0 to 1.
    pub(crate) cpu: f64,
    pub(crate) cache_hits: f64,
    /// Calls that wait.
    pub(crate) backlog: f64,
    /// Connections that an instance holds.
    pub(crate) connections: f64,
    /// Megabytes and gigabytes.
    pub(crate) memory: f64,
    pub(crate) disk: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    rng: Rng,
    seconds: u64,
    demand: Wander,
    work: Wander,
    query: Wander,
    /// Megabytes since the last collection, and those that no collection frees.
    garbage: f64,
    kept: f64,
    disk: f64,
    backlog: f64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::seeded(seed).fork("world"),
            seconds: 0,
            demand: Wander::new(0.98),
            work: Wander::new(0.9),
            query: Wander::new(0.9),
            garbage: 0.0,
            kept: 700.0,
            disk: 200.0,
            backlog: 0.0,
        }
    }

    /// Another course of events from here on.
    pub(crate) fn reseed(&mut self, label: &str) {
        self.rng = self.rng.fork(label);
    }

    pub(crate) const fn seconds(&self) -> u64 {
        self.seconds
    }

    /// Calls in a second that the time of day and of the week bring.
    fn usual_demand(&self) -> f64 {
        let days = self.seconds as f64 / DAY;
        let weekend = if days % 7.0 >= 5.0 { 0.75 } else { 1.0 };
        let wave = (core::f64::consts::TAU * (days - 0.6)).cos();
        weekend * (200.0 + 110.0 * wave)
    }

    /// The next ten seconds, under `strain`.
    pub(crate) fn step(&mut self, strain: &Strain) -> Metrics {
        self.seconds += STEP;
        let step = STEP as f64;
        let swing = (0.04 * self.demand.next(&mut self.rng)).exp();
        let rate = self.usual_demand() * swing * strain.traffic;
        let calls = poisson(&mut self.rng, rate * step);

        let hits = (0.9 * strain.cache - 0.01 * normal(&mut self.rng).abs()).clamp(0.0, 1.0);
        let query = 12.0 * (0.08 * self.query.next(&mut self.rng)).exp() * strain.database;
        // The database slows down as more is asked of it.
        let load = rate * (1.0 - hits) / 320.0;
        let database = query / (1.0 - load.min(0.9));
        let work = 8.0 * (0.05 * self.work.next(&mut self.rng)).exp() * strain.work;

        self.memory(calls, strain);
        let tight = ((self.kept + self.garbage) / MEMORY_LIMIT).min(1.0);
        // Collecting takes the longer the less there is left.
        let collecting = if tight > 0.85 { (tight - 0.85) * 6.0 } else { 0.0 };
        self.disk = (self.disk + step * (2e-7 * rate + strain.disk)).min(DISK_LIMIT);

        let up = INSTANCES as f64 - strain.lost;
        let arriving = rate + self.backlog / step;
        let held =
            (4.0 + arriving / up * database * (1.0 - hits) / 1e3 + strain.connections).min(POOL);
        // A pool that runs out makes calls wait.
        let pool = ((held - 0.9 * POOL) / (0.1 * POOL)).clamp(0.0, 1.0);
        let busy = work * (1.0 + collecting) + 0.15 * (1.0 - hits) * database;
        let cpu = (arriving * busy / 1e3 / (up * CORES * strain.capacity)).max(0.02);
        let waiting = busy * cpu.min(0.97).powi(4) / (1.0 - cpu.min(0.97)) + 900.0 * pool;
        let served = (up * CORES * strain.capacity / busy * 1e3 * step).min(calls + self.backlog);
        self.backlog =
            (calls + self.backlog - served + strain.backlog * step).clamp(0.0, 40.0 * WORKERS * up);
        let behind = 1e3 * self.backlog / (served / step).max(1.0);

        let median = work + hits * 1.0 + (1.0 - hits) * database + waiting + behind + strain.delay;
        let tail = median * (2.2 + 0.1 * normal(&mut self.rng).abs())
            + 2.0 * database
            + strain.tail
            + 250.0 * collecting;
        let full = if self.disk >= DISK_LIMIT { 0.5 } else { 0.0 };
        let failing = (0.0002 + strain.errors + full + (cpu - 1.0).clamp(0.0, 1.0)).min(1.0);
        self.answer(&Answering { calls, median, tail, failing }, strain, |metrics, rng| {
            metrics.database = database * (1.0 + 0.02 * normal(rng));
            metrics.cpu = (cpu * (1.0 + 0.03 * normal(rng))).clamp(0.0, 1.0);
            metrics.cache_hits = hits;
            metrics.connections = (held + 0.5 * normal(rng)).max(0.0).round();
        })
    }

    fn memory(&mut self, calls: f64, strain: &Strain) {
        self.kept += strain.leak * STEP as f64;
        self.garbage += 0.004 * calls * (1.0 + 0.1 * normal(&mut self.rng));
        if self.garbage > 250.0 || self.kept + self.garbage > 0.97 * MEMORY_LIMIT {
            self.garbage = 10.0 + 5.0 * normal(&mut self.rng).abs();
        }
    }

    fn answer(
        &mut self,
        answering: &Answering,
        strain: &Strain,
        rest: impl FnOnce(&mut Metrics, &mut Rng),
    ) -> Metrics {
        let &Answering { calls, median, tail, failing } = answering;
        let mut metrics = Metrics { calls, ..Metrics::default() };
        let rng = &mut self.rng;
        let errors = (0..INSTANCES).map(|n| {
            let share = poisson(rng, calls / INSTANCES as f64);
            binomial(rng, share, failing + if n == 0 { strain.one_fails } else { 0.0 })
        });
        let errors: f64 = errors.sum();
        // The instances that are lost answer nothing: the balancer finds out after a while.
        metrics.errors = (errors + binomial(rng, calls, strain.lost_unnoticed)).min(calls);
        // Log-normal: the share of answers that take longer than users wait.
        let spread = ((tail / median).ln() / 2.326).max(0.05);
        let late = upper_tail((PATIENCE / median).ln() / spread);
        let one = upper_tail((PATIENCE / (median + strain.one_slow)).ln() / spread);
        let share = late + (one - late) / INSTANCES as f64;
        metrics.good = calls - metrics.errors - binomial(rng, calls - metrics.errors, share);
        let measured = |value: f64, noise: f64| value * (1.0 + noise);
        let sixth = strain.one_slow / INSTANCES as f64;
        metrics.median = measured(median + 0.3 * sixth, 0.02 * normal(rng));
        metrics.p99 = measured(tail + strain.one_slow, 0.06 * normal(rng));
        metrics.backlog = (self.backlog + normal(rng).abs()).round();
        metrics.memory = self.kept + self.garbage;
        metrics.disk = self.disk;
        rest(&mut metrics, rng);
        metrics
    }
}

struct Answering {
    calls: f64,
    median: f64,
    tail: f64,
    failing: f64,
}

/// How often a standard normal value is larger.
fn upper_tail(z: f64) -> f64 {
    // Abramowitz and Stegun, 26.2.17, exact to 8e-8.
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let terms = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let sum = terms.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let upper = (-0.5 * z * z).exp() / core::f64::consts::TAU.sqrt() * sum;
    if z < 0.0 { 1.0 - upper } else { upper }
}
