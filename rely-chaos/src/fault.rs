//! What goes wrong, and for how many calls.

use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

/// What happens to a call that a fault hits.
///
/// | effect | the service behind | the caller |
/// |---|---|---|
/// | latency | is called at once | gets its answer, good or bad, later by the delay |
/// | error | is not called | gets at once what the point's user makes of an injected error |
/// | hang | is not called | waits |
/// | outage | is not called, and calls in flight are dropped | gets the injected error at once, in flight as well |
///
/// Whatever is held lets go when the fault ends, by its owner, its time to live or the kill switch:
/// a late answer is then handed over, and a hung call ends as an injected error. So no fault stays
/// behind in calls without a timeout of their own.
///
/// An outage hits every call, and only points that
/// [cut calls in flight](crate::FaultPointBuilder::cuts_in_flight) can have one: without that it
/// would be an error under another name. A call is in flight until its future has answered; what is
/// still being read of a response's body by then is past the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Effect {
    /// The answer comes late.
    Latency {
        /// By how much; more than zero, exact to the precision of the clock's timers.
        #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
        #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
        delay: Duration,
    },
    /// The call fails.
    Error,
    /// The answer never comes.
    Hang,
    /// What is behind the point is gone, and so are the calls that were on their way.
    Outage,
}

/// What goes wrong, and for which share of the calls.
///
/// ```
/// use core::time::Duration;
/// use rely_chaos::Fault;
/// use rely_core::Ratio;
///
/// let slow = Fault::latency(Duration::from_millis(250)).for_share(Ratio::percent(10.0)?);
/// assert!(slow.check().is_ok());
/// assert_eq!(Fault::hang().share, Ratio::ONE);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fault {
    /// What happens to the calls that are hit.
    pub effect: Effect,
    /// The share of calls that are hit; more than 0 %, and all of them by default.
    #[cfg_attr(feature = "serde", serde(default = "all"))]
    pub share: Ratio,
}

#[cfg(feature = "serde")]
const fn all() -> Ratio {
    Ratio::ONE
}

impl Fault {
    /// `effect` for every call.
    #[must_use]
    pub const fn new(effect: Effect) -> Self {
        Self { effect, share: Ratio::ONE }
    }

    /// Every answer comes late by `delay`.
    #[must_use]
    pub const fn latency(delay: Duration) -> Self {
        Self::new(Effect::Latency { delay })
    }

    /// Every call fails.
    #[must_use]
    pub const fn error() -> Self {
        Self::new(Effect::Error)
    }

    /// No answer ever comes.
    #[must_use]
    pub const fn hang() -> Self {
        Self::new(Effect::Hang)
    }

    /// Every call fails, and those in flight are cut when the fault is armed.
    #[must_use]
    pub const fn outage() -> Self {
        Self::new(Effect::Outage)
    }

    /// The same for a share of the calls.
    #[must_use]
    pub const fn for_share(self, share: Ratio) -> Self {
        Self { share, ..self }
    }

    /// Checks that the fault can do anything at all: one that never can would prove nothing.
    ///
    /// # Errors
    /// If the share or the delay is zero, or an outage has a share.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Effect::Latency { delay } = self.effect {
            config::nonzero("effect.latency.delay", delay)?;
        }
        if self.share == Ratio::ZERO {
            return Err(ConfigError::new("share", self.share, "over 0 %"));
        }
        if self.effect == Effect::Outage && self.share != Ratio::ONE {
            return Err(ConfigError::new("share", self.share, "100 % for an outage"));
        }
        Ok(())
    }
}
