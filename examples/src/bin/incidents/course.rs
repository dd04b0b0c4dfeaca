//! One course of chance: days to learn in, then incidents, or nothing at all.

use core::fmt;
use core::time::Duration;

use rely_core::Instant;

use crate::fault::{Kind, Onset, Strain};
use crate::monitor::{Monitor, Page};
use crate::world::{Metrics, STEP, World};

/// The share of calls that has to be good.
const OBJECTIVE: f64 = 0.995;
/// Users feel it if the share of the last five minutes is too low.
const FELT_OVER: usize = 30;
const LEARN_DAYS: u64 = 8;
/// Each incident begins at another time of the day.
const APART: u64 = 4_020;
/// For so long an incident may go on without users or operators having noticed.
const PATIENCE: u64 = 6 * 3600;
/// What is noticed later than this after the users did, is not noticed.
const AFTER: u64 = 900;

/// A world, and a monitor that has learnt it.
#[derive(Clone)]
pub(crate) struct Course {
    world: World,
    monitor: Monitor,
    incidents: u64,
}

/// How an incident went, in seconds from when it began.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) page: Option<(u64, Page)>,
    /// When the users' share of good answers fell below the objective.
    pub(crate) felt: Option<u64>,
}

impl End {
    /// Whether it was noticed as early as it should be.
    pub(crate) fn in_time(&self, onset: Onset) -> bool {
        let Some((paged, _)) = &self.page else { return false };
        match onset {
            Onset::Ramp => self.felt.is_none_or(|felt| *paged < felt),
            Onset::Step => *paged <= 60,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.page {
            Some((after, page)) => write!(f, "noticed after {after} s ({page})")?,
            None => f.write_str("not noticed")?,
        }
        match self.felt {
            Some(felt) => write!(f, ", felt after {felt} s"),
            None => f.write_str(", not felt"),
        }
    }
}

/// The good share of the last minutes.
#[derive(Default)]
struct Felt(Vec<(f64, f64)>);

impl Felt {
    fn is_below(&mut self, metrics: &Metrics) -> bool {
        self.0.push((metrics.good, metrics.calls));
        let recent = self.0.iter().rev().take(FELT_OVER);
        let (good, calls) = recent.fold((0.0, 0.0), |sum, new| (sum.0 + new.0, sum.1 + new.1));
        good < OBJECTIVE * calls
    }
}

impl Course {
    pub(crate) fn learnt(seed: u64) -> Result<Self, rely_core::ConfigError> {
        let (world, monitor) = (World::new(seed), Monitor::new()?);
        let mut course = Self { world, monitor, incidents: 0 };
        while course.world.seconds() < LEARN_DAYS * 86_400 {
            course.step(&Strain::NONE);
        }
        Ok(course)
    }

    fn step(&mut self, strain: &Strain) -> (Metrics, Option<Page>) {
        let metrics = self.world.step(strain);
        let at = Instant::ORIGIN + Duration::from_secs(self.world.seconds());
        let page = self.monitor.observe(at, &metrics);
        (metrics, page)
    }

    /// One that begins later than the last one; the next one knows nothing of it.
    pub(crate) fn incident(&mut self, kind: &Kind) -> End {
        self.incidents += 1;
        let mut played = self.clone();
        played.world.reseed(kind.name);
        let mut felt = Felt::default();
        for _ in 0..self.incidents * APART / STEP {
            let (metrics, _) = played.step(&Strain::NONE);
            felt.is_below(&metrics);
        }
        let began = played.world.seconds();
        let mut end = End { page: None, felt: None };
        loop {
            let elapsed = played.world.seconds() - began;
            let (metrics, page) = played.step(&(kind.strain)(elapsed as f64 / 60.0));
            let elapsed = elapsed + STEP;
            if end.page.is_none() {
                end.page = page.map(|page| (elapsed, page));
            }
            if felt.is_below(&metrics) && end.felt.is_none() {
                end.felt = Some(elapsed);
            }
            let given_up = end.felt.is_some_and(|felt| elapsed > felt + AFTER);
            if end.page.is_some() && end.felt.is_some() || given_up || elapsed > PATIENCE {
                return end;
            }
        }
    }

    /// What was reported in days without any trouble.
    pub(crate) fn quiet(&mut self, days: u64) -> Vec<Page> {
        let until = self.world.seconds() + days * 86_400;
        let mut pages = Vec::new();
        while self.world.seconds() < until {
            pages.extend(self.step(&Strain::NONE).1);
        }
        pages
    }
}
