use serde_json::{Map, Value, json};

use super::{ComponentReport, DegradationLevel, HealthReport, Impact, Importance};
use crate::Instant;

/// The media type of both documents of a [`HealthReport`].
///
/// They follow the draft "Health Check Response Format for HTTP APIs"
/// (draft-inadarei-api-health-check-06) and add members to it.
pub const MEDIA_TYPE: &str = "application/health+json";

impl HealthReport {
    /// The document for a readiness probe: no names or reasons of components, fit for everybody.
    ///
    /// `status` is `pass`, `warn` or `fail` for the level normal, reduced or critical.
    ///
    /// ```
    /// use rely_core::{Health, Instant};
    ///
    /// let report = Health::new().evaluate(Instant::ORIGIN);
    /// assert_eq!(report.readiness_json(), r#"{"level":"normal","off":[],"status":"pass"}"#);
    /// ```
    #[must_use]
    pub fn readiness_json(&self) -> String {
        Value::Object(self.summary()).to_string()
    }

    /// The document for operators: [`HealthReport::readiness_json`] and every component.
    ///
    /// `checks` holds under each component's name a list of one object:
    ///
    /// | member | meaning |
    /// |---|---|
    /// | `status` | `pass`, `warn`, or `fail` if it is critical or switches a capability off |
    /// | `level` | `healthy`, `degraded`, `unhealthy`, `unknown` |
    /// | `importance` | `critical` or `capability` |
    /// | `capability` | its name, if it is one |
    /// | `output` | why, unless it passes |
    /// | `forced` | whether it was set by hand |
    /// | `samples` | observations behind it |
    /// | `score` | how bad it is from 0 to 1, or null |
    /// | `ageSeconds` | time since the newest evidence |
    /// | `sinceSeconds` | for how long the level has held |
    ///
    /// and under `<component>:<measurement>` a list with an `observedValue` for each measured value.
    /// If the status is not `pass`, `output` says on one line which components are to blame.
    #[must_use]
    pub fn detail_json(&self) -> String {
        let mut document = self.summary();
        if self.level != DegradationLevel::Normal {
            document.insert("output".into(), self.to_string().into());
        }
        let mut checks = Map::new();
        for report in &self.components {
            let name = &report.component.name;
            checks.insert(name.clone(), json!([report.check(self.at)]));
            for evidence in &report.verdict.evidence {
                let values = checks
                    .entry(format!("{name}:{}", evidence.name))
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = values {
                    values.push(json!({ "observedValue": evidence.value }));
                }
            }
        }
        document.insert("checks".into(), checks.into());
        Value::Object(document).to_string()
    }

    fn summary(&self) -> Map<String, Value> {
        let status = match self.level {
            DegradationLevel::Normal => "pass",
            DegradationLevel::Reduced => "warn",
            DegradationLevel::Critical => "fail",
        };
        let members = [
            ("status", status.into()),
            ("level", self.level.as_str().into()),
            ("off", self.off.clone().into()),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl ComponentReport {
    fn check(&self, now: Instant) -> Value {
        let Self { component, impact, verdict, forced } = self;
        let mut check = json!({
            "status": match impact {
                Impact::None => "pass",
                Impact::Reduced => "warn",
                Impact::Off | Impact::Critical => "fail",
            },
            "level": verdict.level.as_str(),
            "forced": forced,
            "samples": verdict.samples,
            "score": verdict.score,
            "ageSeconds": now.saturating_since(verdict.as_of).as_secs_f64(),
            "sinceSeconds": now.saturating_since(verdict.since).as_secs_f64(),
        });
        check["importance"] = match &component.importance {
            Importance::Critical => "critical".into(),
            Importance::Capability(name) => {
                check["capability"] = name.as_str().into();
                "capability".into()
            }
        };
        if *impact != Impact::None && !verdict.reason.is_empty() {
            check["output"] = verdict.reason.as_ref().into();
        }
        check
    }
}
