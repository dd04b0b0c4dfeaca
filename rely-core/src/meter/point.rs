//! Where the calls to one target are counted.

use core::fmt;
use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::config::Settings;
use super::{MeterLayer, Tally, Target};
use crate::instant::saturating_nanos;
use crate::latency::{LatencySnapshot, LatencyWindow};
use crate::window::TimeWindow;
use crate::{Class, Clock, ConfigError, Instant, Outcome, RejectedBy};

/// What one target's calls came to and how long they took, lately and since the start.
///
/// A cheap-clone handle: every clone counts in the same place.
#[derive(Clone)]
pub struct Point(Arc<Inner>);

struct Inner {
    target: Target,
    clock: Clock,
    settings: Settings,
    window: TimeWindow,
    success_latency: LatencyWindow,
    /// Made by the first failure: most targets of a healthy service never need it.
    failure_latency: OnceLock<Option<LatencyWindow>>,
    /// One for each shard of the window.
    totals: Box<[Totals]>,
}

/// Sums since the start, on cache lines of their own.
#[derive(Default)]
#[repr(align(128))]
struct Totals {
    classes: [AtomicU64; Class::KINDS],
    rejected_by: [AtomicU64; RejectedBy::KINDS],
    latency_nanos: AtomicU64,
}

impl Point {
    pub(super) fn new(
        target: Target,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, ConfigError> {
        let window = TimeWindow::builder(settings.window)
            .buckets(settings.buckets)
            .lanes(Class::KINDS)
            .shards(settings.shards)
            .build()?;
        let shards = settings.shards.next_power_of_two();
        Ok(Self(Arc::new(Inner {
            target,
            clock,
            settings,
            window,
            success_latency: settings.latency_window()?,
            failure_latency: OnceLock::new(),
            totals: (0..shards).map(|_| Totals::default()).collect(),
        })))
    }

    /// What is measured here.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.0.target
    }

    /// The clock that its instants come from.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The tower layer that counts here, with every `Err` a failure unless told otherwise.
    #[must_use]
    pub fn layer(&self) -> MeterLayer {
        MeterLayer::new(self.clone())
    }

    /// Somebody besides the registry holds this point.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Counts a call that has just ended and took `latency`.
    pub fn record(&self, outcome: Outcome, latency: Duration) {
        self.record_at(self.0.clock.coarse_now(), outcome, latency);
    }

    /// Counts a call that ended at `now` and took `latency`.
    ///
    /// Its weight counts in the tallies. Latencies of successes and of bad calls are kept apart, one
    /// for each call; calls that were ignored, cancelled or rejected have none that means anything.
    pub fn record_at(&self, now: Instant, outcome: Outcome, latency: Duration) {
        self.record_nanos(now, outcome, saturating_nanos(latency));
    }

    #[inline]
    pub(super) fn record_nanos(&self, now: Instant, outcome: Outcome, latency: u64) {
        let inner = &*self.0;
        let lane = outcome.class.index();
        let weight = u64::from(outcome.weight.get());
        let moment = inner.window.moment(now);
        inner.window.record_at(moment, lane, weight);
        let totals = &inner.totals[moment.shard()];
        totals.classes[lane].fetch_add(weight, Ordering::Relaxed);
        match outcome.class {
            Class::Success => inner.success_latency.record_nanos(now, latency),
            Class::Failure | Class::SoftFailure => inner.record_failure(now, latency),
            Class::Ignored | Class::Cancelled => return,
            Class::Rejected(by) => {
                totals.rejected_by[by.index()].fetch_add(weight, Ordering::Relaxed);
                return;
            }
        }
        totals.latency_nanos.fetch_add(latency, Ordering::Relaxed);
    }

    /// The calls of the window at `now`.
    #[must_use]
    pub fn tally(&self, now: Instant) -> Tally {
        let mut lanes = [0; Class::KINDS];
        self.0.window.add_to(now, 0, &mut lanes);
        Tally::from_lanes(lanes)
    }

    /// The window's buckets at `now`, newest first.
    #[must_use]
    pub fn tallies(&self, now: Instant) -> Vec<Tally> {
        let lanes = |bucket: Vec<u64>| <[u64; Class::KINDS]>::try_from(bucket).unwrap_or_default();
        self.0.window.buckets(now).into_iter().map(lanes).map(Tally::from_lanes).collect()
    }

    /// The calls since the point was made.
    #[must_use]
    pub fn lifetime(&self) -> Tally {
        Tally::from_lanes(core::array::from_fn(|lane| self.total(|totals| &totals.classes[lane])))
    }

    /// The sum of the latencies of successes and bad calls since the point was made; it wraps after
    /// 584 years.
    #[must_use]
    pub fn lifetime_latency(&self) -> Duration {
        Duration::from_nanos(self.total(|totals| &totals.latency_nanos))
    }

    /// How long the successes of the window took, as a window of its own.
    #[must_use]
    pub fn latencies(&self) -> &LatencyWindow {
        &self.0.success_latency
    }

    fn total(&self, of: impl Fn(&Totals) -> &AtomicU64) -> u64 {
        let totals = self.0.totals.iter();
        totals.fold(0, |sum, totals| sum.wrapping_add(of(totals).load(Ordering::Relaxed)))
    }

    /// Everything that is known at `now`.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> PointSnapshot {
        let inner = &*self.0;
        let scale = inner.settings.scale;
        let failures = inner.failure_latency.get().and_then(Option::as_ref);
        PointSnapshot {
            target: inner.target.clone(),
            at: now,
            window: inner.window.span(),
            tally: self.tally(now),
            latency: inner.success_latency.snapshot(now),
            failure_latency: failures
                .map_or_else(|| LatencySnapshot::empty(scale), |window| window.snapshot(now)),
            lifetime: self.lifetime(),
            lifetime_latency: self.lifetime_latency(),
            rejected_by: RejectedBy::ALL
                .map(|by| (by, self.total(|totals| &totals.rejected_by[by.index()])))
                .into_iter()
                .filter(|(_, calls)| *calls > 0)
                .collect(),
            late: inner.window.late(),
        }
    }
}

impl Inner {
    #[cold]
    fn record_failure(&self, now: Instant, latency: u64) {
        // The same settings made the window of the successes.
        let window = self.failure_latency.get_or_init(|| self.settings.latency_window().ok());
        if let Some(window) = window {
            window.record_nanos(now, latency);
        }
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Point").field("target", &self.0.target).finish_non_exhaustive()
    }
}

/// Everything that a [`Point`] knew at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PointSnapshot {
    /// What was measured.
    pub target: Target,
    /// When it was read.
    pub at: Instant,
    /// How far back the window reaches.
    pub window: Duration,
    /// The calls of the window.
    pub tally: Tally,
    /// How long the window's successes took.
    pub latency: LatencySnapshot,
    /// How long the window's failures and soft failures took.
    pub failure_latency: LatencySnapshot,
    /// The calls since the point was made.
    pub lifetime: Tally,
    /// The sum of the latencies of successes and bad calls since the point was made; it wraps after
    /// 584 years.
    pub lifetime_latency: Duration,
    /// Which parts of ours refused calls since the point was made; those that did not are left out.
    pub rejected_by: Vec<(RejectedBy, u64)>,
    /// Calls that the window left out because they came from before it.
    pub late: u64,
}
