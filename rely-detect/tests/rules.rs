//! Rule files, read and run by Prometheus' own `promtool` where it is installed.

// Helpers of tests are tests, which clippy cannot see here.
#![allow(clippy::unwrap_used, clippy::panic)]

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::Command;

use rely_core::Ratio;
use rely_detect::rules::{Indicator, PrometheusRules, PrometheusRulesBuilder};
use rely_detect::slo::{BurnWindow, Sli, SloConfig};

fn availability() -> Indicator {
    let bad = r#"http_requests_total{job="orders",code=~"5.."}"#;
    Indicator::bad_of_total(bad, r#"http_requests_total{job="orders"}"#)
}

fn orders(indicator: Indicator) -> PrometheusRulesBuilder {
    let builder = PrometheusRules::builder("orders", SloConfig::default()).indicator(indicator);
    builder.label("team", "shop").runbook_url("https://runbooks.example/orders")
}

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether `promtool` is content; nothing where it is not installed.
fn promtool(arguments: &[&str], file: &Path) -> Option<Result<(), String>> {
    let Ok(output) = Command::new("promtool").args(arguments).arg(file).output() else {
        eprintln!("skipped: promtool is not installed (Debian: apt-get install prometheus)");
        return None;
    };
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Some(if output.status.success() { Ok(()) } else { Err(said.concat()) })
}

#[test]
fn prometheus_reads_every_kind_of_rules() {
    let latency = |limit| Indicator::latency("http_seconds", r#"job="a\"b""#, limit);
    let good = Indicator::good_of_total("good_total", "all_total{}");
    let bare = Indicator::latency("http_seconds", "", Duration::from_secs(2));
    let odd = SloConfig {
        objective: Ratio::percent(99.5).unwrap(),
        windows: vec![BurnWindow::page(
            3.3,
            Duration::from_millis(90_500),
            Duration::from_secs(61),
        )],
        ..SloConfig::over_7_days()
    };
    let table = [
        orders(availability()),
        orders(good),
        orders(latency(Duration::from_millis(300))),
        orders(bare),
        PrometheusRules::builder("it's: #\"odd\\ \u{e9}\u{1F600}", odd).indicator(availability()),
        PrometheusRules::builder("no", SloConfig::over_28_days()).indicator(availability()),
    ];
    let folder = Folder::new("check");
    for (n, rules) in table.into_iter().enumerate() {
        let yaml = rules.build().unwrap().to_yaml();
        let file = folder.write(&format!("{n}.yaml"), &yaml);
        let Some(result) = promtool(&["check", "rules"], &file) else { return };
        assert_eq!(result, Ok(()), "{yaml}");
    }
    // It can fail.
    let file = folder.write("bad.yaml", "groups: [{name: a, rules: [{record: a, expr: 'rate('}]}]");
    assert!(promtool(&["check", "rules"], &file).unwrap().is_err());
}

/// When, which expression, and which samples it has.
type Case = (&'static str, &'static str, Vec<(&'static str, f64)>);

/// What `promtool` says when an expression is expected to give these samples at a time.
fn expect(series: &str, cases: &[Case]) -> String {
    let mut text = format!(
        "rule_files: [rules.yaml]\nevaluation_interval: 15s\ntests:\n- interval: 15s\n  \
         input_series: [{series}]\n  promql_expr_test:\n"
    );
    for (at, expr, samples) in cases {
        text += &format!("  - eval_time: {at}\n    expr: '{expr}'\n    exp_samples:\n");
        for (labels, value) in samples {
            text += &format!("    - {{labels: '{labels}', value: {value}}}\n");
        }
    }
    text
}

fn series(code: u32, values: &str) -> String {
    format!(
        "{{series: 'http_requests_total{{job=\"orders\",code=\"{code}\"}}', values: '{values}'}}"
    )
}

const FIRING: &str = r#"sum by (alertname, severity, tier, team) (ALERTS{alertstate="firing"})"#;

#[test]
fn prometheus_pages_for_an_outage_and_not_for_one_bad_call_in_ten() {
    let page =
        (r#"{alertname="ErrorBudgetBurn",severity="page",team="shop",tier="page_1h_5m"}"#, 1.0);
    let slow =
        (r#"{alertname="ErrorBudgetBurn",severity="page",team="shop",tier="page_6h_30m"}"#, 1.0);
    let ticket =
        (r#"{alertname="ErrorBudgetBurn",severity="ticket",team="shop",tier="ticket_3d_6h"}"#, 1.0);
    let spent = (r#"{alertname="ErrorBudgetSpent",severity="ticket",team="shop"}"#, 1.0);
    let absent = (r#"{alertname="SloDataAbsent",severity="ticket",team="shop"}"#, 1.0);
    // A call a second for six hours, which then all fail.
    let outage = [series(200, "0+15x1440 21600x240"), series(500, "0x1440 15+15x240")].join(",");
    let few = [series(200, "0x20 1+1x8 9x400"), series(500, "0x24 1x400")].join(",");
    let lasting = [series(200, "0x400"), series(500, "0+1x400")].join(",");
    let left = "slo:error_budget_remaining:ratio";
    let whole = vec![(r#"slo:error_budget_remaining:ratio{slo="orders"}"#, 1.0)];
    let calls = "round(sum(increase(http_requests_total[1h])))";
    let cases: [(&str, String, Vec<Case>); 4] = [
        (
            "outage",
            outage,
            vec![
                ("6h", FIRING, vec![]),
                ("6h", left, whole),
                ("6h30s", FIRING, vec![ticket]),
                ("6h1m", FIRING, vec![page, ticket]),
                ("6h15m", FIRING, vec![page, slow, spent, ticket]),
            ],
        ),
        ("few", few, vec![("30m", FIRING, vec![]), ("30m", calls, vec![("{}", 10.0)])]),
        ("lasting", lasting, vec![("1h", FIRING, vec![page, slow, spent, ticket])]),
        ("absent", String::new(), vec![("4m", FIRING, vec![]), ("10m", FIRING, vec![absent])]),
    ];
    let folder = Folder::new("test");
    let yaml = orders(availability()).build().unwrap().to_yaml();
    folder.write("rules.yaml", &yaml);
    for (name, series, cases) in cases {
        let file = folder.write(&format!("{name}.yaml"), &expect(&series, &cases));
        let Some(result) = promtool(&["test", "rules"], &file) else { return };
        assert_eq!(result, Ok(()), "{name}\n{yaml}");
    }
}

#[test]
fn rules_that_cannot_work_are_refused() {
    let refused = |builder: PrometheusRulesBuilder| builder.build().unwrap_err().field().to_owned();
    let with = |config| PrometheusRules::builder("a", config).indicator(availability());
    let nanos = Duration::from_nanos(300_000_000_001);
    let pair = BurnWindow::page(14.4, Duration::from_secs(3600), nanos);
    let table = [
        (PrometheusRules::builder("a", SloConfig::default()), "indicator"),
        (PrometheusRules::builder("", SloConfig::default()).indicator(availability()), "name"),
        (PrometheusRules::builder("{{x}}", SloConfig::default()).indicator(availability()), "name"),
        (PrometheusRules::builder("a\nb", SloConfig::default()).indicator(availability()), "name"),
        (orders(availability()).label("team", "other"), "labels"),
        (orders(availability()).label("tier", "1"), "labels"),
        (orders(availability()).label("a-b", "1"), "labels"),
        (orders(availability()).label("zone", ""), "labels.zone"),
        (orders(availability()).runbook_url(""), "runbook_url"),
        (orders(Indicator::bad_of_total("rate(x[5m])", "y")), "indicator.bad"),
        (orders(Indicator::good_of_total("x", "")), "indicator.total"),
        (orders(Indicator::latency("a{", "", Duration::from_secs(1))), "indicator.histogram"),
        (orders(Indicator::latency("a", "b=c", Duration::from_secs(1))), "indicator.matchers"),
        (orders(Indicator::latency("a", "", Duration::ZERO)), "indicator.limit"),
        (with(SloConfig { minimum_bad: 0, ..SloConfig::default() }), "minimum_bad"),
        (with(SloConfig { windows: vec![pair], ..SloConfig::default() }), "windows.0.short"),
    ];
    for (builder, field) in table {
        assert_eq!(refused(builder), field);
    }
    let sli = Sli::latency_under(Duration::from_millis(300));
    let config = SloConfig { sli, ..SloConfig::default() };
    let limit = |millis| Indicator::latency("a", "", Duration::from_millis(millis));
    let latency = |millis| PrometheusRules::builder("a", config.clone()).indicator(limit(millis));
    assert_eq!(refused(latency(250)), "indicator.limit");
    assert!(latency(300).build().is_ok());
}
