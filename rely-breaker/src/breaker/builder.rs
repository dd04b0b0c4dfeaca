use core::fmt;
use core::hash::BuildHasher;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, OnceLock};

use rely_core::window::TimeWindowConfig;
use rely_core::{Clock, ConfigError, Events, Ratio, Recorder, Signal};

use super::shared::Helpers;
use super::{Breaker, NamedChange, OpenTimeFn, Shared};
use crate::machine::{Change, Machine};
use crate::{
    AfterTrialLimit, BreakerConfig, BreakerSnapshot, Cancelled, OpenBackoff, Ramp, SlowCalls,
    TripOn, Window,
};

/// How a [`Breaker`] is made; see [`BreakerConfig`] for defaults and bounds.
#[derive(Clone)]
#[must_use]
pub struct BreakerBuilder {
    name: Arc<str>,
    clock: Clock,
    config: Arc<BreakerConfig>,
    seed: Option<u64>,
    record: Option<NonZeroUsize>,
    probe: Option<Arc<dyn Signal>>,
    open_time: Option<OpenTimeFn>,
    report_to: Option<Events<NamedChange>>,
    snapshot: Option<Arc<BreakerSnapshot>>,
}

impl BreakerBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            clock: Clock::system(),
            config: default_config(),
            seed: None,
            record: None,
            probe: None,
            open_time: None,
            report_to: None,
            snapshot: None,
        }
    }

    /// Takes over a whole configuration, read from a file for example. Many breakers may share one.
    pub fn config(mut self, config: impl Into<Arc<BreakerConfig>>) -> Self {
        self.config = config.into();
        self
    }

    fn set(mut self, set: impl FnOnce(&mut BreakerConfig)) -> Self {
        set(Arc::make_mut(&mut self.config));
        self
    }

    /// The share of bad calls at which the breaker opens.
    pub fn failure_rate(self, rate: Ratio) -> Self {
        self.set(|config| config.failure_rate = Some(rate))
    }

    /// Has the share of bad calls open nothing; another rule has to be on.
    pub fn without_failure_rate(self) -> Self {
        self.set(|config| config.failure_rate = None)
    }

    /// Has the breaker open when this share of the calls takes `longer_than` or longer.
    pub fn slow_calls(self, longer_than: Duration, rate: Ratio) -> Self {
        self.set(|config| {
            config.slow_calls = Some(SlowCalls { longer_than, rate, in_flight: false });
        })
    }

    /// The same, with calls counted as slow that are still under way after so long.
    pub fn slow_calls_in_flight(self, longer_than: Duration, rate: Ratio) -> Self {
        self.set(|config| {
            config.slow_calls = Some(SlowCalls { longer_than, rate, in_flight: true });
        })
    }

    /// Has the breaker open when so many calls in a row fail, however few there were.
    pub fn consecutive_failures(self, failures: u32) -> Self {
        self.set(|config| config.consecutive_failures = Some(failures))
    }

    /// Has the breaker open when so many calls of the window are bad, however many there are.
    pub fn failure_count(self, failures: u32) -> Self {
        self.set(|config| config.failure_count = Some(failures))
    }

    /// The window: which calls are looked at.
    pub fn window(self, window: Window) -> Self {
        self.set(|config| config.window = window)
    }

    /// Has the window hold the last `calls` calls.
    pub fn window_calls(self, calls: u32) -> Self {
        self.window(Window::Calls(calls))
    }

    /// Has the window hold the calls of the last `span`, in ten buckets.
    pub fn window_time(self, span: Duration) -> Self {
        self.window(Window::Time(TimeWindowConfig { span, ..TimeWindowConfig::default() }))
    }

    /// Below how many calls no rate is judged.
    pub fn minimum_calls(self, calls: u32) -> Self {
        self.set(|config| config.minimum_calls = calls)
    }

    /// How long the breaker stays open.
    pub fn open_for(self, time: Duration) -> Self {
        self.set(|config| config.open_for = time)
    }

    /// Has the open time grow while the other side does not recover.
    pub fn open_backoff(self, backoff: OpenBackoff) -> Self {
        self.set(|config| config.open_backoff = Some(backoff))
    }

    /// Has the rates judged below `minimum_calls` too, where what is known is evidence enough: so sure,
    /// that the true rate is over the threshold.
    pub fn evidence(self, confidence: Ratio) -> Self {
        self.set(|config| config.evidence = Some(confidence))
    }

    /// Which calls may be the one that trips.
    pub fn trip_on(self, trip_on: TripOn) -> Self {
        self.set(|config| config.trip_on = trip_on)
    }

    /// Has failing answers that ask to be left alone for a while hold the breaker open for as long, up
    /// to `longest`.
    pub fn retry_after(self, longest: Duration) -> Self {
        self.set(|config| config.retry_after = Some(longest))
    }

    /// How long to stay open after each change that opens, in place of the configured time: called
    /// with the change and how many openings are remembered, this one included (see
    /// [`Machine::openings`]), without a lock held. What was opened by hand is not asked about.
    pub fn open_time(
        mut self,
        how_long: impl Fn(&Change, u32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.open_time = Some(Arc::new(how_long));
        self
    }

    /// Somebody who knows how the other side is without a call. Asked when the open time is over:
    /// unhealthy keeps the breaker open for another
    /// [`probe_every`](BreakerConfig::probe_every). Under a [driver](Breaker::drive) it is asked that
    /// often while the breaker is open, and healthy ends the open time early. Trials decide either
    /// way; unknown counts for nothing.
    pub fn probe(mut self, probe: impl Signal + 'static) -> Self {
        self.probe = Some(Arc::new(probe));
        self
    }

    /// How often the probe is asked; 1 s by default.
    pub fn probe_every(self, time: Duration) -> Self {
        self.set(|config| config.probe_every = time)
    }

    /// Keeps up to so many inputs of the machine for
    /// [`take_recording`](Breaker::take_recording).
    pub const fn record(mut self, inputs: NonZeroUsize) -> Self {
        self.record = Some(inputs);
        self
    }

    /// Has the breaker let traffic through by and by after the trials passed, instead of at once.
    pub fn ramp(self, ramp: Ramp) -> Self {
        self.set(|config| config.ramp = Some(ramp))
    }

    /// Where the chance in growing open times starts; drawn by default, as no two breakers should
    /// wait alike.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How many trial calls decide.
    pub fn trials(self, trials: u32) -> Self {
        self.set(|config| config.trials = trials)
    }

    /// How long the trial calls may take together.
    pub fn trial_limit(self, limit: Duration) -> Self {
        self.set(|config| config.trial_limit = limit)
    }

    /// What becomes of the breaker when they took longer.
    pub fn trial_limit_to(self, next: AfterTrialLimit) -> Self {
        self.set(|config| config.trial_limit_to = next)
    }

    /// What a call counts for that nobody waited for.
    pub fn cancelled(self, cancelled: Cancelled) -> Self {
        self.set(|config| config.cancelled = cancelled)
    }

    /// Has the breaker decide and report, but reject nothing; see [`BreakerConfig::shadow`].
    pub fn shadow(self, shadow: bool) -> Self {
        self.set(|config| config.shadow = shadow)
    }

    /// The clock; the system's by default.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Has the breaker publish its changes there too, under its name: one place for the changes of many
    /// breakers.
    ///
    /// ```
    /// use core::num::NonZeroUsize;
    /// use rely_breaker::Breaker;
    /// use rely_core::Events;
    ///
    /// let changes = Events::new();
    /// let mut subscriber = changes.subscribe(NonZeroUsize::new(64).unwrap());
    /// let queue = Breaker::builder("queue").report_to(changes.clone()).build()?;
    /// let store = Breaker::builder("store").report_to(changes).build()?;
    ///
    /// store.force_open();
    /// let named = subscriber.try_next().and_then(|delivery| delivery.into_event()).unwrap();
    /// assert_eq!(&*named.name, "store");
    /// # drop(queue);
    /// # Ok::<(), rely_core::ConfigError>(())
    /// ```
    pub fn report_to(mut self, changes: Events<NamedChange>) -> Self {
        self.report_to = Some(changes);
        self
    }

    /// Has the breaker go on where another one was, in place of closed and empty: the same state and
    /// generation, for as long as was left, with the calls of the window and the run of failures. That
    /// it goes on is no change, and the calls are none of its own: [`status`](Breaker::status) counts
    /// from zero.
    ///
    /// Another configuration than the one that led here is taken as
    /// [`reconfigure`](Breaker::reconfigure) takes it: a window of calls of another size takes over the
    /// latest calls, a window of time the buckets; one of another kind begins empty. Trials that were
    /// under way may begin again. A [recording](Self::record) begins with the restored machine:
    /// [`Machine::restore`] gives the one to replay it.
    pub fn restore(mut self, snapshot: BreakerSnapshot) -> Self {
        self.snapshot = Some(Arc::new(snapshot));
        self
    }

    /// The breaker; closed, unless it is [restored](Self::restore).
    ///
    /// # Errors
    /// The first field that is out of range; `failure_rate` if no rule is on. Under `snapshot`, the
    /// first that no breaker could have kept.
    pub fn build(self) -> Result<Breaker, ConfigError> {
        let Self { name, clock, config, seed, record, probe, open_time, report_to, snapshot } =
            self;
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let now = clock.now();
        let machine = match &snapshot {
            None => Machine::new(config)?,
            Some(kept) => {
                let machine = Machine::restore(config, kept.machine(), now)?;
                kept.check().map_err(|error| error.within("snapshot"))?;
                machine
            }
        };
        let machine = machine.with_seed(seed);
        let helpers = Helpers { probe, open_time, report_to };
        let shared = Shared::new(name, clock, machine, record.map(Recorder::new), helpers)?;
        if let Some(kept) = snapshot {
            shared.restore(&kept, now);
        }
        Ok(Breaker::from_shared(shared))
    }
}

/// One for all breakers that are content with it.
fn default_config() -> Arc<BreakerConfig> {
    static DEFAULT: OnceLock<Arc<BreakerConfig>> = OnceLock::new();
    Arc::clone(DEFAULT.get_or_init(Arc::default))
}

impl fmt::Debug for BreakerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerBuilder")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
