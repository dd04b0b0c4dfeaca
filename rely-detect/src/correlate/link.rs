use core::fmt;
use core::time::Duration;

use super::Correlation;
use crate::words::Span;

/// Two series that go together, one of them first.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Link {
    leader: String,
    follower: String,
    lag: Duration,
    coefficient: f64,
    p_value: f64,
    rose: bool,
}

impl Link {
    /// A link that is known from elsewhere: `leader` moved `lag` before `follower`.
    #[must_use]
    pub fn known(leader: impl Into<String>, follower: impl Into<String>, lag: Duration) -> Self {
        let (leader, follower) = (leader.into(), follower.into());
        Self { leader, follower, lag, coefficient: 1.0, p_value: f64::MIN_POSITIVE, rose: true }
    }

    pub(super) fn new(
        leader: &str,
        follower: &str,
        values: &[f64],
        lag: Duration,
        found: &Correlation,
    ) -> Self {
        Self {
            leader: leader.to_owned(),
            follower: follower.to_owned(),
            lag,
            coefficient: found.coefficient,
            p_value: found.p_value,
            rose: rose(values),
        }
    }

    /// The series that moved first; of two at once the one that was asked for.
    #[must_use]
    pub fn leader(&self) -> &str {
        &self.leader
    }

    /// The series that moved with it, or after.
    #[must_use]
    pub fn follower(&self) -> &str {
        &self.follower
    }

    /// By how much the leader was earlier, in whole steps of the grid.
    #[must_use]
    pub const fn lag(&self) -> Duration {
        self.lag
    }

    /// Pearson's coefficient at that lag, from −1 to 1.
    #[must_use]
    pub const fn coefficient(&self) -> f64 {
        self.coefficient
    }

    /// How often unrelated series go together as strongly at some lag.
    #[must_use]
    pub const fn p_value(&self) -> f64 {
        self.p_value
    }

    /// The finding without figures: "queue latency rose 8 s before order errors".
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { leader, follower, .. } = self;
        let (moved, opposite) = if self.rose { ("rose", " fell") } else { ("fell", " rose") };
        let after = if self.coefficient < 0.0 { opposite } else { "" };
        if self.lag.is_zero() {
            let with = if after.is_empty() { "together with" } else { "while" };
            return format!("{leader} {moved} {with} {follower}{after}");
        }
        format!("{leader} {moved} {} before {follower}{after}", Span(self.lag))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { coefficient, p_value, .. } = self;
        write!(f, "{} (r {coefficient:.2}, p {p_value:.1e})", self.sentence())
    }
}

/// Whether the farthest that the values went from their median was up.
fn rose(values: &[f64]) -> bool {
    let mut known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    known.sort_unstable_by(f64::total_cmp);
    let middle = known.get(known.len() / 2).copied().unwrap_or(0.0);
    let (low, high) = (known.first().unwrap_or(&middle), known.last().unwrap_or(&middle));
    high - middle >= middle - low
}
