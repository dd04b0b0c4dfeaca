use core::ops::RangeInclusive;
use core::time::Duration;

use rely_core::backoff::{Backoff, BackoffConfig, Growth, Jitter};
use rely_core::window::CountWindow;
use rely_core::{ConfigError, Ratio, config};

use super::{AfterTrialLimit, BreakerConfig, Cancelled, OpenBackoff, Ramp, SlowCalls, Window};

/// How long calls under way may be slow after: what the window can hold that counts them, eight times as
/// long and in parts of an eighth.
const IN_FLIGHT: RangeInclusive<Duration> =
    Duration::from_micros(8)..=Duration::from_secs(366 * 86_400 / 8);

impl BreakerConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range; `failure_rate` if no rule is on.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_rules()?;
        self.check_window()?;
        self.check_open_time()?;
        config::in_range("trials", self.trials, 1..=u32::from(u16::MAX))?;
        config::nonzero("trial_limit", self.trial_limit)?;
        self.check_ramp()?;
        match self.cancelled {
            Cancelled::FailureFrom(share) => over_zero("cancelled.failure_from", share),
            Cancelled::Neutral | Cancelled::Failure => Ok(()),
        }
    }

    pub(crate) fn open_growth(&self) -> Result<Option<Backoff>, ConfigError> {
        let Some(OpenBackoff { factor, max, jitter }) = self.open_backoff else { return Ok(None) };
        if jitter == Jitter::Decorrelated {
            // It grows from the time before alone, and so could not be taken back step by step.
            let (field, allowed) = ("open_backoff.jitter", "none, full or equal");
            return Err(ConfigError::new(field, "decorrelated", allowed));
        }
        let (growth, initial) = (Growth::Exponential, self.open_for);
        let growth = BackoffConfig { growth, initial, factor: Some(factor), max, jitter }.build();
        growth.map(Some).map_err(|error| error.within("open_backoff"))
    }

    fn check_rules(&self) -> Result<(), ConfigError> {
        let counts = self.consecutive_failures.or(self.failure_count);
        if let (None, None, None) = (self.failure_rate, self.slow_calls, counts) {
            let allowed = "on, unless slow_calls, consecutive_failures or failure_count is";
            return Err(ConfigError::new("failure_rate", "off", allowed));
        }
        if let Some(rate) = self.failure_rate {
            over_zero("failure_rate", rate)?;
        }
        if let Some(SlowCalls { longer_than, rate, in_flight }) = self.slow_calls {
            config::nonzero("slow_calls.longer_than", longer_than)?;
            if in_flight {
                config::in_range("slow_calls.longer_than", longer_than, IN_FLIGHT)?;
            }
            over_zero("slow_calls.rate", rate)?;
        }
        if let Some(failures) = self.consecutive_failures {
            config::in_range("consecutive_failures", failures, 1..=CountWindow::MAX_CALLS)?;
        }
        let Some(evidence) = self.evidence else { return Ok(()) };
        if evidence <= Ratio::from_ppm_clamped(500_000) || evidence == Ratio::ONE {
            return Err(ConfigError::new("evidence", evidence, "over 50 % and below 100 %"));
        }
        if self.failure_rate.is_none() && self.slow_calls.is_none() {
            let allowed = "off, unless failure_rate or slow_calls is on";
            return Err(ConfigError::new("evidence", evidence, allowed));
        }
        Ok(())
    }

    fn check_window(&self) -> Result<(), ConfigError> {
        // What no window can hold could never be met. A weight can be more than one.
        let most = match self.window {
            Window::Calls(calls) => {
                config::in_range("window.calls", calls, 1..=CountWindow::MAX_CALLS)?
            }
            Window::WeightedCalls(calls) => {
                config::in_range("window.weighted_calls", calls, 1..=CountWindow::MAX_CALLS)?;
                u32::MAX
            }
            Window::Time(time) => {
                time.build(1).map_err(|error| error.within("window.time"))?;
                u32::MAX
            }
        };
        config::in_range("minimum_calls", self.minimum_calls, 1..=most)?;
        if let Some(failures) = self.failure_count {
            config::in_range("failure_count", failures, 1..=most)?;
        }
        Ok(())
    }

    fn check_open_time(&self) -> Result<(), ConfigError> {
        config::nonzero("open_for", self.open_for)?;
        self.open_growth()?;
        if let Some(longest) = self.retry_after {
            config::in_range("retry_after", longest, self.open_for..)?;
        }
        config::nonzero("probe_every", self.probe_every)?;
        Ok(())
    }

    fn check_ramp(&self) -> Result<(), ConfigError> {
        match (&self.ramp, self.trial_limit_to) {
            (Some(ramp), _) => ramp.check().map_err(|error| error.within("ramp")),
            (None, AfterTrialLimit::Open) => Ok(()),
            (None, AfterTrialLimit::Ramp) => {
                Err(ConfigError::new("trial_limit_to", "ramp", "open, unless ramp is on"))
            }
        }
    }
}

impl Ramp {
    pub(crate) const MAX_STAGES: u32 = 32;

    fn check(&self) -> Result<(), ConfigError> {
        let stages = self.stages.len();
        if !(1..=Self::MAX_STAGES as usize).contains(&stages) {
            let found = format_args!("{stages} shares");
            return Err(ConfigError::new("stages", found, "1 to 32 shares"));
        }
        let mut before = Ratio::ZERO;
        for &share in &self.stages {
            if share <= before || share == Ratio::ONE {
                let allowed = "each over the one before, over 0 % and below 100 %";
                return Err(ConfigError::new("stages", share, allowed));
            }
            before = share;
        }
        config::nonzero("stage_for", self.stage_for)?;
        Ok(())
    }
}

fn over_zero(field: &str, rate: Ratio) -> Result<(), ConfigError> {
    if rate == Ratio::ZERO { Err(ConfigError::new(field, rate, "over 0 %")) } else { Ok(()) }
}
