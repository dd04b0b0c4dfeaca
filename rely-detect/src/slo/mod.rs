//! Is the error budget of an objective burning, and how fast?
//!
//! An objective of 99.9 % has a budget of 0.1 % of the calls. A burn rate of one uses it up by the end
//! of the period, a rate of 14.4 uses up a fiftieth of a 30 day budget in an hour. [`Slo`] measures the
//! rate over several pairs of a long and a short window, as "The Site Reliability Workbook", chapter 5,
//! recommends ("Multiwindow, Multi-Burn-Rate Alerts"), over what a [`Point`](rely_core::Point) counts.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Clock, Level, Meter, Outcome, Ratio, Signal};
//! use rely_detect::slo::{BurnWindow, Sli, Slo};
//!
//! let (clock, manual) = Clock::manual();
//! let user = Meter::builder("orders").clock(clock.clone()).build()?.point("user");
//! let (ten, one) = (Duration::from_secs(10), Duration::from_secs(1));
//! let slo = Slo::builder("orders")
//!     .objective(Ratio::percent(99.9)?)
//!     .sli(Sli::latency_under(Duration::from_millis(300)))
//!     .windows([BurnWindow::page(14.4, ten, one), BurnWindow::ticket(3.0, ten * 6, ten)])
//!     .point(user.clone())
//!     .build()?;
//!
//! let mut levels = Vec::new();
//! for second in 0..20 {
//!     for call in 0..50 {
//!         let slow = second >= 10 && call < 2;
//!         user.record(Outcome::SUCCESS, Duration::from_millis(if slow { 900 } else { 20 }));
//!     }
//!     manual.advance(one);
//!     levels.push(slo.verdict(clock.now()).level);
//! }
//! assert_eq!(levels[9], Level::Healthy);
//! // 4 % are slow: that is forty times the budget in the last second, twenty in the last ten, and ten
//! // slow calls are no chance.
//! assert_eq!(levels[14], Level::Unhealthy);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # What is said when
//!
//! A pair burns if the burn rate of the long and that of the short window both reach its factor; met
//! exactly is reached.
//!
//! | the windows | level |
//! |---|---|
//! | a page burns | unhealthy |
//! | none, but a ticket burns | degraded |
//! | none, but one would if its bad calls were not too few to call anybody for | unknown |
//! | none, and the shortest window saw no calls, or was not yet seen whole | unknown |
//! | anything else | healthy |
//!
//! * **Few calls.** One bad call in ten is a hundred times a budget of 0.1 % and still one call. Fewer
//!   bad calls than `minimum_bad`, three by default, never page; they do not read healthy either. From
//!   ten on they are taken at their word. In between chance has to be ruled out: a service that burns
//!   at just the factor must show as many with a probability of 5 % at most, by the binomial
//!   distribution. Few calls that are all good are healthy: a burn rate is measured, not estimated, and
//!   nothing burnt. No calls at all are unknown.
//! * **After the start** a pair is judged from when its short window has been seen whole; its long
//!   window then counts for what was seen of it.
//! * **Coverage.** Calls are looked for at all times, unless a meter forgot latencies before anybody
//!   read them, a [`Scrape`] was late, or the process was down between a [snapshot](Slo::snapshot) and
//!   its [restoring](SloBuilder::restore). Of such time nothing is known. A window with less than half of
//!   it covered is not judged.
//! * **What counts** is what the user waits for: successes, failures, soft failures, and refusals of our
//!   own, an open breaker's for example, which are all bad. See [`Sli`].
//! * **How fast.** A full outage spends 2 % of a month's budget of 0.1 % in 51.84 s; with the
//!   [driver](Slo::driver)'s reading every 5 s a page comes within a minute. An objective of 99.5 % takes
//!   five times as long. Where that is too long, add a pair:
//!   `BurnWindow::for_share(Severity::Page, 0.01, period, 5 min, 1 min)` comes after 26 s, or 130 s.
//!
//! # What is measured
//!
//! | indicator | source |
//! |---|---|
//! | availability, latency under a threshold | [`Point`](rely_core::Point)s of a meter, by [`Sli`] |
//! | correctness, business outcomes | a [`Ledger`]: `record(good, total)`, `check(good)` |
//! | freshness | a [`Freshness`]: the age of data, looked at once in each slice of time |
//! | counters from elsewhere | a [`Scrape`], with resets, late and missing readings |
//!
//! An objective with several sources shares one budget among them.
//!
//! # Budgets
//!
//! [`Slo::budget`] says what the budget of the last so many days is, or, with a [`Calendar`], that of the
//! current week, month or quarter; how much is spent; and when the rest will be, at the rate of now and
//! by the trend of the longest window with its interval. [`Slo::history`] holds the last twelve periods.
//! A [`BudgetPolicy`] makes a [`Signal`](rely_core::Signal) of it, for the gate of a rollout.
//!
//! # Where the numbers come from
//!
//! The totals of the sources are read whenever the verdict is asked for, and kept as some sixty marks
//! for the shortest window and fewer for each longer one, which shares those of the shorter: 11 kB for
//! the default windows and 30 days, whatever the traffic, and however short the meter's own window is.
//! A window is exact to a sixtieth of its length and the time between two readings. So ask, or let the
//! [driver](Slo::driver) ask, several times in the shortest window; what is read more rarely than once
//! in it leaves it unseen, and is unknown. Asking more often changes nothing.
//!
//! Latencies are read from the slices of the meter's window, which hold them for three quarters of it
//! by default. If nobody reads for so long, calls are missed, and that time is not covered. The driver
//! reads often enough for that. A slow success counts once, whatever its weight.
//!
//! Below it all is a pure function, [`judge`], for counts from elsewhere.

mod budget;
mod builder;
mod calendar;
mod config;
mod counters;
mod freshness;
mod ledger;
mod live;
mod periods;
mod policy;
mod presets;
mod rule;
mod scrape;
mod signal;
#[cfg(test)]
mod simulated;
mod snapshot;
mod source;
#[cfg(test)]
mod tests;
mod words;

pub use budget::{Budget, PeriodRecord, Trend};
pub use builder::SloBuilder;
pub use calendar::{Calendar, CalendarUnit};
pub use config::{BurnWindow, Severity, Sli, SloConfig};
pub use freshness::Freshness;
pub use ledger::Ledger;
pub use policy::{BudgetPolicy, BudgetPolicyBuilder, BudgetPolicyConfig};
pub use rule::{Burn, BurnRules, BurnState, Finding, WindowCounts, judge};
pub use scrape::{Scrape, Scraped};
pub use signal::{Slo, SloDriver};
pub use snapshot::SloSnapshot;
