//! Rules as text.

use core::time::Duration;

use super::config::PrometheusRules;
use super::yaml::Yaml;
use crate::slo::{BurnWindow, Severity};

const RATIO: &str = "slo:errors_per_request:ratio_rate";
const REMAINING: &str = "slo:error_budget_remaining:ratio";

impl PrometheusRules {
    /// The rule file, to be named under `rule_files` of Prometheus' configuration.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        // One group, so that an alert sees what was recorded at the same moment.
        let mut rules = self.records();
        rules.extend(self.config.windows.iter().map(|pair| self.burn(*pair)));
        rules.push(self.spent());
        rules.push(self.absent());
        let name = Yaml::text(format!("slo-{}", self.name));
        let group = Yaml::map([("name", name), ("rules", Yaml::List(rules))]);
        Yaml::map([("groups", Yaml::List(vec![group]))]).document()
    }

    fn records(&self) -> Vec<Yaml> {
        let of = |pair: &BurnWindow| [pair.short, pair.long];
        let mut windows: Vec<_> = self.config.windows.iter().flat_map(of).collect();
        windows.sort_unstable();
        windows.dedup();
        let ratio = |window: &Duration| {
            let window = text(*window);
            let (bad, total) =
                (self.indicator.bad("rate", &window), self.indicator.total("rate", &window));
            self.record(format!("{RATIO}{window}"), format!("{bad} / {total}"))
        };
        let mut records: Vec<_> = windows.iter().map(ratio).collect();
        let step = self.step();
        let (bad, total) =
            (format!("slo:bad_requests:rate{step}"), format!("slo:requests:rate{step}"));
        records.push(self.record(bad.clone(), self.indicator.bad("rate", &step)));
        records.push(self.record(total.clone(), self.indicator.total("rate", &step)));
        let objective = self.config.objective.as_f64();
        records.push(self.record("slo:objective:ratio".to_owned(), format!("vector({objective})")));
        // Sums of rates weigh each moment by its traffic, which a mean of ratios would not.
        let (slo, period) = (self.matcher(), text(self.config.period));
        let sum = |record: &str| format!("sum_over_time({record}{slo}[{period}])");
        let budget = self.config.objective.complement().as_f64();
        let left = format!("1 - {} / {} / {budget}", sum(&bad), sum(&total));
        records.push(self.record(REMAINING.to_owned(), left));
        records
    }

    fn record(&self, name: String, expr: String) -> Yaml {
        Yaml::map([
            ("record", Yaml::text(name)),
            ("expr", Yaml::text(expr)),
            ("labels", Yaml::map([("slo", Yaml::text(&*self.name))])),
        ])
    }

    fn burn(&self, pair: BurnWindow) -> Yaml {
        let (long, short, slo) = (text(pair.long), text(pair.short), self.matcher());
        let BurnWindow { factor, severity, .. } = pair;
        let limit = self.limit(factor);
        let over = |window: &str| format!("{RATIO}{window}{slo} >= {limit}");
        let expr = format!("{} and {} and on() {}", over(&long), over(&short), self.enough(&long));
        let severity = match severity {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
        };
        let summary = format!(
            "{}: the error budget burns {factor} times as fast as it may, or faster",
            self.name
        );
        let description = format!(
            "{{{{ $value | humanizePercentage }}}} of the calls of the last {long} were bad, and as \
             many as {factor} times the budget of {} in the last {short}.",
            self.config.objective.complement(),
        );
        let tier = Some(("tier", format!("{severity}_{long}_{short}")));
        self.alert("ErrorBudgetBurn", expr, None, severity, tier, &summary, &description)
    }

    fn spent(&self) -> Yaml {
        let period = text(self.config.period);
        let summary = format!("{}: the error budget is spent", self.name);
        let description = format!(
            "{{{{ $value | humanizePercentage }}}} of the error budget of {period} is left. Hold back \
             what is no repair."
        );
        // A budget that was spent long ago and rests since is no news.
        let longest = self.config.windows.iter().map(|pair| pair.long).max().unwrap_or_default();
        let enough = self.enough(&text(longest));
        let expr = format!("{REMAINING}{} <= 0 and on() {enough}", self.matcher());
        self.alert("ErrorBudgetSpent", expr, None, "ticket", None, &summary, &description)
    }

    fn absent(&self) -> Yaml {
        let step = self.step();
        let summary = format!("{}: nothing to measure the objective by", self.name);
        let description = format!("No counter of calls for {step}: no other alert can fire.");
        let expr = format!("absent({})", self.indicator.total("rate", &step));
        self.alert("SloDataAbsent", expr, Some(step), "ticket", None, &summary, &description)
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a rule, in their order")]
    fn alert(
        &self,
        name: &'static str,
        expr: String,
        held_for: Option<String>,
        severity: &'static str,
        tier: Option<(&'static str, String)>,
        summary: &str,
        description: &str,
    ) -> Yaml {
        let own = [("severity", severity.to_owned()), ("slo", self.name.clone())];
        let own = own.into_iter().chain(tier);
        let mut labels: Vec<_> = own.map(|(key, value)| (key.into(), Yaml::Text(value))).collect();
        for (key, value) in &self.labels {
            labels.push((key.clone().into(), Yaml::text(&**value)));
        }
        let mut annotations = vec![
            ("summary".into(), Yaml::text(summary)),
            ("description".into(), Yaml::text(description)),
        ];
        if let Some(url) = &self.runbook_url {
            annotations.push(("runbook_url".into(), Yaml::text(&**url)));
        }
        let mut rule = vec![("alert".into(), Yaml::text(name)), ("expr".into(), Yaml::Text(expr))];
        rule.extend(held_for.map(|time| ("for".into(), Yaml::Text(time))));
        rule.push(("labels".into(), Yaml::Map(labels)));
        rule.push(("annotations".into(), Yaml::Map(annotations)));
        Yaml::Map(rule)
    }

    /// Whether there were enough bad calls in a window to call anybody for: half a call less, since an
    /// increase is extrapolated and seldom whole.
    fn enough(&self, window: &str) -> String {
        let few = f64::from(self.config.minimum_bad) - 0.5;
        format!("{} > {few}", self.indicator.bad("increase", window))
    }

    /// The share of bad calls at which a budget burns so many times too fast, without the noise of a
    /// product of floats.
    fn limit(&self, factor: f64) -> f64 {
        let budget = f64::from(self.config.objective.complement().ppm());
        (factor * 1000.0).round() * budget / 1e9
    }

    fn matcher(&self) -> String {
        format!("{{slo=\"{}\"}}", self.name.replace('\\', "\\\\").replace('"', "\\\""))
    }

    fn step(&self) -> String {
        text(self.config.windows.iter().map(|pair| pair.short).min().unwrap_or_default())
    }
}

/// A duration as Prometheus writes it, to the millisecond.
fn text(time: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
    let (mut rest, mut text) = (time.as_millis(), String::new());
    for (unit, name) in units {
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
        }
        rest %= unit;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_prometheus_reads_them() {
        let table = [(300_000, "5m"), (259_200_000, "3d"), (90_000, "1m30s"), (1_500, "1s500ms")];
        for (millis, expected) in table {
            assert_eq!(text(Duration::from_millis(millis)), expected);
        }
    }
}
