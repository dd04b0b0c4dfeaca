//! The same objectives as recording and alerting rules for Prometheus.
//!
//! [`PrometheusRules`] writes a rule file from the [`SloConfig`](crate::slo::SloConfig) that also
//! makes a [`Slo`](crate::Slo), over the user's own counters:
//!
//! ```
//! use rely_detect::rules::{Indicator, PrometheusRules};
//! use rely_detect::slo::SloConfig;
//!
//! let rules = PrometheusRules::builder("orders", SloConfig::default())
//!     .indicator(Indicator::bad_of_total(
//!         r#"http_requests_total{job="orders",code=~"5.."}"#,
//!         r#"http_requests_total{job="orders"}"#,
//!     ))
//!     .runbook_url("https://runbooks.example/orders")
//!     .build()?;
//! let yaml = rules.to_yaml();
//! assert!(yaml.contains("record: slo:errors_per_request:ratio_rate5m"));
//! assert!(yaml.contains("alert: ErrorBudgetBurn"));
//! # Ok::<(), rely_core::ConfigError>(())
//! ```
//!
//! # What is written
//!
//! Every rule carries the label `slo`, the objective's name. Names of records go by Prometheus'
//! convention `level:metric:operations`.
//!
//! | rule | what |
//! |---|---|
//! | `slo:errors_per_request:ratio_rate5m` … | the share of bad calls in each window |
//! | `slo:bad_requests:rate5m`, `slo:requests:rate5m` | calls a second |
//! | `slo:objective:ratio` | the objective |
//! | `slo:error_budget_remaining:ratio` | the share of the period's budget that is left, by what Prometheus has stored of it |
//! | `ErrorBudgetBurn` | one for each pair of windows, with the labels `severity` and `tier` (`page_1h_5m`), to inhibit a slower by a faster one |
//! | `ErrorBudgetSpent` | nothing is left, and there were bad calls in the longest window; severity ticket |
//! | `SloDataAbsent` | no counter is there; severity ticket |
//!
//! # Where it differs from [`Slo`](crate::Slo)
//!
//! * Only the minimum of bad calls guards against few calls: Prometheus has no binomial tail. Its
//!   `increase` extrapolates, so half a call less is enough.
//! * A budget is always one of the last so many days; Prometheus has no calendar.
//! * A counter that appears with its first failure hides that failure from `rate`: let counters begin
//!   at zero.

mod config;
mod render;
mod selector;
mod yaml;

pub use config::{PrometheusRules, PrometheusRulesBuilder};
pub use selector::Indicator;
