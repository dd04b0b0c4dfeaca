//! Too many bad calls, or only bad luck? Shares judged by evidence.
//!
//! Three failures in ten calls and three hundred in a thousand are the same share and not the same
//! evidence. The signals of this module compare a share of a meter's window with a limit, or with
//! the same share of a baseline, and say unhealthy or healthy only where chance is ruled out at the
//! confidence that was asked for:
//!
//! * [`FailureShare`]: bad calls among those that count;
//! * [`LatencyOver`]: successes slower than an objective.
//!
//! Below them is a pure function of counts, [`ShareRule::judge`], for counts from elsewhere.
//!
//! ```
//! use core::time::Duration;
//! use rely_core::{Level, Meter, Outcome, Ratio, Signal};
//! use rely_detect::FailureShare;
//!
//! let meter = Meter::builder("orders").build()?;
//! let (stable, canary) = (meter.point("queue/stable"), meter.point("queue/canary"));
//! let signal = FailureShare::builder(canary.clone())
//!     .against(stable.clone())
//!     .limit(Ratio::percent(2.0)?) // how much worse it may be
//!     .build()?;
//!
//! for n in 0..1_000 {
//!     let ordinary = if n % 100 == 0 { Outcome::FAILURE } else { Outcome::SUCCESS };
//!     stable.record(ordinary, Duration::from_millis(3));
//!     if n % 10 == 0 {
//!         let poor = if n % 50 == 0 { Outcome::FAILURE } else { Outcome::SUCCESS };
//!         canary.record(poor, Duration::from_millis(3));
//!     }
//! }
//! let verdict = signal.verdict(meter.clock().now());
//! assert_eq!(verdict.level, Level::Unhealthy, "{}", verdict.reason);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # What is said when
//!
//! Let `lower` and `upper` be the ends between which the true share lies, each of them wrong with a
//! probability of at most about 1 − confidence.
//!
//! | the counts | level | [`Basis`] |
//! |---|---|---|
//! | fewer than the minimum, in the point or in its baseline | unknown | [`TooFew`](Basis::TooFew), [`TooFewInBaseline`](Basis::TooFewInBaseline) |
//! | `lower` over the limit | unhealthy | [`Over`](Basis::Over) |
//! | `upper` at most the limit | healthy | [`Within`](Basis::Within) |
//! | neither, and the share seen is over the limit | degraded | [`LikelyOver`](Basis::LikelyOver) |
//! | neither, and the share seen is at most the limit | unknown | [`Undecided`](Basis::Undecided) |
//!
//! The limit itself is within the limit. The last row is what a small number of calls without
//! failures gives: nothing bad was seen, and too little was seen to vouch for the limit. Proving a
//! small limit takes many calls: about 360 without any failure for 1 % at a confidence of 95 %.
//!
//! # The bounds
//!
//! For one share they are the ends of the score interval (E. B. Wilson: "Probable inference, the law
//! of succession, and statistical inference", Journal of the American Statistical Association 22,
//! 1927, 209–212) with continuity correction (R. G. Newcombe: "Two-sided confidence intervals for
//! the single proportion", Statistics in Medicine 17, 1998, 857–872, method 4), each end taken alone
//! at the whole confidence. Without the correction the lower end would be wrong up to four times as
//! often as it says where failures are rare: one failure in twenty calls would prove a share over
//! 1 %. For the excess over a baseline they are those of Newcombe's hybrid score interval ("Interval
//! estimation for the difference between independent proportions", ibid. 873–890, method 11).
//!
//! Two things to know:
//!
//! * The confidence is that of one judgement. Asked again and again while the window moves on, a
//!   service that sits on its limit will now and then be called unhealthy.
//! * Calls count as independent. A call of weight fifty counts as fifty calls and is not.
//!
//! # Since when
//!
//! The signals keep no memory, so `since` is the time of asking. Where it matters, for
//! [`for_at_least`](rely_core::signal::SignalExt::for_at_least) above all, put a
//! [`Poller`](rely_core::poller::Poller) between, which remembers:
//!
//! ```
//! # use core::time::Duration;
//! # use rely_core::{Clock, Level, Meter, Outcome, Signal};
//! # use rely_detect::FailureShare;
//! use futures::FutureExt;
//! use rely_core::poller::Poller;
//! use rely_core::signal::SignalExt;
//!
//! # let (clock, manual) = Clock::manual();
//! # let point = Meter::builder("orders").clock(clock.clone()).build()?.point("queue");
//! # for _ in 0..100 { point.record(Outcome::FAILURE, Duration::ZERO); }
//! let share = FailureShare::builder(point).build()?;
//! let (poller, driver) = Poller::builder("failures")
//!     .clock(clock.clone())
//!     .interval(Duration::from_secs(5))
//!     .build(move |now| core::future::ready(Ok::<_, std::io::Error>(share.verdict(now))))?;
//! let signal = poller.for_at_least(Duration::from_secs(10));
//! # let mut driver = Box::pin(driver);
//! # let mut levels = Vec::new();
//! # for _ in 0..4 {
//! #     assert!(driver.as_mut().now_or_never().is_none());
//! #     levels.push(signal.verdict(clock.now()).level);
//! #     manual.advance(Duration::from_secs(6));
//! # }
//! # assert_eq!((levels[0], levels[3]), (Level::Healthy, Level::Unhealthy));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

mod config;
mod interval;
mod rule;
mod signal;
#[cfg(test)]
mod tests;

pub use config::ShareConfig;
pub use interval::{Bounds, Counts};
pub use rule::{Basis, Estimate, Finding, ShareRule};
pub use signal::{FailureShare, Failures, LatencyOver, Measure, ShareBuilder, ShareSignal, Slow};
