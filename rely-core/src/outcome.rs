//! What a call came to: one vocabulary for meters, breakers, detectors and rollouts.

use core::fmt;
use core::num::NonZeroU16;
use core::time::Duration;

/// The class of a finished call.
///
/// | class | availability the user sees | a failure rate | a run of failures |
/// |---|---|---|---|
/// | success | good | counts, good | ends it |
/// | failure | bad | counts, bad | lengthens it |
/// | soft failure | bad | counts, bad | leaves it |
/// | ignored | not counted | not counted | leaves it |
/// | cancelled | not counted | not counted, unless a policy says so | leaves it |
/// | rejected | bad | never counted | leaves it |
///
/// A soft failure is an answer such as "too many requests": the other side lives and says no. A
/// rejection is one of our own refusals; it never reaches a failure rate, or a breaker would keep
/// itself open.
///
/// The list is complete by nature and therefore exhaustive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Class {
    /// The call did what it was for.
    Success,
    /// The call failed, and the other side is to blame.
    Failure,
    /// The other side lives, but would not serve: counts in rates, not in runs.
    SoftFailure,
    /// The answer says nothing about the other side's health.
    Ignored,
    /// Nobody waited for the answer.
    Cancelled,
    /// We refused the call ourselves.
    Rejected(RejectedBy),
}

impl Class {
    /// How many kinds of class there are, rejections being one.
    pub const KINDS: usize = 6;

    /// A dense index below [`Class::KINDS`], stable across releases.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::SoftFailure => 2,
            Self::Ignored => 3,
            Self::Cancelled => 4,
            Self::Rejected(_) => 5,
        }
    }

    /// Failure or soft failure: bad in a failure rate.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        matches!(self, Self::Failure | Self::SoftFailure)
    }

    /// Success, failure or soft failure: counts in a failure rate.
    #[must_use]
    pub const fn is_counted(self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::SoftFailure)
    }

    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::SoftFailure => "soft_failure",
            Self::Ignored => "ignored",
            Self::Cancelled => "cancelled",
            Self::Rejected(_) => "rejected",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(by) => write!(f, "rejected by {by}"),
            other => f.write_str(other.as_str()),
        }
    }
}

/// Which part of ours refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum RejectedBy {
    /// An open circuit breaker.
    Breaker,
    /// A full concurrency or rate limit.
    Limit,
    /// A spent retry or hedge budget.
    Budget,
    /// A deadline that had already passed.
    Deadline,
    /// Load shedding.
    Shed,
    /// A router without a healthy place to send the call.
    Router,
    /// A fault that was injected on purpose.
    Chaos,
    /// Something of the user's own.
    Other,
}

impl RejectedBy {
    /// How many there are.
    pub(crate) const KINDS: usize = 8;

    /// All of them, in the order of their indices.
    pub(crate) const ALL: [Self; Self::KINDS] = [
        Self::Breaker,
        Self::Limit,
        Self::Budget,
        Self::Deadline,
        Self::Shed,
        Self::Router,
        Self::Chaos,
        Self::Other,
    ];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::Limit => "limit",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::Shed => "shed",
            Self::Router => "router",
            Self::Chaos => "chaos",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for RejectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a call counts; one by default, never zero.
///
/// A batch of fifty orders may weigh fifty, so that losing it counts for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Weight(NonZeroU16);

impl Weight {
    /// The weight of a plain call.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// The weight `n`, or one if `n` is zero: a call that happened cannot count for nothing.
    #[must_use]
    pub const fn new(n: u16) -> Self {
        match NonZeroU16::new(n) {
            Some(n) => Self(n),
            None => Self::ONE,
        }
    }

    /// The weight as a number, at least one.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::ONE
    }
}

/// The outcome of one call: its class, its weight, and when the other side asked to be called again.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Class, Outcome, Weight};
///
/// let outcome = Outcome::from(Class::SoftFailure)
///     .with_weight(Weight::new(50))
///     .with_retry_after(Duration::from_secs(2));
/// assert!(outcome.class.is_bad());
/// assert_eq!(outcome.weight.get(), 50);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Outcome {
    /// What became of the call.
    pub class: Class,
    /// How much it counts.
    pub weight: Weight,
    /// How long the other side asked callers to wait, from `Retry-After` or gRPC pushback.
    pub retry_after: Option<Duration>,
}

impl Outcome {
    /// A success of weight one.
    pub const SUCCESS: Self = Self::of(Class::Success);
    /// A failure of weight one.
    pub const FAILURE: Self = Self::of(Class::Failure);
    /// A soft failure of weight one.
    pub const SOFT_FAILURE: Self = Self::of(Class::SoftFailure);
    /// An ignored call of weight one.
    pub const IGNORED: Self = Self::of(Class::Ignored);
    /// A cancelled call of weight one.
    pub const CANCELLED: Self = Self::of(Class::Cancelled);

    /// An outcome of weight one without a wish about retries.
    pub const fn of(class: Class) -> Self {
        Self { class, weight: Weight::ONE, retry_after: None }
    }

    /// A refusal of ours.
    pub const fn rejected(by: RejectedBy) -> Self {
        Self::of(Class::Rejected(by))
    }

    /// The same outcome with another weight.
    pub const fn with_weight(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }

    /// The same outcome with a wish to be called again after `wait`.
    pub const fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl From<Class> for Outcome {
    fn from(class: Class) -> Self {
        Self::of(class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_dense_and_distinct() {
        let all = [
            Class::Success,
            Class::Failure,
            Class::SoftFailure,
            Class::Ignored,
            Class::Cancelled,
            Class::Rejected(RejectedBy::Breaker),
        ];
        let indices: Vec<_> = all.iter().map(|class| class.index()).collect();
        assert_eq!(indices, (0..Class::KINDS).collect::<Vec<_>>());
    }

    #[test]
    fn refusers_stand_at_their_index() {
        for (index, by) in RejectedBy::ALL.into_iter().enumerate() {
            assert_eq!(by.index(), index);
        }
    }

    #[test]
    fn a_weight_is_never_zero() {
        assert_eq!(Weight::new(0), Weight::ONE);
        assert_eq!(Weight::new(7).get(), 7);
        assert_eq!(Weight::default(), Weight::ONE);
    }

    #[test]
    fn names_say_who_refused() {
        assert_eq!(Class::Rejected(RejectedBy::Limit).to_string(), "rejected by limit");
        assert_eq!(Class::SoftFailure.to_string(), "soft_failure");
    }
}
