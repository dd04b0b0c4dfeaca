//! The shell: a handle, a future that ticks, and subscribers.

use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rely_core::{Clock, ConfigError, Events, Instant, Recorder, Recording, Subscriber, config};

use super::command::{Command, CommandError};
use super::effect::Effect;
use super::hygiene::Hygiene;
use super::incident::Incident;
use super::labels::AlertKey;
use super::machine::Alerts;
use super::observation::Observation;
use super::replay::Input;
use super::series::AlertState;
use super::snapshot::AlertsSnapshot;
use crate::Labels;
use crate::drive::{Drive, Driven};

/// [`Alerts`] in service: time from a clock, effects to subscribers. Cloning is cheap.
///
/// Nothing is sent and nothing is spawned: whoever sends pages [subscribes](Self::subscribe) and reads
/// the [`Effect::Notify`] among the effects; whoever has no loop of their own runs the
/// [`driver`](Self::driver) on any executor.
///
/// ```
/// use core::num::NonZeroUsize;
/// use core::time::Duration;
/// use rely_core::event::Delivery;
/// use rely_core::{Clock, Level};
/// use rely_detect::alert::{AlertDesk, AlertRule, Alerts, Effect, Labels, Observation, Route};
///
/// let (clock, manual) = Clock::manual();
/// let alerts = Alerts::builder("shop").rule(AlertRule::new("latency")).route(Route::to("pager"));
/// let desk = AlertDesk::new(alerts.build()?, clock);
/// let mut pager = desk.subscribe(NonZeroUsize::new(100).expect("not zero"));
///
/// let labels = Labels::of([("service", "orders")]);
/// desk.observe("latency", &labels, Observation::new(Level::Unhealthy).suspect("deploy 42"));
/// manual.advance(Duration::from_secs(30));
/// desk.tick();
///
/// let mut pages = Vec::new();
/// while let Some(Delivery::Event(effect)) = pager.try_next() {
///     if let Effect::Notify(page) = &*effect {
///         pages.push(page.to_string());
///     }
/// }
/// assert_eq!(
///     pages,
///     ["new to pager: shop/1: latency{service=orders}; suspect: deploy 42"],
/// );
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
pub struct AlertDesk(Arc<Shared>);

struct Shared {
    clock: Clock,
    live: Mutex<Live>,
    events: Events<Effect>,
}

struct Live {
    alerts: Alerts,
    recorder: Option<Recorder<Input>>,
}

/// The future that lets time pass for an [`AlertDesk`]; the user runs it.
pub type AlertDriver<F> = Drive<Desk<F>>;

/// What an [`AlertDriver`] drives: a desk, and who is asked for suspects.
pub struct Desk<F> {
    desk: AlertDesk,
    suspects: F,
}

impl AlertDesk {
    /// A desk for `alerts`, with time from `clock`.
    #[must_use]
    pub fn new(alerts: Alerts, clock: Clock) -> Self {
        let live = Mutex::new(Live { alerts, recorder: None });
        Self(Arc::new(Shared { clock, live, events: Events::new() }))
    }

    /// Takes in what is seen of a series; see [`Alerts::observe`].
    pub fn observe(
        &self,
        rule: &str,
        labels: &Labels,
        seen: impl Into<Observation>,
    ) -> Option<AlertState> {
        let seen = seen.into();
        let mut live = self.live();
        let now = self.0.clock.now();
        if live.recorder.is_some() {
            let input = Input::Observed(AlertKey::new(rule, labels.clone()), seen.clone());
            live.record(now, input);
        }
        live.alerts.observe(now, rule, labels, seen)
    }

    /// Does what somebody wants; see [`Alerts::command`].
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn command(&self, command: Command) -> Result<(), CommandError> {
        let mut live = self.live();
        let now = self.0.clock.now();
        if live.recorder.is_some() {
            live.record(now, Input::Command(command.clone()));
        }
        live.alerts.command(now, command)
    }

    /// Lets time pass up to now, and publishes what happened.
    pub fn tick(&self) {
        self.tick_asking(&|_: &Incident| None);
    }

    /// The same; for incidents of which nobody was told and nobody is suspected, `suspects` is asked
    /// before.
    pub fn tick_asking(&self, suspects: &impl Fn(&Incident) -> Option<String>) {
        // Asked without the lock: it is the user's code.
        let blank: Vec<Incident> = {
            let live = self.live();
            let all = live.alerts.incidents();
            all.filter(|one| one.notified.is_none() && one.suspects.is_empty()).cloned().collect()
        };
        for incident in &blank {
            if let Some(suspect) = suspects(incident) {
                // The incident may be over by now, which is no harm.
                let _ = self.command(Command::Suspect { incident: incident.id, suspect });
            }
        }
        let mut live = self.live();
        let now = self.0.clock.now();
        live.record(now, Input::Tick);
        let effects = live.alerts.tick(now);
        // Pushed under the lock, so that they come in order; woken without it.
        let push = |effect| self.0.events.push_with(|| effect);
        let wakes: Vec<_> = effects.into_iter().map(push).collect();
        drop(live);
        wakes.into_iter().for_each(rely_core::event::Wakes::wake);
    }

    /// A future that ticks `every` so often, and asks `suspects` who is to blame before anybody is
    /// called. It ends soon after the last other handle is gone.
    ///
    /// # Errors
    /// If `every` is zero.
    pub fn driver<F>(&self, every: Duration, suspects: F) -> Result<AlertDriver<F>, ConfigError>
    where
        F: Fn(&Incident) -> Option<String>,
    {
        config::nonzero("every", every)?;
        let desk = Desk { desk: self.clone(), suspects };
        Ok(Drive::new(desk, self.0.clock.clone(), every))
    }

    /// All effects from now on, of which `capacity` may wait unread. What is lost is counted there.
    pub fn subscribe(&self, capacity: NonZeroUsize) -> Subscriber<Effect> {
        self.0.events.subscribe(capacity)
    }

    /// Which rules are worth their noise.
    #[must_use]
    pub fn hygiene(&self) -> Hygiene {
        self.live().alerts.hygiene()
    }

    /// The open incidents.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        self.live().alerts.incidents().cloned().collect()
    }

    /// Everything that it knows.
    #[must_use]
    pub fn snapshot(&self) -> AlertsSnapshot {
        self.live().alerts.snapshot()
    }

    /// Records what is taken in from now on, at most `capacity` inputs at a time.
    pub fn record(&self, capacity: NonZeroUsize) {
        self.live().recorder = Some(Recorder::new(capacity));
    }

    /// What was recorded since the last time, if it is.
    #[must_use]
    pub fn take_recording(&self) -> Option<Recording<Input>> {
        self.live().recorder.as_mut().map(Recorder::take)
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn record(&mut self, now: Instant, input: Input) {
        if let Some(recorder) = &mut self.recorder {
            recorder.record(now, input);
        }
    }
}

impl<F: Fn(&Incident) -> Option<String>> Driven for Desk<F> {
    fn tick(&mut self, _now: Instant) {
        self.desk.tick_asking(&self.suspects);
    }

    fn is_alone(&self) -> bool {
        Arc::strong_count(&self.desk.0) == 1
    }
}

impl Clone for AlertDesk {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl fmt::Debug for AlertDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertDesk").field("clock", &self.0.clock).finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Desk<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("desk", &self.desk).finish_non_exhaustive()
    }
}
