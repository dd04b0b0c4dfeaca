//! A policy for tower's own retry, and the budget that keeps retries from becoming a storm.
//!
//! [`RetryPolicy`] is a [`tower::retry::Policy`]; tower's `RetryLayer` does the rest. It belongs
//! outside the breaker, so that each attempt is seen, and outside failover, so that another attempt can
//! take another endpoint: [`RetryPolicyBuilder::on_retry`] writes its number into the request.
//!
//! ```
//! use core::time::Duration;
//! use rely_breaker::{RetryBudget, RetryPolicy};
//! use rely_core::{Backoff, Ratio, classify::ByResult};
//! use tower::{ServiceBuilder, ServiceExt, retry::RetryLayer};
//!
//! #[derive(Clone)]
//! struct Order {
//!     attempt: u32,
//! }
//!
//! # futures::executor::block_on(async {
//! let budget = RetryBudget::builder().ratio(Ratio::percent(20.0)?).min_per_second(10).build()?;
//! let policy = RetryPolicy::builder(budget.clone())
//!     .max_attempts(3)
//!     .backoff(Backoff::exponential(Duration::from_millis(1), Duration::from_millis(10))?)
//!     .classify(ByResult)
//!     .on_retry(|order: &mut Order, attempt| order.attempt = attempt)
//!     .build()?;
//! let service = ServiceBuilder::new()
//!     .layer(RetryLayer::new(policy))
//!     .service_fn(|order: Order| async move { if order.attempt < 2 { Err("no") } else { Ok(7) } });
//! assert_eq!(service.oneshot(Order { attempt: 0 }).await, Ok(7));
//! assert_eq!(budget.status().withdrawn, 2);
//! # Ok::<(), rely_core::ConfigError>(())
//! # }).unwrap();
//! ```
//!
//! # What is retried
//!
//! | the classifier says | another attempt | token |
//! |---|---|---|
//! | success, ignored, cancelled | no | |
//! | failure, soft failure | after the backoff | one |
//! | the same, with a wait asked for | after that wait and the backoff; never if it is over the cap | one |
//! | rejected by us, without a wait | no | |
//! | rejected by us, with a wait | after that wait and the backoff; never if it is over the cap | none |
//!
//! A rejection by an open breaker so burns no token: nothing was sent. It is tried again only where
//! the classifier knows when that makes sense, for an open breaker is still open after the backoff;
//! to turn to another endpoint at once is failover's part. Such an attempt counts in `max_attempts`. A
//! retry that has its token and is rejected then has spent it.
//!
//! The backoff is added to the wait that was asked for, so that callers who were all told the same
//! second do not come back in it together. Whoever retries to *another* endpoint may not want to wait
//! for the first: a classifier that leaves the wish out sees to that.
//!
//! Without a token, the last answer is returned as it is. A request whose
//! [`retry_if`](RetryPolicyBuilder::retry_if) says no is never copied; neither is one for its last
//! attempt.

mod budget;
mod builder;
mod config;
mod future;
mod policy;
mod rules;
mod tokens;

#[cfg(test)]
#[cfg(rely_loom)]
mod loom_tests;
#[cfg(test)]
#[cfg(not(rely_loom))]
mod tests;

pub use self::budget::{BudgetStatus, RetryBudget, RetryBudgetBuilder};
pub use self::builder::RetryPolicyBuilder;
pub use self::config::{RetryBudgetConfig, RetryConfig};
pub use self::future::RetryDelay;
pub use self::policy::RetryPolicy;
pub use self::rules::{Always, OnRetry, RetryIf, Unmarked};
