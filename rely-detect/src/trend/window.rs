use std::collections::VecDeque;

use rely_core::Instant;

use super::kendall::{self, MannKendall};
use super::sen::{self, TheilSen};

/// The last values of a series, with the trend in them: the counts of the test are kept up as values
/// come and go, in time that grows with the length of the window.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_detect::trend::TrendWindow;
///
/// let mut window = TrendWindow::new(60);
/// for minute in 0..60 {
///     let at = Instant::ORIGIN + Duration::from_secs(60 * minute);
///     window.push(at, 100.0 + 0.5 * minute as f64 + (minute * 7919 % 13) as f64);
/// }
/// assert!(window.mann_kendall().p_value < 0.001);
/// let slope = window.theil_sen().map(|line| 60.0 * line.slope);
/// assert!(slope.is_some_and(|per_minute| (0.4..0.6).contains(&per_minute)));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TrendWindow {
    points: VecDeque<(Instant, f64)>,
    capacity: usize,
    s: i64,
}

impl TrendWindow {
    /// The longest window; the slopes of all pairs are looked at when a slope is asked for.
    pub const MAX: usize = 4096;

    /// A window of the last `capacity` values, at least 2 and at most [`TrendWindow::MAX`].
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(2, Self::MAX);
        Self { points: VecDeque::with_capacity(capacity), capacity, s: 0 }
    }

    /// Takes in a value, and lets go of the oldest where the window is full. One that is no number,
    /// beyond [`Sample::LIMIT`](crate::Sample::LIMIT), or not later than the last is left out.
    pub fn push(&mut self, at: Instant, value: f64) {
        let late = self.points.back().is_some_and(|(last, _)| at <= *last);
        if late || !crate::Sample::new(at, value).is_number() {
            return;
        }
        if self.points.len() >= self.capacity {
            if let Some((_, oldest)) = self.points.pop_front() {
                self.s -=
                    self.points.iter().map(|(_, late)| kendall::sign(oldest, *late)).sum::<i64>();
            }
        }
        self.s += self.points.iter().map(|(_, early)| kendall::sign(*early, value)).sum::<i64>();
        self.points.push_back((at, value));
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.points.clear();
        self.s = 0;
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The test for a trend, as if each value stood for itself.
    #[must_use]
    pub fn mann_kendall(&self) -> MannKendall {
        let values: Vec<f64> = self.points.iter().map(|(_, value)| *value).collect();
        MannKendall::new(self.s, kendall::variance(&values))
    }

    /// The test where neighbours may resemble each other; see
    /// [`mann_kendall_autocorrelated`](super::mann_kendall_autocorrelated).
    #[must_use]
    pub fn mann_kendall_autocorrelated(&self) -> MannKendall {
        self.mann_kendall().inflated(kendall::inflation(&self.seconds()))
    }

    /// The slope for each second, its time counted from the oldest value on.
    #[must_use]
    pub fn theil_sen(&self) -> Option<TheilSen> {
        sen::theil_sen(&self.seconds())
    }

    /// Between which slopes for each second the true one lies, with 95 % confidence and neighbours that
    /// may resemble each other.
    #[must_use]
    pub fn slope_interval(&self) -> (f64, f64) {
        sen::sen_interval(&self.seconds(), &self.mann_kendall_autocorrelated(), 1.96)
    }

    fn seconds(&self) -> Vec<(f64, f64)> {
        let Some((start, _)) = self.points.front() else { return Vec::new() };
        self.points.iter().map(|(at, value)| ((*at - *start).as_secs_f64(), *value)).collect()
    }
}
