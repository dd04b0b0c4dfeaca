//! What tells one series from another.

use core::fmt;
use std::collections::BTreeMap;

/// The labels of a series, an alert or a change: service, zone, version, instance, each with its value.
///
/// Sorted by name, so that two of the same content are the same.
///
/// ```
/// use rely_detect::Labels;
///
/// let labels = Labels::from([("zone", "b"), ("service", "orders")]);
/// assert_eq!(labels.get("zone"), Some("b"));
/// assert_eq!(labels.to_string(), "{service=orders,zone=b}");
/// assert_eq!(labels, Labels::new().with("service", "orders").with("zone", "b"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Most labels that a series may have: as many as monitoring systems take by default.
    pub const MOST: usize = 30;
    /// The most bytes that names and values of a series may have together.
    pub const LONGEST: usize = 2048;

    /// No labels.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Labels by name and value; of two with one name the last one counts.
    pub fn of<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The same with one more, or another value of it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All labels, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether all of these are among those of `other`.
    #[must_use]
    pub fn are_in(&self, other: &Self) -> bool {
        self.iter().all(|(name, value)| other.get(name) == Some(value))
    }

    /// Whether they are few and short enough to be kept: at most [`Labels::MOST`], and no more than
    /// [`Labels::LONGEST`] bytes.
    #[must_use]
    pub fn is_small(&self) -> bool {
        let bytes: usize = self.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.0.len() <= Self::MOST && bytes <= Self::LONGEST
    }
}

impl<N: Into<String>, V: Into<String>, const K: usize> From<[(N, V); K]> for Labels {
    fn from(pairs: [(N, V); K]) -> Self {
        Self::of(pairs)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self::of(pairs)
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, (name, value)) in self.iter().enumerate() {
            let separator = if n == 0 { "" } else { "," };
            write!(f, "{separator}{name}={value}")?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::Labels;

    #[test]
    fn one_set_however_it_is_made() {
        let labels = Labels::from([("zone", "b"), ("service", "orders")]);
        let same = Labels::of([("service", "stock"), ("zone", "b"), ("service", "orders")]);
        assert_eq!(labels, same, "the last one of a name counts");
        assert_eq!(labels, labels.iter().collect());
        assert!(Labels::new().is_empty() && !labels.is_empty());
    }

    #[test]
    fn some_of_them_are_in_all_of_them() {
        let all = Labels::from([("zone", "b"), ("service", "orders")]);
        for (some, are_in) in [
            (Labels::new(), true),
            (Labels::from([("zone", "b")]), true),
            (Labels::from([("zone", "a")]), false),
            (Labels::from([("version", "b")]), false),
            (all.clone().with("version", "v7"), false),
        ] {
            assert_eq!(some.are_in(&all), are_in, "{some}");
        }
    }

    #[test]
    fn too_many_and_too_long_are_not_small() {
        let many = |n: usize| Labels::of((0..n).map(|n| (n.to_string(), "")));
        assert!(many(Labels::MOST).is_small() && !many(Labels::MOST + 1).is_small());
        let long = |n: usize| Labels::new().with("host", "x".repeat(n - "host".len()));
        assert!(long(Labels::LONGEST).is_small() && !long(Labels::LONGEST + 1).is_small());
    }
}
