use core::fmt;

/// The state of a breaker, as everybody may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum State {
    /// Calls go through and are counted.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few trial calls go through, and decide.
    HalfOpen,
    /// After the trials a growing share of the calls goes through, and is counted: see
    /// [`Ramp`](crate::Ramp).
    Ramping,
    /// Calls are rejected until somebody says otherwise: see [`Breaker::force_open`].
    ///
    /// [`Breaker::force_open`]: crate::Breaker::force_open
    ForcedOpen,
    /// Calls go through and are counted, and no rule opens: see [`Breaker::force_closed`].
    ///
    /// [`Breaker::force_closed`]: crate::Breaker::force_closed
    ForcedClosed,
    /// Calls go through and nothing is counted: see [`Breaker::disable`].
    ///
    /// [`Breaker::disable`]: crate::Breaker::disable
    Disabled,
}

impl State {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Ramping => "ramping",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
