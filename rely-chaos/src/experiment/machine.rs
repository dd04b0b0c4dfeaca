//! The course of an experiment, as a plain state machine.

use rely_core::{Evidence, Instant, Verdict};

use super::checks::Checks;
use super::journal::Journal;
use super::plan::{Plan, Slot};
use super::rules::{judge, named};
use super::{Conclusion, ExperimentReport, Phase, Proof, What, When};

/// What happened outside.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The timer fired, with the answers to what [`Machine::asks`] wanted to know then.
    Tick(Vec<(usize, Verdict)>),
    /// An injection has ended.
    Injected(usize, Result<(), String>),
    /// A rollback has ended.
    RolledBack(usize, Result<(), String>),
    /// How often each action has fired, and what else it tells; or why that is not known.
    Counted(Vec<Result<(u64, Vec<Evidence>), String>>),
    /// The signal of the check of this name could not answer.
    Broken(String, String),
    /// Somebody wants it to end.
    Stop(String),
}

/// What to do outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Inject this action, and say when that is done.
    Inject(usize),
    /// Stop injecting this action.
    CancelInject(usize),
    /// Roll this action back, and say when that is done.
    RollBack(usize),
    /// Give up on the rollback of this action, and take back what needs no waiting.
    GiveUp(usize),
    /// Count what fired, and say it.
    Count,
}

#[derive(Debug)]
pub(crate) struct Machine {
    plan: Plan,
    phase: Phase,
    now: Instant,
    started: Instant,
    /// When the phase ends by itself.
    deadline: Instant,
    next_ask: Instant,
    next_abort: Instant,
    /// The phase is over but for the checks that are looked at once, at its end.
    closing: bool,
    method_began: Instant,
    /// What is older says nothing about what was done since.
    evidence_from: Instant,
    checks: Checks,
    proofs: Vec<Proof>,
    injecting: Vec<usize>,
    slots: Vec<Slot>,
    /// What was begun and not yet rolled back, the latest last.
    begun: Vec<usize>,
    interruption: Option<Conclusion>,
    failure: Option<Conclusion>,
    /// Whoever stopped it does not want to wait for the recovery either.
    impatient: bool,
    conclusion: Option<Conclusion>,
    pub(crate) journal: Journal,
    effects: Vec<Effect>,
}

impl Machine {
    pub(crate) fn new(plan: Plan, now: Instant) -> Self {
        let proof = |deed: &super::plan::Deed| Proof {
            action: deed.name.clone(),
            injected: 0,
            fired: 0,
            needed: deed.needed,
            rolled_back: true,
            evidence: Vec::new(),
        };
        let mut machine = Self {
            phase: Phase::Settling,
            now,
            started: now,
            deadline: now + plan.settle_within,
            next_ask: now,
            next_abort: now,
            closing: false,
            method_began: now,
            evidence_from: now,
            checks: Checks::new(&plan.checks),
            proofs: plan.actions.iter().map(proof).collect(),
            injecting: Vec::new(),
            slots: plan.schedule.clone(),
            begun: Vec::new(),
            interruption: None,
            failure: None,
            impatient: false,
            conclusion: None,
            journal: Journal::default(),
            effects: Vec::new(),
            plan,
        };
        machine.journal.push(now, What::Started);
        machine
    }

    /// When the next tick is due.
    pub(crate) fn timer(&self) -> Option<Instant> {
        match self.phase {
            Phase::Settling => Some(self.next_ask.min(self.next_abort)),
            Phase::Running | Phase::Recovering if self.closing => Some(self.now),
            Phase::Running => {
                let slot = self.slots.iter().find(|slot| !self.injecting.contains(&slot.action));
                let slot = slot.map_or(Instant::MAX, |slot| self.method_began + slot.offset);
                Some(self.next_ask.min(self.next_abort).min(slot).min(self.deadline))
            }
            Phase::RollingBack => (!self.begun.is_empty()).then_some(self.deadline),
            Phase::Recovering => Some(self.next_ask),
            Phase::Idle => None,
        }
    }

    /// The checks whose signals are to be asked at a tick at `now`.
    pub(crate) fn asks(&self, now: Instant) -> Vec<usize> {
        let due = now >= self.next_ask || now >= self.deadline;
        self.checks.of(|when| match self.phase {
            Phase::Settling => when == When::AbortIf || when == When::Before && due,
            Phase::Running => match when {
                When::AbortIf => true,
                When::Throughout | When::Until => due && !self.closing,
                When::AtEnd => self.closing,
                _ => false,
            },
            Phase::Recovering => match when {
                When::Recovered => !self.closing,
                When::AfterRollback => self.closing,
                _ => false,
            },
            Phase::Idle | Phase::RollingBack => false,
        })
    }

    /// Takes in what happened and says what to do.
    pub(crate) fn step(&mut self, now: Instant, input: Input) -> Vec<Effect> {
        // A clock that is set back must not turn the journal around.
        self.now = self.now.max(now);
        match input {
            Input::Tick(answers) => self.on_tick(&answers),
            Input::Injected(action, result) => self.on_injected(action, result),
            Input::RolledBack(action, result) => self.on_rolled_back(action, result),
            Input::Counted(counts) => self.on_counted(counts),
            Input::Broken(check, error) => self.on_broken(check, error),
            Input::Stop(why) => self.on_stop(why),
        }
        core::mem::take(&mut self.effects)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether what ends at the same time as the phase is still in time; before that an abort is
    /// looked for first.
    pub(crate) fn is_ending(&self) -> bool {
        self.closing || self.phase == Phase::RollingBack
    }

    /// What was begun and not rolled back, in the order in which to do that.
    pub(crate) fn outstanding(&self) -> impl Iterator<Item = usize> {
        self.begun.iter().rev().copied()
    }

    /// The report, once it is over.
    pub(crate) fn report(&self) -> Option<ExperimentReport> {
        self.conclusion.clone().map(|conclusion| self.concluded(conclusion))
    }

    /// The report of a run that never was.
    pub(crate) fn refused(&mut self, error: String) -> ExperimentReport {
        let conclusion = Conclusion::Failed { action: self.plan.name.clone(), error };
        self.journal.events.clear();
        self.journal.push(self.now, What::Concluded(conclusion.clone()));
        self.concluded(conclusion)
    }

    fn concluded(&self, conclusion: Conclusion) -> ExperimentReport {
        ExperimentReport {
            name: self.plan.name.clone(),
            conclusion,
            checks: self.checks.report(),
            faults: self.proofs.clone(),
            journal: self.journal.events.clone(),
            lost: self.journal.lost,
            started: self.started,
            ended: self.now,
        }
    }

    fn on_tick(&mut self, answers: &[(usize, Verdict)]) {
        let asked = self.asks(self.now);
        for index in &asked {
            let answer = answers.iter().find(|(check, _)| check == index);
            let verdict = answer.map_or_else(
                || Verdict::unknown(self.now, "not asked"),
                |(_, verdict)| verdict.clone(),
            );
            let times = (self.evidence_from, self.now);
            self.checks.judge(*index, times, verdict, &mut self.journal);
        }
        if let Some(check) = self.checks.first(When::AbortIf, |check| !check.held) {
            if matches!(self.phase, Phase::Settling | Phase::Running) {
                let (check, reason) = named(check);
                return self.interrupt(Conclusion::Aborted { check, reason });
            }
        }
        let due = self.now >= self.next_ask || self.now >= self.deadline;
        self.next_abort = self.now + self.plan.abort_interval();
        if due {
            self.next_ask = self.now + self.plan.interval;
        }
        match self.phase {
            Phase::Settling if due => self.settle(),
            Phase::Running if self.closing => self.roll_back(),
            Phase::Running => self.run(due),
            Phase::RollingBack if self.now >= self.deadline => self.give_up_rollback(),
            Phase::Recovering if self.closing => self.conclude(),
            Phase::Recovering if due => self.recover(),
            _ => {}
        }
    }

    fn settle(&mut self) {
        if self.checks.first(When::Before, |check| !check.held).is_none() {
            self.phase = Phase::Running;
            self.method_began = self.now;
            self.evidence_from = self.now;
            self.deadline = self.now + self.plan.lasting;
            // At once, so that the method's own signals are asked before anything is injected.
            self.next_ask = self.now;
            self.journal.push(self.now, What::MethodBegan);
        } else if self.now >= self.deadline {
            self.conclude();
        } else {
            self.next_ask = self.next_ask.min(self.deadline);
        }
    }

    fn run(&mut self, asked: bool) {
        let injected = self.injecting.is_empty() && self.proofs.iter().all(|p| p.injected > 0);
        let early =
            asked && injected && self.checks.first(When::Until, |check| check.held).is_some();
        if early || self.now >= self.deadline {
            let early = self.now < self.deadline;
            self.journal.push(self.now, What::MethodEnded { early });
            self.closing = true;
            return;
        }
        let (now, began) = (self.now, self.method_began);
        let mut slots = core::mem::take(&mut self.slots);
        slots.retain(|slot| {
            let due = now >= began + slot.offset && !self.injecting.contains(&slot.action);
            if due {
                self.inject(slot.action);
            }
            !due
        });
        self.slots = slots;
    }

    fn inject(&mut self, action: usize) {
        if self.begun.is_empty() {
            self.evidence_from = self.now;
        }
        self.proofs[action].injected += 1;
        self.proofs[action].rolled_back = false;
        self.injecting.push(action);
        if !self.begun.contains(&action) {
            self.begun.push(action);
        }
        self.journal.push(self.now, What::Injecting { action: self.name(action) });
        self.effects.push(Effect::Inject(action));
    }

    fn on_injected(&mut self, action: usize, result: Result<(), String>) {
        let Some(place) = self.injecting.iter().position(|other| *other == action) else { return };
        self.injecting.remove(place);
        let action = self.name(action);
        match result {
            Ok(()) => self.journal.push(self.now, What::Injected { action }),
            Err(error) => {
                self.journal_failure(&action, &error);
                self.interrupt(Conclusion::Failed { action, error });
            }
        }
    }

    /// Ends the method, or whatever was to come before it.
    fn interrupt(&mut self, conclusion: Conclusion) {
        self.interruption.get_or_insert(conclusion);
        match self.phase {
            Phase::Running => {
                if !self.closing {
                    let early = self.now < self.deadline;
                    self.journal.push(self.now, What::MethodEnded { early });
                }
                self.roll_back();
            }
            Phase::Settling | Phase::Recovering => self.conclude(),
            Phase::Idle | Phase::RollingBack => {}
        }
    }

    fn roll_back(&mut self) {
        self.phase = Phase::RollingBack;
        self.closing = false;
        for action in core::mem::take(&mut self.injecting) {
            self.effects.push(Effect::CancelInject(action));
            if self.interruption.is_none() {
                let error = "was still being injected when the method ended".to_owned();
                self.fail(action, error);
            }
        }
        self.roll_back_next();
    }

    fn roll_back_next(&mut self) {
        if let Some(action) = self.begun.last().copied() {
            self.deadline = self.now + self.plan.rollback_within;
            self.journal.push(self.now, What::RollingBack { action: self.name(action) });
            self.effects.push(Effect::RollBack(action));
        } else {
            self.effects.push(Effect::Count);
        }
    }

    fn give_up_rollback(&mut self) {
        if let Some(action) = self.begun.last().copied() {
            let error = format!("rollback took longer than {:?}", self.plan.rollback_within);
            self.on_rolled_back(action, Err(error));
        }
    }

    fn on_rolled_back(&mut self, action: usize, result: Result<(), String>) {
        if self.phase != Phase::RollingBack || self.begun.last() != Some(&action) {
            return;
        }
        self.begun.pop();
        match result {
            Ok(()) => {
                self.proofs[action].rolled_back = true;
                self.journal.push(self.now, What::RolledBack { action: self.name(action) });
            }
            Err(error) => {
                self.effects.push(Effect::GiveUp(action));
                self.fail(action, error);
            }
        }
        self.roll_back_next();
    }

    fn fail(&mut self, action: usize, error: String) {
        let action = self.name(action);
        self.journal_failure(&action, &error);
        self.failure.get_or_insert(Conclusion::Failed { action, error });
    }

    fn on_counted(&mut self, counts: Vec<Result<(u64, Vec<Evidence>), String>>) {
        if self.phase != Phase::RollingBack || !self.begun.is_empty() {
            return;
        }
        for (action, count) in counts.into_iter().enumerate().take(self.proofs.len()) {
            match count {
                Ok((fired, evidence)) => {
                    self.proofs[action].fired = fired;
                    self.proofs[action].evidence = evidence;
                }
                Err(error) => self.fail(action, error),
            }
        }
        let untouched = self.proofs.iter().all(|proof| proof.injected == 0);
        if self.impatient || untouched && self.interruption.is_some() {
            return self.conclude();
        }
        self.phase = Phase::Recovering;
        self.evidence_from = self.now;
        self.deadline = self.now + self.plan.recover_within;
        self.next_ask = self.now;
        self.journal.push(self.now, What::Recovering);
    }

    fn recover(&mut self) {
        let recovered = self.checks.first(When::Recovered, |check| !check.held).is_none();
        if !recovered && self.now < self.deadline {
            self.next_ask = self.next_ask.min(self.deadline);
        } else if self.interruption.is_some() {
            self.conclude();
        } else {
            self.closing = true;
        }
    }

    fn on_broken(&mut self, check: String, error: String) {
        if self.phase != Phase::Idle {
            self.journal_failure(&check, &error);
            self.interrupt(Conclusion::Failed { action: check, error });
        }
    }

    fn on_stop(&mut self, why: String) {
        if self.phase == Phase::Idle {
            return;
        }
        self.impatient |= self.phase != Phase::Running;
        self.interrupt(Conclusion::Stopped { why });
    }

    fn conclude(&mut self) {
        let conclusion = self.interruption.as_ref().or(self.failure.as_ref());
        let conclusion = conclusion.cloned().unwrap_or_else(|| judge(&self.checks, &self.proofs));
        self.phase = Phase::Idle;
        self.journal.push(self.now, What::Concluded(conclusion.clone()));
        self.conclusion = Some(conclusion);
    }

    fn name(&self, action: usize) -> String {
        self.plan.actions[action].name.clone()
    }

    fn journal_failure(&mut self, action: &str, error: &str) {
        let (action, error) = (action.to_owned(), error.to_owned());
        self.journal.push(self.now, What::Failed { action, error });
    }
}
