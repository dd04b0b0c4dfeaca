use core::fmt;
use core::time::Duration;
use std::error::Error;
use std::sync::Arc;

use rely_core::{Ratio, Refusal, RejectedBy};

use crate::State;

/// A call that the breaker did not let through.
///
/// Its [`source`](Error::source) is a [`Refusal`], so that a meter outside counts the call as rejected
/// and no failure rate feeds on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The breaker's name.
    pub name: Arc<str>,
    /// The state that the breaker was in. A throttle has no other than closed: calls go through and
    /// are counted, and chance rejects a share of them.
    pub state: State,
    /// Why it rejected.
    pub reason: RejectedReason,
    /// After how long another call may get through; nothing where that depends on calls under way or
    /// on somebody's command.
    pub retry_after: Option<Duration>,
    pub(crate) refusal: Refusal,
}

impl Rejected {
    pub(crate) const fn new(
        name: Arc<str>,
        state: State,
        reason: RejectedReason,
        retry_after: Option<Duration>,
    ) -> Self {
        let refusal = Refusal::new(RejectedBy::Breaker);
        Self { name, state, reason, retry_after, refusal }
    }
}

/// Why a breaker rejected a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectedReason {
    /// It is open.
    Open,
    /// It was forced open, until somebody says otherwise.
    ForcedOpen,
    /// It is half-open, and all its trial calls are under way.
    TrialsTaken,
    /// It is ramping, and the call is not one of the share that it lets through.
    Ramping,
    /// It was open when the service was polled ready, so the inner service was not asked; since then
    /// it has let calls through again. Trying again at once is right. Only with a layer that makes
    /// [no clones](crate::BreakerLayer::without_clone).
    InnerNotReady,
    /// It is a throttle, and chance decided; to try again at once defeats it.
    Throttled {
        /// The share of calls that it rejects.
        share: Ratio,
    },
    /// A registry of breakers has no room for the call's key, and was told to refuse such calls. There
    /// is no breaker: the name is the registry's, and the state reads as open.
    RegistryFull,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let throttled = matches!(self.reason, RejectedReason::Throttled { .. });
        let what = if throttled { "throttle" } else { "circuit breaker" };
        write!(f, "{what} {} ", self.name)?;
        match self.reason {
            RejectedReason::Open => f.write_str("is open")?,
            RejectedReason::ForcedOpen => f.write_str("is forced open")?,
            RejectedReason::RegistryFull => f.write_str("has no room for another key")?,
            RejectedReason::TrialsTaken => f.write_str("is half-open and all trials are taken")?,
            RejectedReason::Ramping => f.write_str("lets only a share of the calls through")?,
            RejectedReason::InnerNotReady => {
                return f.write_str(
                    "lets calls through again, its service is not ready yet, retry now",
                );
            }
            RejectedReason::Throttled { share } => write!(f, "rejects {share} of such calls")?,
        }
        match self.retry_after {
            Some(wait) => write!(f, ", retry in {wait:?}"),
            None => Ok(()),
        }
    }
}

impl Error for Rejected {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.refusal)
    }
}

/// What a call through a breaker may end with: a rejection, or the error of the call itself.
///
/// It reads as what it holds, which is also its source: so whoever has it in a box finds the
/// [`Rejected`], and a classifier the refusal or the `io::Error` that the inner error is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakerError<E> {
    /// The breaker did not let the call through.
    Rejected(Rejected),
    /// The call went through and failed.
    Inner(E),
}

impl<E> BreakerError<E> {
    /// The rejection, if it is one.
    pub const fn rejected(&self) -> Option<&Rejected> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(_) => None,
        }
    }

    /// The error of the call itself, if it went through.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E> From<Rejected> for BreakerError<E> {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl<E: fmt::Display> fmt::Display for BreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejected) => rejected.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for BreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejected) => Some(rejected),
            Self::Inner(error) => Some(error),
        }
    }
}
