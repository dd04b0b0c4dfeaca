//! Errors that every crate of the family shares.

use core::fmt;

use crate::{Outcome, RejectedBy};

/// A configuration value that cannot work: which field, what it held, what it may hold.
///
/// Configuration is checked once, at `build()`; after that nothing can be out of range.
///
/// ```
/// use rely_core::ConfigError;
///
/// let error = ConfigError::new("window.calls", 0, "1 to 1048576");
/// assert_eq!(error.to_string(), "window.calls is 0, allowed: 1 to 1048576");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: String,
    value: String,
    allowed: String,
}

impl ConfigError {
    /// An error about `field` (a dotted path), its `value`, and what is `allowed` there.
    pub fn new(
        field: impl Into<String>,
        value: impl fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// The dotted path of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The value that was refused.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What the field may hold.
    #[must_use]
    pub fn allowed(&self) -> &str {
        &self.allowed
    }

    /// The same error seen from a structure that holds this one under `outer`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, allowed: {}", self.field, self.value, self.allowed)
    }
}

impl std::error::Error for ConfigError {}

/// A marker in an error chain or in a response: this was a refusal of ours.
///
/// Every layer that refuses a call puts one into the `source()` chain of its error (or into the
/// extensions of the response that it builds), so that an outer meter counts the call as
/// [`Class::Rejected`](crate::Class::Rejected) and no failure rate ever feeds on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// Which part refused.
    pub by: RejectedBy,
}

impl Refusal {
    /// A refusal by `by`.
    #[must_use]
    pub const fn new(by: RejectedBy) -> Self {
        Self { by }
    }

    /// The first refusal in an error's chain of sources, the error itself included.
    ///
    /// ```
    /// use rely_core::{Refusal, RejectedBy};
    ///
    /// let refusal = Refusal::new(RejectedBy::Breaker);
    /// let wrapped = std::io::Error::other(refusal);
    /// assert_eq!(Refusal::find(&wrapped), Some(refusal));
    /// assert_eq!(Refusal::find(&std::io::Error::other("down")), None);
    /// ```
    #[must_use]
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(*refusal);
            }
            // An io::Error hides the error it wraps from `source()`, giving only that one's source.
            if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref())
            {
                if let Some(refusal) = inner.downcast_ref::<Self>() {
                    return Some(*refusal);
                }
            }
            next = error.source();
        }
        None
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::rejected(refusal.by)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by {}", self.by)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_field_shows_its_path() {
        let error = ConfigError::new("calls", 0, "at least 1").within("window").within("breaker");
        assert_eq!(error.field(), "breaker.window.calls");
        assert_eq!(error.value(), "0");
        assert_eq!(error.allowed(), "at least 1");
    }

    #[test]
    fn a_refusal_is_found_however_deep() {
        #[derive(Debug)]
        struct Outer(Refusal);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("outer")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let refusal = Refusal::new(RejectedBy::Limit);
        assert_eq!(Refusal::find(&Outer(refusal)), Some(refusal));
        assert_eq!(Refusal::find(&std::io::Error::other(Outer(refusal))), Some(refusal));
    }
}
