//! A finding in words.

use core::time::Duration;

use super::config::{BurnWindow, Severity};
use super::rule::{Burn, BurnState, Finding};
use super::signal::Inner;

impl Inner {
    pub(super) fn reason(&self, finding: &Finding, remaining: Option<f64>) -> String {
        let of = |state| finding.burns.iter().filter(move |burn| burn.state == state);
        let worst = of(BurnState::Burning).max_by(|a, b| {
            let severity = a.window.severity.cmp(&b.window.severity);
            severity.then(a.window.factor.total_cmp(&b.window.factor))
        });
        if let Some(burn) = worst {
            let exhausted = self.exhausted(burn, remaining);
            return format!("{}{exhausted}", burning(burn));
        }
        if let Some(burn) = of(BurnState::TooFewBad).next() {
            let bad = burn.counts.long.bad();
            return format!("{}, but on {bad} bad calls alone", burning(burn));
        }
        let Some(fastest) = finding.burns.iter().min_by_key(|burn| burn.window.short) else {
            return String::new();
        };
        let (long, short) = (human(fastest.window.long), human(fastest.window.short));
        match fastest.state {
            BurnState::NotCovered if fastest.counts.covered => {
                format!("too little was seen of the last {long}")
            }
            BurnState::NotCovered => format!("the last {short} have not been seen yet"),
            BurnState::NoCalls => format!("no calls in the last {short}"),
            _ => {
                let rate = fastest.long_rate.unwrap_or(0.0);
                format!("the budget burns {rate:.1} times as fast as it may over {long}")
            }
        }
    }

    fn exhausted(&self, burn: &Burn, remaining: Option<f64>) -> String {
        match (remaining, burn.long_rate) {
            (Some(remaining), _) if remaining <= 0.0 => "; the budget is spent".to_owned(),
            (Some(remaining), Some(rate)) if rate > 0.0 => {
                let left = self.period.as_secs_f64() * remaining / rate;
                let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
                format!("; it lasts {} at this rate", human(left))
            }
            _ => String::new(),
        }
    }
}

fn burning(burn: &Burn) -> String {
    let BurnWindow { long, short, factor, .. } = burn.window;
    let [long_rate, short_rate] = [burn.long_rate, burn.short_rate].map(Option::unwrap_or_default);
    format!(
        "the budget burns {long_rate:.1} times as fast as it may over {}, {short_rate:.1} over {}, \
         {factor} allowed",
        human(long),
        human(short),
    )
}

pub(super) fn name(window: BurnWindow) -> String {
    let severity = match window.severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    };
    format!("{severity}_{}_{}", human(window.long), human(window.short))
}

/// The largest unit that comes out whole, to a tenth where none does.
pub(super) fn human(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"), (0.001, "ms")];
    let whole = units.iter().find(|(unit, _)| seconds >= *unit && (seconds / unit).fract() < 1e-9);
    let over = units.iter().find(|(unit, _)| seconds >= *unit);
    match whole.or(over) {
        Some((unit, name)) => {
            let text = format!("{:.1}", seconds / unit);
            format!("{}{name}", text.trim_end_matches(".0"))
        }
        None => format!("{time:?}"),
    }
}
