//! What to do when the budget runs out.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rely_core::{ConfigError, Instant, Level, Ratio, Signal, Verdict, config};

use super::budget::Budget;
use super::signal::Slo;
use super::words::human;

/// An error budget policy as a [`Signal`]: as long as there is budget, new releases may cost some of
/// it; when it is gone, they wait. Cloning is cheap.
///
/// | of the budget is left | level |
/// |---|---|
/// | nothing | unhealthy: freeze rollouts |
/// | under `degraded_under` | degraded: be careful |
/// | more | healthy |
/// | not known: nothing counted, or too little of the period was seen | unknown |
///
/// A level gets better only when `margin` more of the budget is left than made it worse, so that a
/// freeze does not flicker; a new period of the calendar ends it at once. A verdict holds as score the
/// share that is spent, as samples the events of the period, and as evidence `budget_remaining`,
/// `budget_total`, `budget_spent`, and `burn_rate` where it is known.
///
/// ```
/// use core::time::Duration;
/// use rely_core::{Clock, Level, Signal};
/// use rely_detect::slo::{BudgetPolicy, Ledger, Slo};
///
/// let (clock, manual) = Clock::manual();
/// let orders = Ledger::new();
/// let slo = Slo::builder("orders").clock(clock.clone()).ledger(&orders).build()?;
/// let releases = BudgetPolicy::builder(slo).build()?;
/// assert_eq!(releases.verdict(clock.now()).level, Level::Unknown);
/// orders.record(9_995, 10_000);
/// manual.advance(Duration::from_secs(10));
/// assert_eq!(releases.verdict(clock.now()).level, Level::Healthy);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct BudgetPolicy(Arc<Inner>);

struct Inner {
    slo: Slo,
    config: BudgetPolicyConfig,
    standing: Mutex<Standing>,
}

/// When a budget counts as low; every field has a default.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `degraded_under` | 25 % | under 100 % |
/// | `margin` | 5 % | under 100 % with `degraded_under` |
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(description = "When an error budget counts as low."))]
pub struct BudgetPolicyConfig {
    /// With less than this share of the budget left, releases are to be careful.
    pub degraded_under: Ratio,
    /// So much more has to be left before the level gets better again.
    pub margin: Ratio,
}

impl Default for BudgetPolicyConfig {
    fn default() -> Self {
        let percent = |percent: u32| Ratio::from_ppm_clamped(percent * 10_000);
        Self { degraded_under: percent(25), margin: percent(5) }
    }
}

impl BudgetPolicyConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let million = Ratio::ONE.ppm();
        if self.degraded_under.ppm() >= million {
            return Err(ConfigError::new("degraded_under", self.degraded_under, "under 100 %"));
        }
        let left = Ratio::from_ppm_clamped(million - 1 - self.degraded_under.ppm());
        config::in_range("margin", self.margin, ..=left)?;
        Ok(())
    }
}

/// How a [`BudgetPolicy`] is made; see [`BudgetPolicyConfig`] for defaults and bounds.
#[derive(Clone, Debug)]
#[must_use]
pub struct BudgetPolicyBuilder {
    slo: Slo,
    config: BudgetPolicyConfig,
}

impl BudgetPolicyBuilder {
    /// Takes over a whole configuration, read from a file for example.
    pub fn config(mut self, config: BudgetPolicyConfig) -> Self {
        self.config = config;
        self
    }

    /// With less than this share of the budget left, releases are to be careful.
    pub const fn degraded_under(mut self, share: Ratio) -> Self {
        self.config.degraded_under = share;
        self
    }

    /// So much more has to be left before the level gets better again.
    pub const fn margin(mut self, share: Ratio) -> Self {
        self.config.margin = share;
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// The first field of the configuration that is out of range.
    pub fn build(self) -> Result<BudgetPolicy, ConfigError> {
        let Self { slo, config } = self;
        config.check()?;
        let since = slo.clock().now();
        let standing = Mutex::new(Standing::new(since));
        Ok(BudgetPolicy(Arc::new(Inner { slo, config, standing })))
    }
}

impl BudgetPolicy {
    /// A builder for the policy of an objective.
    pub fn builder(slo: Slo) -> BudgetPolicyBuilder {
        BudgetPolicyBuilder { slo, config: BudgetPolicyConfig::default() }
    }
}

impl Signal for BudgetPolicy {
    fn verdict(&self, now: Instant) -> Verdict {
        let Inner { slo, config, standing } = &*self.0;
        let known = slo.budget(now);
        let budget = known.filter(|budget| budget.coverage >= slo.minimum_coverage());
        let at = now.min(slo.clock().now());
        let (low, margin) = (config.degraded_under.as_f64(), config.margin.as_f64());
        let mut standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.step(at, budget.map(|budget| budget.share), low, margin);
        let Standing { level, since } = *standing;
        drop(standing);
        let verdict = Verdict::new(level, at).since(since).valid_for(slo.valid_for());
        let Some(budget) = budget else {
            let reason = match known {
                Some(known) => {
                    format!("only {:.0} % of the period was seen", 100.0 * known.coverage)
                }
                None => "nothing counted yet".to_owned(),
            };
            return verdict.because(reason).at(now);
        };
        let mut verdict = verdict
            .with_samples(budget.events)
            .with_score(1.0 - budget.share)
            .with_evidence("budget_remaining", budget.share)
            .with_evidence("budget_total", budget.total)
            .with_evidence("budget_spent", budget.spent as f64);
        if let Some(rate) = budget.burn_rate {
            verdict = verdict.with_evidence("burn_rate", rate);
        }
        verdict.because(reason(level, &budget, config, at)).at(now)
    }
}

fn reason(level: Level, budget: &Budget, config: &BudgetPolicyConfig, now: Instant) -> String {
    let Budget { total, spent, share, .. } = budget;
    let spending = format!("{spent} bad events of {total:.0} allowed");
    let left = 100.0 * share;
    let end = match budget.exhausted_at {
        Some(at) if *share > 0.0 => format!("; it lasts {} at this rate", human(at - now)),
        _ => String::new(),
    };
    match level {
        Level::Unhealthy if *share <= 0.0 => {
            format!("the budget is spent: {spending}; releases wait")
        }
        Level::Unhealthy => {
            let margin = config.margin;
            format!("the budget was spent, {left:.1} % is back; releases wait for {margin}{end}")
        }
        Level::Degraded => format!("{left:.1} % of the budget is left: {spending}{end}"),
        _ => format!("{left:.1} % of the budget is left{end}"),
    }
}

/// The level of a budget with hysteresis, as a plain state machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    level: Level,
    since: Instant,
}

impl Standing {
    pub(super) const fn new(since: Instant) -> Self {
        Self { level: Level::Unknown, since }
    }

    #[cfg(test)]
    pub(super) const fn level(&self) -> Level {
        self.level
    }

    /// Where `share` of the budget leads: spent at zero, low up to `low`, and out of either only with
    /// `margin` more.
    pub(super) fn step(&mut self, now: Instant, share: Option<f64>, low: f64, margin: f64) {
        let level = match (share, self.level) {
            (None, _) => Level::Unknown,
            (Some(share), _) if share <= 0.0 => Level::Unhealthy,
            (Some(share), Level::Unhealthy) if share < margin => Level::Unhealthy,
            (Some(share), _) if share <= low => Level::Degraded,
            (Some(share), Level::Degraded | Level::Unhealthy)
                if share < (low + margin).min(1.0) =>
            {
                Level::Degraded
            }
            _ => Level::Healthy,
        };
        if level != self.level {
            *self = Self { level, since: now };
        }
    }
}

impl fmt::Debug for BudgetPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BudgetPolicy").field("slo", &self.0.slo).finish_non_exhaustive()
    }
}
