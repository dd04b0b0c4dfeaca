//! What came out, for people and for programs.

use core::fmt;
use std::collections::BTreeMap;
use std::{fs, io};

use serde_json::json;

use crate::course::End;
use crate::fault::{KINDS, Kind, Onset};

/// The shares of incidents that have to be noticed in time.
const RAMPS_IN_TIME: f64 = 0.9;
const STEPS_IN_TIME: f64 = 1.0;
const FALSE_A_WEEK: f64 = 1.0;

#[derive(Default)]
pub(crate) struct Table {
    ends: BTreeMap<&'static str, Vec<End>>,
    quiet_days: u64,
    false_pages: u64,
}

impl Table {
    pub(crate) fn incident(&mut self, kind: &Kind, end: End) {
        self.ends.entry(kind.name).or_default().push(end);
    }

    pub(crate) const fn quiet(&mut self, days: u64) {
        self.quiet_days += days;
    }

    pub(crate) const fn false_page(&mut self) {
        self.false_pages += 1;
    }

    fn false_a_week(&self) -> f64 {
        self.false_pages as f64 * 7.0 / self.quiet_days as f64
    }

    fn share_in_time(&self, onset: Onset) -> f64 {
        let kinds = KINDS.iter().filter(|kind| kind.onset == onset);
        let ends = kinds.filter_map(|kind| self.ends.get(kind.name)).flatten();
        let (all, good) = ends.fold((0_u32, 0_u32), |(all, good), end| {
            (all + 1, good + u32::from(end.in_time(onset)))
        });
        f64::from(good) / f64::from(all.max(1))
    }

    /// The bars that were missed.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for (onset, bar) in [(Onset::Ramp, RAMPS_IN_TIME), (Onset::Step, STEPS_IN_TIME)] {
            let share = self.share_in_time(onset);
            if share < bar {
                missed.push(format!("{onset:?}: {:.1} % in time", 100.0 * share));
            }
        }
        if self.false_a_week() > FALSE_A_WEEK {
            missed.push(format!("{:.2} false pages a week", self.false_a_week()));
        }
        missed
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        let rows: Vec<_> = KINDS
            .iter()
            .filter_map(|kind| Some((kind, self.ends.get(kind.name)?)))
            .map(|(kind, ends)| {
                let in_time = ends.iter().filter(|end| end.in_time(kind.onset)).count();
                json!({
                    "name": format!("rely/{}", kind.name),
                    "share": in_time as f64 / ends.len() as f64,
                    "seconds_p50": median(noticed(ends)),
                    "felt_seconds_p50": median(felt(ends)),
                })
            })
            .collect();
        let page = json!({
            "name": "incidents",
            "ramps_in_time_share": self.share_in_time(Onset::Ramp),
            "steps_in_time_share": self.share_in_time(Onset::Step),
            "false_pages_a_week": self.false_a_week(),
            "rows": rows,
        });
        fs::create_dir_all("target/proof")?;
        fs::write("target/proof/incidents.json", format!("{page:#}\n"))
    }
}

fn noticed(ends: &[End]) -> Vec<u64> {
    ends.iter().filter_map(|end| end.page.as_ref().map(|(after, _)| *after)).collect()
}

fn felt(ends: &[End]) -> Vec<u64> {
    ends.iter().filter_map(|end| end.felt).collect()
}

fn median(mut times: Vec<u64>) -> Option<u64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Option<u64>| time.map_or("-".into(), |time| format!("{time} s"));
        writeln!(f, "{:<28} {:>8} {:>12} {:>12}", "incident", "in time", "noticed", "felt")?;
        for kind in &KINDS {
            let Some(ends) = self.ends.get(kind.name) else { continue };
            let in_time = ends.iter().filter(|end| end.in_time(kind.onset)).count();
            let (noticed, felt) = (seconds(median(noticed(ends))), seconds(median(felt(ends))));
            let in_time = format!("{in_time}/{}", ends.len());
            writeln!(f, "{:<28} {in_time:>8} {noticed:>12} {felt:>12}", kind.name)?;
        }
        writeln!(
            f,
            "\nramps noticed before users felt them: {:.1} %; steps within 60 s: {:.1} %; \
             false pages: {:.2} a week ({} quiet days)",
            100.0 * self.share_in_time(Onset::Ramp),
            100.0 * self.share_in_time(Onset::Step),
            self.false_a_week(),
            self.quiet_days,
        )?;
        write!(f, "written: target/proof/incidents.json")
    }
}
