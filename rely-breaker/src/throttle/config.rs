use core::time::Duration;

use rely_core::window::TimeWindow;
use rely_core::{ConfigError, Ratio, config};

use crate::Cancelled;

/// Below the kernel's tick, a bucket could not be told from the next.
const SHORTEST_BUCKET: Duration = Duration::from_millis(10);

/// What a [`TimeWindow`] can hold.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// How a [`Throttle`](super::Throttle) counts and how much it rejects; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `multiplier` | 2 | 1 to 1000 |
/// | `window` | 2 min | 10 ms for each bucket to 366 days |
/// | `buckets` | 24 | 1 to 4096 |
/// | `shards` | 1 | 1 to 64 |
/// | `max_rejection` | 90 % | over 0 %, below 100 % |
/// | `minimum_requests` | 10 | at least 1 |
/// | `cancelled` | neutral | neutral, failure |
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "How client-side throttling works."))]
pub struct ThrottleConfig {
    /// How many requests are sent for each that is accepted. Less wastes less of the other side's
    /// work; more throttles later and recovers sooner: at 2, it begins when less than half is
    /// accepted. At 1, every failure throttles.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub multiplier: f64,
    /// How far back it looks.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub window: Duration,
    /// In how many steps the window moves on. Ten times in each, shares are worked out anew.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4096)))]
    pub buckets: u32,
    /// In how many places threads count at the same moment without meeting.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 64)))]
    pub shards: u32,
    /// The most that is rejected: some calls always have to get through, to learn that the other side
    /// has recovered.
    pub max_rejection: Ratio,
    /// Below so many requests in the window nothing is rejected. Calls that ended without evidence
    /// do not count here; rejections do.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub minimum_requests: u32,
    /// What a call counts for that nobody waited for.
    pub cancelled: Cancelled,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            multiplier: 2.0,
            window: Duration::from_secs(120),
            buckets: 24,
            shards: 1,
            max_rejection: Ratio::from_ppm_clamped(900_000),
            minimum_requests: 10,
            cancelled: Cancelled::Neutral,
        }
    }
}

impl ThrottleConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.new_window().map(drop)
    }

    /// An empty window for `lanes` things, once every field is checked.
    pub(super) fn new_window(&self) -> Result<TimeWindow, ConfigError> {
        config::in_range("multiplier", self.multiplier, 1.0..=1000.0)?;
        config::in_range("buckets", self.buckets, 1..=4096)?;
        config::in_range("window", self.window, SHORTEST_BUCKET * self.buckets..=LONGEST)?;
        if self.max_rejection == Ratio::ZERO || self.max_rejection == Ratio::ONE {
            let allowed = "over 0 % and below 100 %";
            return Err(ConfigError::new("max_rejection", self.max_rejection, allowed));
        }
        config::in_range("minimum_requests", self.minimum_requests, 1..)?;
        if let Cancelled::FailureFrom(rate) = self.cancelled {
            let value = format_args!("failure_from {rate}");
            return Err(ConfigError::new("cancelled", value, "neutral or failure"));
        }
        let window = TimeWindow::builder(self.window).buckets(self.buckets);
        window.shards(self.shards as usize).lanes(super::lane::LANES).build()
    }
}
