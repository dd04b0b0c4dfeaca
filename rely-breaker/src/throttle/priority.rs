use core::fmt;

/// How much a call matters: the four criticalities of "Site Reliability Engineering", chapter 21, most
/// important first.
///
/// A throttle counts each apart. It prefers none by itself: the other side sheds what matters least,
/// and so that is what is throttled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Priority {
    /// Failing has serious impact that users see.
    CriticalPlus,
    /// Failing has impact that users see; the default.
    #[default]
    Critical,
    /// Being unavailable in part is expected: batch work that is tried again within minutes.
    SheddablePlus,
    /// Being unavailable, even all of it for a while, is expected.
    Sheddable,
}

impl Priority {
    /// All four, most important first.
    pub const ALL: [Self; 4] =
        [Self::CriticalPlus, Self::Critical, Self::SheddablePlus, Self::Sheddable];

    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CriticalPlus => "critical_plus",
            Self::Critical => "critical",
            Self::SheddablePlus => "sheddable_plus",
            Self::Sheddable => "sheddable",
        }
    }

    /// Its place in [`Priority::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Says how much a request matters: a [`Priority`] for all alike, or a closure that looks at it.
///
/// A closure names its argument's type, as in `|request: &Order| request.priority`. For HTTP it may
/// look into the request's extensions or headers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell the priority of a `{Req}`",
    label = "neither a priority nor a closure that gives one",
    note = "use a `Priority`, or a closure `|request: &{Req}| -> Priority`"
)]
pub trait PriorityOf<Req> {
    /// The priority of `request`.
    fn priority_of(&self, request: &Req) -> Priority;
}

impl<Req> PriorityOf<Req> for Priority {
    #[inline]
    fn priority_of(&self, _: &Req) -> Priority {
        *self
    }
}

impl<F, Req> PriorityOf<Req> for F
where
    F: Fn(&Req) -> Priority,
{
    #[inline]
    fn priority_of(&self, request: &Req) -> Priority {
        self(request)
    }
}
