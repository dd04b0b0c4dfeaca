use std::borrow::Cow;

use rely_core::event::Wakes;
use rely_core::{ConfigError, Ratio};

use crate::ledger::{Entry, Ledger};
use crate::machine::{Decision, Progress, Reason};
use crate::{Release, Releases, Standing};

/// The candidate of a rollout and the ledger in which its standing is kept.
#[derive(Debug)]
pub(crate) struct Candidacy {
    pub(crate) releases: Releases,
    pub(crate) candidate: Release,
}

impl Candidacy {
    /// Enters the candidate into the ledger, if it may be rolled out.
    pub(crate) fn new(
        releases: Releases,
        candidate: Release,
        rollout: &str,
    ) -> Result<Self, ConfigError> {
        let it = Self { releases, candidate };
        let schema = it.releases.schema();
        if !it.candidate.reads(schema) {
            let range = it.candidate.schema_range();
            let value = format!("for schema {} to {}", range.start(), range.end());
            let allowed = format!("a release for today's schema {schema}");
            return Err(ConfigError::new("candidate", value, allowed));
        }
        if !it.may_start() {
            let allowed = format!("a good release for today's schema {schema}, adopt one first");
            return Err(ConfigError::new("releases", "without a last known good", allowed));
        }
        let why = format!("the rollout {rollout} is to try it");
        it.releases.candidate(&it.candidate, why).map_err(|error| {
            let allowed = "a release that is neither bad nor quarantined";
            ConfigError::new("candidate", format!("refused, {error}"), allowed)
        })?;
        Ok(it)
    }

    /// Why the candidate may not run, if it may not.
    pub(crate) fn barred(&self) -> Option<Cow<'static, str>> {
        self.releases.read(|ledger| match ledger.standing(&self.candidate.digest())? {
            Standing::Bad { because, .. } => Some(format!("bad: {because}").into()),
            Standing::Quarantined { because, .. } => Some(format!("quarantined: {because}").into()),
            Standing::Candidate | Standing::Baking { .. } | Standing::Good { .. } => None,
        })
    }

    /// Whether it reads today's data and there is something to go back to.
    pub(crate) fn may_start(&self) -> bool {
        let candidate = self.candidate.digest();
        self.releases.read(|l| {
            let schema = l.schema();
            self.candidate.reads(schema) && l.good_except(schema, Some(&candidate)).is_some()
        })
    }

    /// Writes down what the decision says about the candidate, and completes it. The wakes are to
    /// be called without a lock.
    pub(crate) fn record(&self, decision: &mut Decision) -> Vec<Wakes<Entry>> {
        let digest = self.candidate.digest();
        let (why, at) = (decision.reason.to_string(), decision.at);
        let why = || why.clone();
        // The ledger may have forgotten it meanwhile.
        let known = |ledger: &mut Ledger| ledger.candidate(&self.candidate, why(), at);
        self.releases.write(|ledger| {
            let changes = match decision.progress {
                Progress::RolledBack => {
                    let back = ledger.good_except(ledger.schema(), Some(&digest));
                    decision.restore = back.map(Release::digest);
                    if !proves_bad(decision, ledger.standing(&digest)) {
                        return Vec::new();
                    }
                    vec![known(ledger), ledger.bad(&digest, why(), at)]
                }
                Progress::Baking => vec![known(ledger), ledger.bake(&digest, why(), at)],
                Progress::Promoted => vec![
                    known(ledger),
                    ledger.bake(&digest, why(), at),
                    ledger.good(&digest, why(), at),
                ],
                Progress::Waiting | Progress::Running => Vec::new(),
            };
            // A refusal means that it was barred meanwhile: the ledger stays, the driver sees it.
            changes.into_iter().filter_map(|change| change.ok().flatten()).collect()
        })
    }
}

/// Whether it is the candidate's own fault that it was taken back: a verdict before its first call
/// is about something else, and a lack of proof does not undo what it has proven before.
fn proves_bad(decision: &Decision, standing: Option<&Standing>) -> bool {
    match decision.reason {
        Reason::Unhealthy { .. } => decision.from > Ratio::ZERO,
        Reason::Unproven { .. } => !matches!(standing, Some(Standing::Good { .. })),
        _ => true,
    }
}
