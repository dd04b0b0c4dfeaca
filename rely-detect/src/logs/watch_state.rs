//! What a watch knows beside its miner, as plain data.

use std::collections::HashSet;

use rely_core::{ConfigError, Instant, Level};

use super::presence::Presence;
use super::watch::{LogWatch, Series, Step, Track};
use crate::Detector;

/// Everything that a [`LogWatch`] knows, but for its miner, which has a snapshot of its own, and for
/// events that were not fetched; `S` is the snapshot of a detector.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct LogWatchSnapshot<S> {
    version: u32,
    now: Step,
    errors: StoredSeries<S>,
    /// By the ids of their templates, in order.
    tracks: Vec<(u64, StoredTrack<S>)>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct StoredSeries<S> {
    detector: S,
    last: Option<(Level, Instant)>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct StoredTrack<S> {
    lines: u64,
    presence: Presence,
    vanished: bool,
    series: Option<StoredSeries<S>>,
}

impl<D: Detector + Clone> LogWatch<D> {
    /// Everything it knows but for its miner; `store` takes the snapshot of a detector.
    pub fn snapshot<S>(&self, store: impl Fn(&D) -> S) -> LogWatchSnapshot<S> {
        let series = |series: &Series<D>| StoredSeries {
            detector: store(&series.detector),
            last: series.last,
        };
        let track = |track: &Track<D>| StoredTrack {
            lines: track.lines,
            presence: track.presence,
            vanished: track.vanished,
            series: track.series.as_ref().map(series),
        };
        // Tracks of templates that gave way in this step would go at its end.
        let held: HashSet<u64> = self.miner.templates().map(|view| view.id().0).collect();
        let tracks = self.tracks.iter().filter(|(id, _)| held.contains(id));
        let mut tracks: Vec<_> = tracks.map(|(id, known)| (*id, track(known))).collect();
        tracks.sort_unstable_by_key(|(id, _)| *id);
        let version = LogWatchSnapshot::<S>::VERSION;
        LogWatchSnapshot { version, now: self.now, errors: series(&self.errors), tracks }
    }
}

impl<S> LogWatchSnapshot<S> {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    /// The same on another clock, where `to` is the moment that was `from` on the old one; `detector`
    /// does so for the snapshot of a detector.
    #[must_use]
    pub fn rebase(mut self, from: Instant, to: Instant, detector: impl Fn(S) -> S) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        let series = |stored: StoredSeries<S>| StoredSeries {
            detector: detector(stored.detector),
            last: stored.last.map(|(level, since)| (level, shift(since))),
        };
        let track = |(id, track): (u64, StoredTrack<S>)| {
            let StoredTrack { lines, presence, vanished, series: stored } = track;
            (id, StoredTrack { lines, presence, vanished, series: stored.map(series) })
        };
        self.now.end = self.now.end.map(shift);
        let tracks = self.tracks.into_iter().map(track).collect();
        Self { errors: series(self.errors), tracks, ..self }
    }

    /// A snapshot may come from anywhere, so nothing in it is taken on trust.
    pub(super) fn into_watch<D: Detector + Clone>(
        self,
        watch: &mut LogWatch<D>,
        mut restore: impl FnMut(S) -> Result<D, ConfigError>,
    ) -> Result<(), ConfigError> {
        if self.version != Self::VERSION {
            let allowed = Self::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", self.version, allowed));
        }
        if !self.tracks.iter().all(|(_, track)| track.presence.is_sound()) {
            let (field, allowed) = ("snapshot.tracks.presence", "chances from 0 to 1");
            return Err(ConfigError::new(field, "something else", allowed));
        }
        let mut series = |stored: StoredSeries<S>| {
            Ok::<_, ConfigError>(Series { detector: restore(stored.detector)?, last: stored.last })
        };
        let mut known = series(self.errors)?;
        core::mem::swap(&mut watch.errors, &mut known);
        watch.now = self.now;
        let held: HashSet<u64> = watch.miner.templates().map(|view| view.id().0).collect();
        let mut room = watch.config.max_series;
        for (id, track) in self.tracks.into_iter().filter(|(id, _)| held.contains(id)) {
            let StoredTrack { lines, presence, vanished, series: stored } = track;
            // There may be fewer than before, as configured now.
            let stored = stored.filter(|_| room > 0);
            room -= u32::from(stored.is_some());
            let series = stored.map(&mut series).transpose()?;
            watch.tracks.insert(id, Track { lines, presence, vanished, series });
        }
        Ok(())
    }
}
