use core::time::Duration;

use super::Signal;
use crate::{Instant, Level, Verdict};

/// Ways to bend one signal, on every signal.
pub trait SignalExt: Signal + Sized {
    /// Lets a bad level count only once it has held for `duration`; see [`ForAtLeast`].
    fn for_at_least(self, duration: Duration) -> ForAtLeast<Self> {
        ForAtLeast { signal: self, duration }
    }

    /// Reads unhealthy as degraded, for what a service can live without; see [`DegradedAtWorst`].
    fn degraded_at_worst(self) -> DegradedAtWorst<Self> {
        DegradedAtWorst { signal: self }
    }

    /// Lets a verdict become stale once its evidence is older than `age`; see [`MaxAge`].
    fn max_age(self, age: Duration) -> MaxAge<Self> {
        MaxAge { signal: self, age }
    }
}

impl<S: Signal> SignalExt for S {}

/// A signal whose bad levels count only once they have held; made by [`SignalExt::for_at_least`].
///
/// | the signal says | and has since | this says |
/// |---|---|---|
/// | healthy | any time | healthy at once: recovery does not wait |
/// | degraded or unhealthy | less than the duration | healthy, with the reason `pending: …` |
/// | degraded or unhealthy | the duration or longer | the same (an exact hit counts) |
/// | unknown | any time | unknown at once: ignorance does not wait |
///
/// It keeps no state and trusts [`Verdict::since`], which it passes on. So a source that changes
/// between degraded and unhealthy begins a new wait with every change.
///
/// ```
/// use core::time::Duration;
/// use rely_core::signal::{Signal, SignalExt};
/// use rely_core::{Instant, Level, Verdict};
///
/// let broke = Instant::ORIGIN + Duration::from_secs(100);
/// let signal = (move |now: Instant| Verdict::new(Level::Unhealthy, now).since(broke))
///     .for_at_least(Duration::from_secs(30));
///
/// assert_eq!(signal.verdict(broke + Duration::from_secs(29)).level, Level::Healthy);
/// assert_eq!(signal.verdict(broke + Duration::from_secs(30)).level, Level::Unhealthy);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ForAtLeast<S> {
    signal: S,
    duration: Duration,
}

impl<S: Signal> Signal for ForAtLeast<S> {
    fn verdict(&self, now: Instant) -> Verdict {
        let verdict = self.signal.verdict(now).at(now);
        if !matches!(verdict.level, Level::Degraded | Level::Unhealthy) {
            return verdict;
        }
        let held = now - verdict.since;
        if held >= self.duration {
            return verdict;
        }
        let last_pending = verdict.since + self.duration - Duration::from_nanos(1);
        let reason = format!(
            "pending: {} for {held:?} of {:?}: {}",
            verdict.level, self.duration, verdict.reason
        );
        Verdict {
            level: Level::Healthy,
            valid_until: verdict.valid_until.min(last_pending),
            ..verdict
        }
        .because(reason)
    }
}

/// A signal that says degraded where another says unhealthy; made by
/// [`SignalExt::degraded_at_worst`]. Everything else passes through, unknown included.
#[derive(Clone, Copy, Debug)]
pub struct DegradedAtWorst<S> {
    signal: S,
}

impl<S: Signal> Signal for DegradedAtWorst<S> {
    fn verdict(&self, now: Instant) -> Verdict {
        let mut verdict = self.signal.verdict(now).at(now);
        if verdict.level == Level::Unhealthy {
            verdict.level = Level::Degraded;
        }
        verdict
    }
}

/// A signal whose verdicts go stale; made by [`SignalExt::max_age`].
///
/// A verdict may be used until its `as_of` plus the age, or until its own `valid_until` if that is
/// earlier. Evidence from the future counts as evidence of now.
#[derive(Clone, Copy, Debug)]
pub struct MaxAge<S> {
    signal: S,
    age: Duration,
}

impl<S: Signal> Signal for MaxAge<S> {
    fn verdict(&self, now: Instant) -> Verdict {
        let mut verdict = self.signal.verdict(now).at(now);
        if verdict.level != Level::Unknown {
            let end = verdict.as_of.min(now) + self.age;
            verdict.valid_until = verdict.valid_until.min(end);
        }
        verdict.at(now)
    }
}
