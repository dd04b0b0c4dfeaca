//! All of a breaker that has a size: it is made for a configuration, and for another one anew.

use core::time::Duration;
use std::sync::OnceLock;

use rely_core::window::Counts;
use rely_core::{ConfigError, Instant};

use super::calls::{Calls, InFlight};
use crate::word::Word;
use crate::{BreakerConfig, BreakerSnapshot, Cancelled, State, Window};

/// What decides on the size.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Form {
    window: Window,
    slow: bool,
    cancellations: bool,
    in_flight: Option<Duration>,
}

impl Form {
    pub(super) fn of(config: &BreakerConfig) -> Self {
        let slow = config.slow_calls;
        Self {
            window: config.window,
            slow: slow.is_some(),
            cancellations: matches!(config.cancelled, Cancelled::FailureFrom(_)),
            in_flight: slow.filter(|rule| rule.in_flight).map(|rule| rule.longer_than),
        }
    }
}

pub(super) struct Shape {
    /// Its epoch is always the low bits of the word's generation.
    pub(super) calls: Calls,
    pub(super) more: Option<Box<More>>,
    /// The one that was made after it.
    next: OnceLock<Box<Self>>,
}

/// What few configurations ask for.
pub(super) struct More {
    /// All calls that ended, the cancelled ones of them as bad.
    pub(super) cancellations: Option<Calls>,
    pub(super) in_flight: Option<InFlight>,
}

impl Shape {
    pub(super) fn new(config: &BreakerConfig, epoch: u16) -> Result<Self, ConfigError> {
        let form = Form::of(config);
        let calls = Calls::new(form.window, form.slow, epoch)?;
        let more = (form.cancellations || form.in_flight.is_some()).then(|| {
            let cancellations =
                form.cancellations.then(|| Calls::new(form.window, false, epoch)).transpose()?;
            let in_flight =
                form.in_flight.map(|longer_than| InFlight::new(longer_than, epoch)).transpose()?;
            Ok::<_, ConfigError>(Box::new(More { cancellations, in_flight }))
        });
        Ok(Self { calls, more: more.transpose()?, next: OnceLock::new() })
    }

    /// Whether something has to be taken down when a call begins, or a good call takes more than to be
    /// put into the window.
    pub(super) fn takes_more(&self) -> bool {
        let more = match &self.calls {
            Calls::Count(window) => window.has_slow(),
            Calls::Weighted(_) => true,
            Calls::Time(calls) => calls.has_slow(),
        };
        more || self.more.is_some()
    }

    /// Whether a call that ends has to be told the time.
    pub(super) const fn is_timed(&self) -> bool {
        self.calls.is_timed()
    }

    pub(super) fn cancellations(&self) -> Option<&Calls> {
        self.more.as_ref()?.cancellations.as_ref()
    }

    pub(super) fn in_flight(&self) -> Option<&InFlight> {
        self.more.as_ref()?.in_flight.as_ref()
    }

    pub(super) fn nth(&self, n: usize) -> &Self {
        self.all().nth(n).unwrap_or(self)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Self> {
        core::iter::successors(Some(self), |shape| shape.next.get().map(Box::as_ref))
    }

    /// One more, with a number. Only the holder of the machine's lock adds one.
    fn add(&self, config: &BreakerConfig, generation: u64) -> Result<usize, ConfigError> {
        let number = self.all().count();
        let made = Box::new(Self::new(config, epoch(generation))?);
        let _ = self.nth(number - 1).next.set(made);
        Ok(number)
    }

    /// Begins an epoch: all of them, so that no call of an older one counts anywhere.
    pub(super) fn reset_all(&self) {
        for shape in self.all() {
            shape.calls.reset();
            if let Some(more) = &shape.more {
                if let Some(cancellations) = &more.cancellations {
                    cancellations.reset();
                }
                if let Some(in_flight) = &more.in_flight {
                    in_flight.reset();
                }
            }
        }
    }

    /// Takes over what another shape's window holds, and says what that is.
    pub(super) fn adopt(&self, from: &Self, generation: u64, now: Instant) -> Counts {
        let epoch = epoch(generation);
        if let (Some(to), Some(from)) = (self.cancellations(), from.cancellations()) {
            to.adopt(from, epoch, now);
        }
        self.taken_by(|calls| calls.adopt(&from.calls, epoch, now))
    }

    /// The same for what was kept of one.
    pub(super) fn restore(&self, kept: &BreakerSnapshot, generation: u64, now: Instant) -> Counts {
        let epoch = epoch(generation);
        if let (Some(to), Some(kept)) = (self.cancellations(), &kept.cancellations) {
            to.restore(kept, epoch, now);
        }
        self.taken_by(|calls| calls.restore(&kept.window, epoch, now))
    }

    /// What the window takes in while nobody else records.
    fn taken_by(&self, record: impl FnOnce(&Calls)) -> Counts {
        let before = self.calls.lifetime();
        record(&self.calls);
        let after = self.calls.lifetime();
        Counts {
            total: after.total.saturating_sub(before.total),
            bad: after.bad.saturating_sub(before.bad),
            slow: after.slow.saturating_sub(before.slow),
        }
    }
}

/// The forms of all shapes but the first, which stands for itself until there is another.
#[derive(Default)]
pub(super) struct Forms {
    known: Vec<Known>,
    /// By how many the trials under way are more than may be, since fewer were configured.
    pub(super) surplus: u32,
}

struct Known {
    form: Form,
    /// The generation in which another one took over: calls of it may still be there.
    given_up: Option<u64>,
}

/// More than anybody changes the size of a running breaker to, and a bound on what it keeps.
const FORMS: usize = 64;

impl Forms {
    /// The number of the shape for a new configuration: the current one, or one that is empty, made if
    /// there is none. Those that were given up stay: a call that has one in its hand needs no lock.
    pub(super) fn change(
        &mut self,
        first: &Shape,
        current: usize,
        [old, new]: [&BreakerConfig; 2],
        generation: u64,
    ) -> Result<usize, ConfigError> {
        let form = Form::of(new);
        if Form::of(old) == form {
            return Ok(current);
        }
        if self.known.is_empty() {
            self.known.push(Known { form: Form::of(old), given_up: None });
        }
        let is_empty = |known: &Known| known.given_up != Some(generation);
        let known = self.known.iter().position(|known| known.form == form && is_empty(known));
        let next = match known {
            Some(number) => number,
            None if self.known.len() >= FORMS => {
                let allowed = "the size that it has, until the breaker has changed its state, or that of a new breaker";
                return Err(ConfigError::new("window", format_args!("{:?}", new.window), allowed));
            }
            None => {
                let number = first.add(new, generation)?;
                self.known.push(Known { form, given_up: None });
                number
            }
        };
        if let Some(known) = self.known.get_mut(current) {
            known.given_up = Some(generation);
        }
        Ok(next)
    }
}

/// What a window calls a generation.
pub(super) fn epoch(generation: u64) -> u16 {
    Word::new(State::Closed, generation, 0).tag().epoch()
}
