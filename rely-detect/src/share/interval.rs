//! Between which ends a true share lies, as far as counts can tell.

use rely_core::meter::Tally;

/// Bad calls among those that count: all that a judgement needs.
///
/// ```
/// use rely_detect::share::Counts;
///
/// assert_eq!(Counts::new(3, 12).share(), Some(0.25));
/// assert_eq!(Counts::new(0, 0).share(), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    bad: u64,
    counted: u64,
}

impl Counts {
    /// `bad` calls of `counted`; more bad than counted is taken for all bad.
    #[must_use]
    pub const fn new(bad: u64, counted: u64) -> Self {
        Self { bad: if bad < counted { bad } else { counted }, counted }
    }

    /// The bad calls.
    #[must_use]
    pub const fn bad(self) -> u64 {
        self.bad
    }

    /// All calls that count, good or bad.
    #[must_use]
    pub const fn counted(self) -> u64 {
        self.counted
    }

    /// The share of bad calls, from 0 to 1; `None` if nothing counted.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        (self.counted > 0).then(|| self.bad as f64 / self.counted as f64)
    }

    /// The counts of two places together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            bad: self.bad.saturating_add(other.bad),
            counted: self.counted.saturating_add(other.counted),
        }
    }
}

impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        Self::new(tally.bad(), tally.counted())
    }
}

/// The ends between which the true value lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// It is hardly less than this.
    pub lower: f64,
    /// It is hardly more than this.
    pub upper: f64,
}

/// Wilson's score interval with continuity correction, each end at the normal quantile `z` ≥ 0.
pub(super) fn share_bounds(counts: Counts, z: f64) -> Bounds {
    let good = counts.counted - counts.bad;
    Bounds {
        lower: lower_bound(counts.bad, counts.counted, z),
        // Bad and good mirror each other.
        upper: 1.0 - lower_bound(good, counts.counted, z),
    }
}

fn lower_bound(part: u64, whole: u64, z: f64) -> f64 {
    if part == 0 {
        return 0.0;
    }
    let (x, n, zz) = (part as f64, whole as f64, z * z);
    // At least 1 under the root: x (n − x + 1) / n has its smallest value 1 at x = 1 and x = n.
    let root = (zz - 2.0 - 1.0 / n + 4.0 * (x / n) * (n - x + 1.0)).sqrt();
    ((2.0 * x + zz - 1.0 - z * root) / (2.0 * (n + zz))).clamp(0.0, x / n)
}

/// Newcombe's hybrid score interval for the share of `counts` less that of `baseline`.
///
/// Nothing where one of them is empty.
pub(super) fn excess(counts: Counts, baseline: Counts, z: f64) -> Option<(f64, Bounds)> {
    let (share, base) = (counts.share()?, baseline.share()?);
    let (ours, theirs) = (share_bounds(counts, z), share_bounds(baseline, z));
    let difference = share - base;
    let bounds = Bounds {
        lower: (difference - (share - ours.lower).hypot(theirs.upper - base)).max(-1.0),
        upper: (difference + (ours.upper - share).hypot(base - theirs.lower)).min(1.0),
    };
    Some((difference, bounds))
}
