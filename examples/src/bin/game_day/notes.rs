//! What is noted while the day goes on, by whoever sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rely_core::{Clock, Instant};

use crate::journal::Event;

/// The events of the day: a handle that everybody has.
#[derive(Clone)]
pub(crate) struct Notes {
    start: Instant,
    clock: Clock,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Notes {
    /// The day begins now.
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { start: clock.now(), clock: clock.clone(), events: Arc::default() }
    }

    /// Seconds from the beginning of the day to `at`.
    pub(crate) fn seconds(&self, at: Instant) -> f64 {
        (at - self.start).as_secs_f64()
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn now(&self) -> f64 {
        self.seconds(self.clock.now())
    }

    pub(crate) fn note(&self, kind: &str, label: impl Into<String>, tone: &str) {
        self.note_at(self.clock.now(), kind, label, tone);
    }

    pub(crate) fn note_at(&self, at: Instant, kind: &str, label: impl Into<String>, tone: &str) {
        let (at, kind, label, tone) = (self.seconds(at), kind.into(), label.into(), tone.into());
        self.events().push(Event { at, kind, label, tone });
    }

    /// When the first event of a kind was noted whose label begins like that, not before `since`.
    pub(crate) fn first(&self, since: f64, kind: &str, label: &str) -> Option<f64> {
        let events = self.events();
        let found = events.iter().filter(|event| {
            event.at >= since && event.kind == kind && event.label.starts_with(label)
        });
        found.map(|event| event.at).min_by(f64::total_cmp)
    }

    /// What was noted last.
    pub(crate) fn latest(&self) -> String {
        self.events().last().map_or_else(String::new, |event| event.label.clone())
    }

    /// All of them in order.
    pub(crate) fn take(&self) -> Vec<Event> {
        let mut events = core::mem::take(&mut *self.events());
        events.sort_by(|a, b| a.at.total_cmp(&b.at));
        events
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
