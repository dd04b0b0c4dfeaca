//! How many calls came to what.

use crate::Class;

/// Calls by class, or their weight: what a window or a lifetime holds.
///
/// There is no stored total: it is the sum of the parts that were read, so it always agrees with
/// them, however many threads were recording meanwhile.
///
/// ```
/// use rely_core::meter::Tally;
///
/// let tally = Tally { success: 90, failure: 6, soft_failure: 2, rejected: 2, ..Tally::default() };
/// assert_eq!(tally.total(), 100);
/// assert_eq!(tally.failure_share(), Some(8.0 / 98.0));
/// assert_eq!(tally.availability(), Some(0.9));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tally {
    /// Successes.
    pub success: u64,
    /// Failures.
    pub failure: u64,
    /// Soft failures.
    pub soft_failure: u64,
    /// Calls that say nothing.
    pub ignored: u64,
    /// Calls that nobody waited for.
    pub cancelled: u64,
    /// Refusals of our own.
    pub rejected: u64,
}

impl Tally {
    pub(crate) const fn from_lanes(lanes: [u64; Class::KINDS]) -> Self {
        let [success, failure, soft_failure, ignored, cancelled, rejected] = lanes;
        Self { success, failure, soft_failure, ignored, cancelled, rejected }
    }

    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.counted()
            .saturating_add(self.ignored)
            .saturating_add(self.cancelled)
            .saturating_add(self.rejected)
    }

    /// Failures and soft failures.
    #[must_use]
    pub const fn bad(&self) -> u64 {
        self.failure.saturating_add(self.soft_failure)
    }

    /// What counts in a failure rate: successes, failures and soft failures.
    #[must_use]
    pub const fn counted(&self) -> u64 {
        self.success.saturating_add(self.bad())
    }

    /// The share of bad among the counted, from 0 to 1; `None` if nothing counted.
    #[must_use]
    pub fn failure_share(&self) -> Option<f64> {
        share(self.bad(), self.counted())
    }

    /// What the user sees: the share of successes among all that the user waited for, our own
    /// refusals included; `None` if there was nothing.
    #[must_use]
    pub fn availability(&self) -> Option<f64> {
        share(self.success, self.counted().saturating_add(self.rejected))
    }

    /// The calls of `class`, rejections by anybody taken together.
    #[must_use]
    pub const fn of(&self, class: Class) -> u64 {
        match class {
            Class::Success => self.success,
            Class::Failure => self.failure,
            Class::SoftFailure => self.soft_failure,
            Class::Ignored => self.ignored,
            Class::Cancelled => self.cancelled,
            Class::Rejected(_) => self.rejected,
        }
    }

    /// The sum of two tallies, of two targets for example.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            success: self.success.saturating_add(other.success),
            failure: self.failure.saturating_add(other.failure),
            soft_failure: self.soft_failure.saturating_add(other.soft_failure),
            ignored: self.ignored.saturating_add(other.ignored),
            cancelled: self.cancelled.saturating_add(other.cancelled),
            rejected: self.rejected.saturating_add(other.rejected),
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RejectedBy;

    #[test]
    fn shares_leave_out_what_says_nothing() {
        let tally = Tally::from_lanes([1, 2, 3, 4, 5, 6]);
        assert_eq!((tally.total(), tally.counted(), tally.bad()), (21, 6, 5));
        assert_eq!(tally.failure_share(), Some(5.0 / 6.0));
        assert_eq!(tally.availability(), Some(1.0 / 12.0));
        let nothing = Tally::from_lanes([0, 0, 0, 9, 9, 0]);
        assert_eq!((nothing.failure_share(), nothing.availability()), (None, None));
        let refused = Tally::from_lanes([0, 0, 0, 0, 0, 3]);
        assert_eq!((refused.failure_share(), refused.availability()), (None, Some(0.0)));
    }

    #[test]
    fn lanes_and_classes_agree() {
        let tally = Tally::from_lanes([1, 2, 3, 4, 5, 6]);
        let classes = [
            Class::Success,
            Class::Failure,
            Class::SoftFailure,
            Class::Ignored,
            Class::Cancelled,
            Class::Rejected(RejectedBy::Limit),
        ];
        for class in classes {
            assert_eq!(tally.of(class), class.index() as u64 + 1);
        }
        assert_eq!(tally.plus(&tally).of(Class::Ignored), 8);
        let full = Tally::from_lanes([u64::MAX; 6]);
        assert_eq!(full.plus(&full).total(), u64::MAX);
    }
}
