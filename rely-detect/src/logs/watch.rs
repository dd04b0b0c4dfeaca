//! What is worth to know of a log.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use rely_core::{Instant, Level, Verdict};

use super::event::LogEvent;
use super::forest::Spread;
use super::miner::{Change, Line, Miner};
use super::presence::Presence;
use super::severity::Severity;
use super::template::TemplateId;
use super::watch_builder::LogWatchBuilder;
use super::watch_config::LogWatchConfig;
use crate::{Detector, Reading, Sample, Seasonal};

/// After so many steps without a call nobody looked: what was not counted is no absence.
const MOST_STEPS: u64 = 64;

/// Watches a log: new templates, those that vanish, how often each comes, and the share of errors.
///
/// Lines come in through [`observe`](Self::observe); time that passes without lines through
/// [`tick`](Self::tick). What is worth to know waits for [`next_event`](Self::next_event), and
/// [`verdict`](Self::verdict) sums it up. The rates and the share of errors are judged by detectors of
/// type `D`, one for each series, all clones of one that knows nothing.
///
/// ```
/// use core::time::Duration;
/// use rely_core::Instant;
/// use rely_detect::logs::{LogEvent, LogWatch, Miner};
///
/// let miner = Miner::builder("orders").build()?;
/// let mut watch = LogWatch::builder(miner).step(Duration::from_secs(60)).build()?;
/// for second in 0..3000 {
///     let at = Instant::from_nanos(second * 1_000_000_000);
///     watch.observe(at, &format!("INFO order {second} took {} ms", second % 90));
/// }
/// let at = Instant::from_nanos(3_000 * 1_000_000_000);
/// watch.observe(at, "ERROR disk full on /var");
/// let Some(LogEvent::New { text, p_value, .. }) = watch.next_event() else { panic!() };
/// assert_eq!(text, "ERROR disk full on <path>");
/// assert!(p_value < 0.001);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LogWatch<D = Seasonal> {
    pub(super) miner: Miner,
    pub(super) config: LogWatchConfig,
    /// What the detector of a template's rate begins as.
    pub(super) rate: D,
    pub(super) errors: Series<D>,
    pub(super) tracks: HashMap<u64, Track<D>, BuildHasherDefault<Spread>>,
    pub(super) now: Step,
    pub(super) events: VecDeque<LogEvent>,
    pub(super) lost: u64,
    /// Room for the ids that are left at the end of a step.
    ids: Vec<u64>,
}

/// What is counted until the step ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Step {
    pub(super) end: Option<Instant>,
    pub(super) lines: u64,
    pub(super) errors: u64,
    pub(super) new: u64,
    /// How many steps there were since a new template was told whose line is an error.
    pub(super) since_bad: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Series<D> {
    pub(super) detector: D,
    pub(super) last: Option<(Level, Instant)>,
}

/// What is known of a template beside what the miner holds.
#[derive(Clone, Debug)]
pub(super) struct Track<D> {
    pub(super) lines: u64,
    pub(super) presence: Presence,
    pub(super) vanished: bool,
    pub(super) series: Option<Series<D>>,
}

impl<D: Detector> Series<D> {
    pub(super) const fn new(detector: D) -> Self {
        Self { detector, last: None }
    }

    /// The reading, if an alarm begins or ends with it.
    fn observe(&mut self, sample: Sample) -> Option<Reading> {
        let reading = self.detector.observe(sample);
        let alarm = |level| level == Level::Unhealthy;
        let before = self.last.is_some_and(|(level, _)| alarm(level));
        if reading.is_taken() {
            self.last = Some((reading.level, reading.since));
        }
        (reading.is_taken() && alarm(reading.level) != before).then_some(reading)
    }

    fn is_alarm(&self) -> bool {
        matches!(self.last, Some((Level::Unhealthy, _)))
    }
}

impl LogWatch {
    /// A builder for a watch over the log of `miner`.
    pub fn builder(miner: Miner) -> LogWatchBuilder<Seasonal> {
        LogWatchBuilder::new(miner)
    }
}

impl<D: Detector + Clone> LogWatch<D> {
    pub(super) fn new(miner: Miner, config: LogWatchConfig, rate: D, errors: D) -> Self {
        Self {
            miner,
            config,
            rate,
            errors: Series::new(errors),
            tracks: HashMap::default(),
            now: Step { since_bad: u32::MAX, ..Step::default() },
            events: VecDeque::new(),
            lost: 0,
            ids: Vec::new(),
        }
    }

    /// Takes in the next line. One from before the step of now counts into that of now.
    pub fn observe(&mut self, at: Instant, line: &str) -> Line {
        self.observe_bytes(at, line.as_bytes())
    }

    /// The same for a line that may be no text at all.
    pub fn observe_bytes(&mut self, at: Instant, line: &[u8]) -> Line {
        self.tick(at);
        let line = self.miner.observe_bytes(at, line);
        let error = u64::from(line.severity == Some(Severity::Error));
        self.now.lines = self.now.lines.saturating_add(1);
        self.now.errors = self.now.errors.saturating_add(error);
        match line.change {
            Change::New => self.found(at, &line),
            Change::Generalised { merged } => {
                self.fold(merged);
                self.tell(LogEvent::Generalised { at, template: line.template, merged });
            }
            Change::None => {}
        }
        let track = self.track(line.template);
        track.lines = track.lines.saturating_add(1);
        line
    }

    /// Ends the steps that are over at `now`.
    pub fn tick(&mut self, now: Instant) {
        let step = self.config.step;
        let mut end = *self.now.end.get_or_insert(now + step);
        if end > now {
            return;
        }
        let over = (now - end).as_nanos() / step.as_nanos();
        if over >= u128::from(MOST_STEPS) {
            // Nobody looked for long: the step that was begun ends, and a new one begins.
            self.close(end);
            end = now + step;
        } else {
            // Counted, since time does not go on at its end.
            for _ in 0..=over {
                self.close(end);
                end += step;
            }
        }
        self.now.end = Some(end);
    }

    /// What was found first of what was not fetched yet.
    pub fn next_event(&mut self) -> Option<LogEvent> {
        self.events.pop_front()
    }

    /// How many events gave way before they were fetched.
    #[must_use]
    pub const fn lost_events(&self) -> u64 {
        self.lost
    }

    /// The miner, for its templates and how they were used.
    #[must_use]
    pub const fn miner(&self) -> &Miner {
        &self.miner
    }

    /// Everything in one judgement, which may be used for two steps.
    ///
    /// Unhealthy while the share of errors is an alarm; degraded while a template is missing or comes
    /// too often or too rarely, and for the ten steps after a new one whose lines are errors; unknown
    /// until the share of errors can be judged. Evidence: `error_alarm`, `rate_alarms` and `vanished`.
    pub fn verdict(&self) -> Verdict {
        let as_of = self.now.end.map_or(Instant::ORIGIN, |end| end - self.config.step);
        let rates = self
            .tracks
            .values()
            .filter(|track| track.series.as_ref().is_some_and(Series::is_alarm));
        let vanished = self.tracks.values().filter(|track| track.vanished).count();
        let (errors, rates) = (self.errors.is_alarm(), rates.count());
        let (level, reason) = if errors {
            (Level::Unhealthy, "share of errors is beyond chance".into())
        } else if self.now.since_bad < 10 {
            (Level::Degraded, "a new kind of error".into())
        } else if vanished + rates > 0 {
            let reason = format!("{vanished} templates stay away, {rates} come at an unusual rate");
            (Level::Degraded, reason.into())
        } else if self.errors.detector.is_warm() {
            (Level::Healthy, std::borrow::Cow::Borrowed("nothing unusual"))
        } else {
            (Level::Unknown, "warming up".into())
        };
        Verdict::new(level, as_of)
            .valid_for(self.config.step.saturating_mul(2))
            .because(reason)
            .with_samples(self.miner.lines())
            .with_evidence("error_alarm", f64::from(u8::from(errors)))
            .with_evidence("rate_alarms", rates as f64)
            .with_evidence("vanished", vanished as f64)
    }

    /// How many bytes it takes up, with all that it holds on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let own = |detector: &D| detector.bytes().saturating_sub(size_of::<D>());
        let series = self.tracks.values().filter_map(|track| track.series.as_ref());
        let series: usize = series.map(|series| own(&series.detector)).sum();
        let text = self.events.iter().map(|event| match event {
            LogEvent::New { text, .. } => text.capacity(),
            _ => 0,
        });
        size_of::<Self>() - size_of::<Miner>()
            + self.miner.bytes()
            + own(&self.rate)
            + own(&self.errors.detector)
            + series
            + (self.tracks.capacity() * 8 / 7 + 1).next_power_of_two()
                * (size_of::<(u64, Track<D>)>() + 1)
            + self.events.capacity() * size_of::<LogEvent>()
            + text.sum::<usize>()
            + self.ids.capacity() * size_of::<u64>()
    }

    fn track(&mut self, id: TemplateId) -> &mut Track<D> {
        self.tracks.entry(id.0).or_insert_with(|| Track {
            lines: 0,
            presence: Presence::new(),
            vanished: false,
            series: None,
        })
    }

    fn found(&mut self, at: Instant, line: &Line) {
        // Many templates may come and go within a step.
        if self.tracks.len() >= self.miner.rules.max_templates * 2 {
            self.forget();
        }
        if line.novelty > self.config.alpha {
            return;
        }
        if line.severity == Some(Severity::Error) {
            self.now.since_bad = 0;
        }
        self.now.new = self.now.new.saturating_add(1);
        if self.now.new > u64::from(self.config.max_new) {
            return;
        }
        let text = self.miner.template(line.template).map_or_else(String::new, |view| view.text());
        let (template, severity) = (line.template, line.severity);
        self.tell(LogEvent::New { at, template, text, severity, p_value: line.novelty });
    }

    /// The tracks of templates that were taken in go on as that of the one that took them in.
    fn fold(&mut self, merged: u32) {
        for n in 0..merged as usize {
            let Some(&(gone, into)) = self.miner.merged.iter().rev().nth(n) else { break };
            if let Some(gone) = self.tracks.remove(&gone.0) {
                let track = self.track(into);
                track.lines = track.lines.saturating_add(gone.lines);
                if gone.presence.seen() > track.presence.seen() {
                    track.presence = gone.presence;
                }
                track.vanished &= gone.vanished;
            }
        }
    }

    fn close(&mut self, at: Instant) {
        let Step { lines, errors, new, .. } = self.now;
        let suppressed = new.saturating_sub(u64::from(self.config.max_new));
        if suppressed > 0 {
            self.tell(LogEvent::NewSuppressed { at, templates: suppressed });
        }
        self.now.since_bad = self.now.since_bad.saturating_add(1);
        (self.now.lines, self.now.errors, self.now.new) = (0, 0, 0);
        self.forget();
        let share = match lines {
            0 => Sample::missing(at),
            _ => Sample::of(at, errors as f64 / lines as f64, lines),
        };
        if let Some(reading) = self.errors.observe(share) {
            self.tell(LogEvent::Errors { reading });
        }
        let mut ids = core::mem::take(&mut self.ids);
        ids.clear();
        ids.extend(self.tracks.keys().copied());
        // In the order of ids, so that the same lines give the same events.
        ids.sort_unstable();
        let watched = ids.len() as f64;
        let series = self.tracks.values().filter(|track| track.series.is_some()).count();
        let mut room = (self.config.max_series as usize).saturating_sub(series);
        for &id in &ids {
            self.close_track(at, id, watched, &mut room);
        }
        self.ids = ids;
    }

    fn close_track(&mut self, at: Instant, id: u64, watched: f64, room: &mut usize) {
        let (template, regular_after) = (TemplateId(id), self.config.regular_after);
        let Some(track) = self.tracks.get_mut(&id) else { return };
        let there = track.lines > 0;
        track.presence.step(there);
        let regular = track.presence.seen() >= regular_after;
        if regular && track.series.is_none() && *room > 0 {
            track.series = Some(Series::new(self.rate.clone()));
            *room -= 1;
        }
        let sample = Sample::new(at, core::mem::take(&mut track.lines) as f64);
        let reading = track.series.as_mut().and_then(|series| series.observe(sample));
        let p_value = (track.presence.p_value() * watched).min(1.0);
        let missing = regular && p_value < self.config.alpha;
        let before = track.vanished;
        // What vanished is so until it comes again.
        track.vanished = !there && (before || missing);
        let after = track.vanished;
        if let Some(reading) = reading {
            self.tell(LogEvent::Rate { template, reading });
        }
        if after && !before {
            let last_seen = self.miner.template(template).map_or(at, |view| view.last_seen());
            self.tell(LogEvent::Vanished { at, template, last_seen, p_value });
        } else if before && !after {
            self.tell(LogEvent::Returned { at, template });
        }
    }

    /// Drops what is known of templates that the miner dropped.
    fn forget(&mut self) {
        self.ids.clear();
        self.ids.extend(self.miner.templates().map(|view| view.id().0));
        self.ids.sort_unstable();
        let ids = &self.ids;
        self.tracks.retain(|id, _| ids.binary_search(id).is_ok());
    }

    fn tell(&mut self, event: LogEvent) {
        if self.events.len() >= self.config.max_events as usize {
            self.events.pop_front();
            self.lost = self.lost.saturating_add(1);
        }
        self.events.push_back(event);
    }
}
