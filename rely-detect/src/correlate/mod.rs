//! Which series moved first: correlation over lags, with a significance that knows how much series
//! resemble themselves.
//!
//! [`Correlator`] keeps a recent window of several series and says which of them go together, which one
//! leads, and by how much. [`correlate`] is the plain function on two slices.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::Instant;
//! use rely_detect::correlate::Correlator;
//!
//! let mut recent = Correlator::builder()
//!     .step(Duration::from_secs(1))
//!     .window(300)
//!     .max_lag(Duration::from_secs(30))
//!     .build()?;
//! let wobble = |second: u32| f64::from(second * second % 17) / 17.0;
//! let trouble = |second: u32| if (180..240).contains(&second) { 3.0 + wobble(second) } else { 0.0 };
//! for second in 20..300 {
//!     let at = Instant::ORIGIN + Duration::from_secs(u64::from(second));
//!     recent.observe("queue latency", at, 20.0 + wobble(second + 5) + 30.0 * trouble(second));
//!     recent.observe("order errors", at, 1.0 + wobble(second * 3) + trouble(second - 8));
//! }
//! let found = recent.between("queue latency", "order errors").unwrap();
//! assert_eq!(found.sentence(), "queue latency rose 8 s before order errors");
//! assert!(found.p_value() < 0.01);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! Feed it values as they are, or what a detector makes of them: with
//! [`Reading::surprise`](crate::Reading::surprise) a daily wave that two series share is no correlation.
//!
//! * **Grid**: a cell is the mean of the samples that fall into a step. Up to five empty cells are
//!   filled by a line, longer gaps take no part. A sample out of order finds its cell while that is
//!   remembered.
//! * **Significance**: two series that each rose once go together at some lag without any tie. The
//!   p-value therefore counts independent pairs, not pairs, and all lags that were tried. A window that
//!   ends in the middle of a rise is worth few pairs: it takes the ups and downs within the trouble, or
//!   its end, to prove a tie.
//! * **Memory** is fixed: a window for each series, and at most as many series as configured; further
//!   names are refused.

mod builder;
mod grid;
mod lagged;
mod link;
#[cfg(test)]
mod tests;

use core::time::Duration;

use rely_core::Instant;

pub use builder::{CorrelatorBuilder, CorrelatorConfig};
pub use lagged::{Correlation, SHIFT_WEIGHT, correlate};
pub use link::Link;

use self::builder::Rules;
use self::grid::Grid;
use crate::Sample;

/// So many empty cells in a row are filled by a line: a minute's metric on a grid of ten seconds.
const BRIDGE: usize = 5;

/// Recent windows of several series, and how they go together.
///
/// See the [module's documentation](self).
#[derive(Clone, Debug)]
pub struct Correlator {
    rules: Rules,
    /// In the order of their names.
    series: Vec<(String, Grid)>,
}

impl Correlator {
    /// A builder; see [`CorrelatorConfig`] for defaults and bounds.
    pub fn builder() -> CorrelatorBuilder {
        CorrelatorBuilder::default()
    }

    const fn new(rules: Rules) -> Self {
        Self { rules, series: Vec::new() }
    }

    /// Takes in a value of the series called `name`, and says whether it was taken: not a value that is
    /// no number, nor a series more than there may be.
    pub fn observe(&mut self, name: &str, at: Instant, value: f64) -> bool {
        if !Sample::new(at, value).is_number() {
            return false;
        }
        let place = match self.place(name) {
            Ok(place) => place,
            Err(_) if self.series.len() >= self.rules.max_series => return false,
            Err(place) => {
                self.series.insert(place, (name.to_owned(), Grid::new(self.rules.window)));
                place
            }
        };
        let cell = u128::from(at.as_nanos()) / self.rules.step.as_nanos().max(1);
        self.series[place].1.add(u64::try_from(cell).unwrap_or(u64::MAX), value);
        true
    }

    /// Lets go of a series.
    pub fn remove(&mut self, name: &str) {
        if let Ok(place) = self.place(name) {
            self.series.remove(place);
        }
    }

    /// The names of the series, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.iter().map(|(name, _)| name.as_str())
    }

    /// How two series go together at the lag at which they do so most, the earlier one as the leader;
    /// nothing where one is unknown, never varies, or shares too few values with the other.
    #[must_use]
    pub fn between(&self, one: &str, other: &str) -> Option<Link> {
        let (one, other) = (self.place(one).ok()?, self.place(other).ok()?);
        self.link(one, other)
    }

    /// All series that go together with `name` beyond chance, at most once in a hundred for all of them
    /// together, the strongest first.
    #[must_use]
    pub fn related(&self, name: &str) -> Vec<Link> {
        let Ok(place) = self.place(name) else { return Vec::new() };
        let others = (0..self.series.len()).filter(|other| *other != place);
        let mut links: Vec<Link> = others.filter_map(|other| self.link(place, other)).collect();
        let allowed = 0.01 / links.len().max(1) as f64;
        links.retain(|link| link.p_value() <= allowed);
        links.sort_by(|a, b| b.coefficient().abs().total_cmp(&a.coefficient().abs()));
        links
    }

    /// How many bytes it takes up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let held = |(name, grid): &(String, Grid)| name.capacity() + grid.heap_bytes();
        size_of::<Self>()
            + self.series.capacity() * size_of::<(String, Grid)>()
            + self.series.iter().map(held).sum::<usize>()
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.series.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    fn link(&self, one: usize, other: usize) -> Option<Link> {
        let ((one, first), (other, second)) = (self.series.get(one)?, self.series.get(other)?);
        let end = first.newest().max(second.newest());
        let (first, second) = (first.series(end, BRIDGE), second.series(end, BRIDGE));
        let found = correlate(&first, &second, self.rules.max_shift)?;
        let lag = self.rules.step.saturating_mul(u32::try_from(found.shift.unsigned_abs()).ok()?);
        Some(if found.shift >= 0 {
            Link::new(one, other, &first, lag, &found)
        } else {
            Link::new(other, one, &second, lag, &found)
        })
    }
}

/// A lag in whole steps.
fn steps(lag: Duration, step: Duration) -> u128 {
    lag.as_nanos() / step.as_nanos().max(1)
}
