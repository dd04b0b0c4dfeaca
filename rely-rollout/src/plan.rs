use core::time::Duration;

use rely_core::{ConfigError, Ratio, config};

const MOST_STEPS: usize = 100;
/// The bake of a rollout that knows its releases, where its plan has none.
pub(crate) const DEFAULT_BAKE: Duration = Duration::from_secs(30 * 60);
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// One step of a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// The candidate's share of the calls: over 0 %, and more than that of the step before.
    pub share: Ratio,
    /// For how long the signal has to be healthy without a break before the step is passed; over
    /// zero.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub hold: Duration,
}

impl Step {
    /// A step of `share` for `hold`.
    #[must_use]
    pub const fn new(share: Ratio, hold: Duration) -> Self {
        Self { share, hold }
    }
}

/// How a rollout goes, if it goes well, and how long it waits for proof.
///
/// | field | default | allowed |
/// |---|---|---|
/// | `steps` | 1 % and 5 % for 5 min, 25 %, 50 % and 100 % for 10 min | 1 to 100, shares growing up to 100 % |
/// | `give_up` | 10 min | over `interval` |
/// | `interval` | 1 s | at least 1 ms |
/// | `bake` | 30 min with releases, else none | any |
///
/// ```
/// use core::time::Duration;
/// use rely_core::Ratio;
/// use rely_rollout::{Plan, Step};
///
/// let minute = Duration::from_secs(60);
/// let steps = vec![Step::new(Ratio::percent(5.0)?, minute), Step::new(Ratio::ONE, minute)];
/// let plan = Plan { steps, ..Plan::default() };
/// plan.check()?;
/// assert_eq!(plan.shortest(), 2 * minute);
///
/// let error = Plan { steps: vec![plan.steps[0]], ..plan }.check().unwrap_err();
/// assert_eq!(error.to_string(), "steps[0].share is 5 %, allowed: 100 %, as it is the last step");
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields, default)
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// How much of one step, all told, may pass without proof that the candidate is healthy before
    /// it is taken back.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub give_up: Duration,
    /// How often the driver asks the signal.
    #[cfg_attr(feature = "serde", serde(with = "config::duration"))]
    #[cfg_attr(feature = "schema", schemars(with = "config::DurationSchema"))]
    pub interval: Duration,
    /// For how long the signal has to be healthy after the last step before the candidate is
    /// promoted; without, 30 min where the rollout knows its releases and nothing where it does not.
    #[cfg_attr(feature = "serde", serde(with = "config::duration_option"))]
    #[cfg_attr(feature = "schema", schemars(with = "Option<config::DurationSchema>"))]
    pub bake: Option<Duration>,
}

impl Default for Plan {
    fn default() -> Self {
        let step = |percent: u32, minutes: u64| {
            let share = Ratio::from_ppm_clamped(percent * 10_000);
            Step::new(share, Duration::from_secs(60 * minutes))
        };
        Self {
            steps: vec![step(1, 5), step(5, 5), step(25, 10), step(50, 10), step(100, 10)],
            give_up: Duration::from_secs(600),
            interval: Duration::from_secs(1),
            bake: None,
        }
    }
}

impl Plan {
    /// How long the rollout takes if everything is healthy all the time, with the bake if one is
    /// set.
    #[must_use]
    pub fn shortest(&self) -> Duration {
        let bake = self.bake.unwrap_or_default();
        self.steps.iter().fold(bake, |sum, step| sum.saturating_add(step.hold))
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=MOST_STEPS).contains(&self.steps.len()) {
            let allowed = format!("1 to {MOST_STEPS} steps");
            return Err(ConfigError::new("steps", self.steps.len(), allowed));
        }
        let mut before = Ratio::ZERO;
        for (index, step) in self.steps.iter().enumerate() {
            let share = |allowed: String| {
                Err(ConfigError::new(format!("steps[{index}].share"), step.share, allowed))
            };
            if step.share <= before {
                return share(format!("more than {before}"));
            }
            if index + 1 == self.steps.len() && step.share != Ratio::ONE {
                return share(format!("{}, as it is the last step", Ratio::ONE));
            }
            config::nonzero(&format!("steps[{index}].hold"), step.hold)?;
            before = step.share;
        }
        config::in_range("interval", self.interval, SHORTEST_INTERVAL..)?;
        if self.give_up <= self.interval {
            let (value, least) = (self.give_up, self.interval);
            let allowed = format!("more than the interval of {least:?}");
            return Err(ConfigError::new("give_up", format_args!("{value:?}"), allowed));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(shares: &[u32]) -> Plan {
        let step = |ppm| Step::new(Ratio::from_ppm_clamped(ppm), Duration::from_secs(1));
        Plan { steps: shares.iter().map(|&ppm| step(ppm)).collect(), ..Plan::default() }
    }

    fn refused(plan: &Plan) -> String {
        plan.check().unwrap_err().to_string()
    }

    #[test]
    fn the_default_works_and_its_length_adds_up() {
        Plan::default().check().unwrap();
        assert_eq!(Plan::default().shortest(), Duration::from_secs(40 * 60));
        plan(&[1, 999_999, 1_000_000]).check().unwrap();
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        assert_eq!(refused(&plan(&[])), "steps is 0, allowed: 1 to 100 steps");
        assert_eq!(refused(&plan(&[5; 101])), "steps is 101, allowed: 1 to 100 steps");
        assert_eq!(refused(&plan(&[0])), "steps[0].share is 0 %, allowed: more than 0 %");
        assert_eq!(
            refused(&plan(&[10_000, 10_000, 1_000_000])),
            "steps[1].share is 1 %, allowed: more than 1 %"
        );
        assert_eq!(
            refused(&plan(&[1_000_000, 1_000_000])),
            "steps[1].share is 100 %, allowed: more than 100 %"
        );
        let mut wrong = plan(&[10_000, 1_000_000]);
        wrong.steps[1].hold = Duration::ZERO;
        assert_eq!(refused(&wrong), "steps[1].hold is 0ns, allowed: more than 0ns");
        let wrong = Plan { interval: Duration::ZERO, ..Plan::default() };
        assert_eq!(refused(&wrong), "interval is 0ns, allowed: at least 1ms");
        let second = Duration::from_secs(1);
        let wrong = Plan { give_up: second, ..Plan::default() };
        assert_eq!(refused(&wrong), "give_up is 1s, allowed: more than the interval of 1s");
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_plan_is_read_in_words() {
        let text = r#"{ "steps": [{ "share": "5 %", "hold": "2m" }, { "share": 1, "hold": "1h" }],
            "give_up": "90s", "bake": "1h" }"#;
        let read = |text: &str| {
            config::from_deserializer::<Plan, _>(&mut serde_json::Deserializer::from_str(text))
        };
        let plan = read(text).unwrap();
        plan.check().unwrap();
        assert_eq!(plan.steps[0].hold, Duration::from_secs(120));
        assert_eq!((plan.give_up.as_secs(), plan.interval.as_secs()), (90, 1));
        assert_eq!(plan.bake, Some(Duration::from_secs(3600)));
        let again = read(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(again, plan);
        let error = read(r#"{ "steps": [{ "share": "5 %", "hodl": "2m" }] }"#).unwrap_err();
        assert_eq!(error.to_string(), "steps[0].hodl is an unknown field, allowed: share, hold");
        let error = read(r#"{ "steps": [{ "share": "5 %" }] }"#).unwrap_err();
        assert_eq!(error.field(), "steps[0].hold");
    }

    #[cfg(feature = "schema")]
    #[test]
    fn the_schema_names_every_field() {
        let schema = serde_json::to_value(schemars::schema_for!(Plan)).unwrap();
        let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(fields, ["bake", "give_up", "interval", "steps"]);
        assert_eq!(schema["additionalProperties"], false);
    }
}
