//! What the evidence of a run amounts to.

use rely_core::Level;

use super::checks::Checks;
use super::{Check, Conclusion, Proof, When};

/// The conclusion of the first rule that holds, of those about a run that nothing cut short.
pub(crate) fn judge(checks: &Checks, proofs: &[Proof]) -> Conclusion {
    let missing = |when| checks.first(when, |check| !check.held).map(named);
    if let Some((check, reason)) = missing(When::Before) {
        return Conclusion::NotSteady { check, reason };
    }
    if let Some((check, reason)) = missing(When::Recovered) {
        return Conclusion::NotRecovered { check, reason };
    }
    let hypotheses = [When::Throughout, When::AtEnd, When::AfterRollback];
    let open: Vec<&Check> = hypotheses
        .into_iter()
        .flat_map(|when| checks.all(when))
        .filter(|check| !check.held)
        .collect();
    if let Some(check) = open.iter().find(|check| check.level != Level::Unknown) {
        let (check, reason) = named(check);
        return Conclusion::Refuted { check, reason };
    }
    if let Some(proof) = proofs.iter().find(|proof| !proof.is_enough()) {
        let Proof { action, injected, fired, needed, .. } = proof;
        let why = match injected {
            0 => format!("{action} was never injected"),
            _ => format!("{action} fired {fired} times, {needed} needed"),
        };
        return Conclusion::NotProven { why };
    }
    if let Some(check) = open.first() {
        let (check, reason) = named(check);
        return Conclusion::NotProven { why: format!("{check}: no evidence ({reason})") };
    }
    Conclusion::Held
}

/// A check and what its signal said.
pub(crate) fn named(check: &Check) -> (String, String) {
    let reason = check.verdict.as_ref().map_or("never asked", |verdict| &verdict.reason);
    let reason = if reason.is_empty() { check.level.as_str() } else { reason };
    (check.name.clone(), reason.to_owned())
}
