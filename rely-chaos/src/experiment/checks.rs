//! The checks of a run and what became of them.

use rely_core::{Instant, Level, Verdict};

use super::journal::Journal;
use super::plan::Question;
use super::{Check, What, When};

#[derive(Debug)]
pub(crate) struct Checks(Vec<Record>);

#[derive(Debug)]
struct Record {
    check: Check,
    /// The level that the journal knows.
    told: Option<Level>,
}

impl Checks {
    pub(crate) fn new(questions: &[Question]) -> Self {
        let record = |question: &Question| Record {
            check: Check {
                name: question.name.clone(),
                when: question.when,
                level: Level::Unknown,
                held: question.when == When::AbortIf,
                asked: 0,
                at: None,
                verdict: None,
            },
            told: None,
        };
        Self(questions.iter().map(record).collect())
    }

    /// The numbers of those whose time it is.
    pub(crate) fn of(&self, is_time: impl Fn(When) -> bool) -> Vec<usize> {
        let records = self.0.iter().enumerate();
        records.filter(|(_, record)| is_time(record.check.when)).map(|(index, _)| index).collect()
    }

    pub(crate) fn all(&self, when: When) -> impl Iterator<Item = &Check> {
        self.0.iter().map(|record| &record.check).filter(move |check| check.when == when)
    }

    pub(crate) fn first(&self, when: When, is_it: impl Fn(&Check) -> bool) -> Option<&Check> {
        self.all(when).find(|check| is_it(check))
    }

    pub(crate) fn report(&self) -> Vec<Check> {
        self.0.iter().map(|record| record.check.clone()).collect()
    }

    /// Takes in a verdict; about what was done, only evidence `from` then on counts.
    pub(crate) fn judge(
        &mut self,
        index: usize,
        (from, now): (Instant, Instant),
        verdict: Verdict,
        journal: &mut Journal,
    ) {
        let Record { check, told } = &mut self.0[index];
        let mut verdict = verdict.at(now);
        let about_what_was_done = !matches!(check.when, When::Before | When::AbortIf);
        if about_what_was_done && verdict.level != Level::Unknown && verdict.as_of < from {
            let Verdict { level, as_of, .. } = verdict;
            let reason = format!("too old: was {level} as of {as_of:?}, before {from:?}");
            verdict = Verdict { level: Level::Unknown, score: None, ..verdict }.because(reason);
        }
        let level = verdict.level;
        if *told != Some(level) {
            *told = Some(level);
            let reason = verdict.reason.clone().into_owned();
            let what = What::Level { check: check.name.clone(), when: check.when, level, reason };
            journal.push(now, what);
        }
        check.asked += 1;
        let one_is_enough = matches!(check.when, When::AbortIf | When::Throughout);
        if one_is_enough && check.level == Level::Unhealthy {
            return;
        }
        check.held = match check.when {
            When::AbortIf => level != Level::Unhealthy,
            When::Throughout => matches!(level, Level::Healthy | Level::Degraded),
            _ => level == Level::Healthy,
        };
        check.level = level;
        check.at = Some(now);
        check.verdict = Some(verdict);
    }
}
