//! Many series in one process, under a cap on memory that holds.
//!
//! ```
//! use rely_core::Instant;
//! use rely_detect::families::EwmaBand;
//! use rely_detect::{Bank, Calibrated, Sample};
//!
//! let fresh = EwmaBand::detector("by route").build()?;
//! let mut bank: Bank<String, Calibrated<EwmaBand>> =
//!     Bank::new(10_000_000, move |_route: &String| fresh.clone()).key_bytes(String::capacity);
//! let reading = bank.observe(&"/orders".to_owned(), Sample::new(Instant::from_nanos(1), 3.0));
//! assert!(reading.is_some() && bank.len() == 1 && bank.bytes() <= 10_000_000);
//! # Ok::<(), rely_core::ConfigError>(())
//! ```

use core::fmt;
use core::hash::Hash;
use std::collections::HashMap;

use crate::{Detector, Reading, Sample};

#[cfg(test)]
mod tests;

/// A detector for each key, made when its first sample comes.
///
/// All of them together take up no more than the cap, as far as [`Detector::bytes`] tells: where a
/// sample would go beyond it, the series that were silent for longest are forgotten until it fits. One
/// that does not fit alone is not kept. Both are counted.
pub struct Bank<K, D> {
    make: Box<dyn FnMut(&K) -> D + Send>,
    key_bytes: fn(&K) -> usize,
    cap: usize,
    bytes: usize,
    index: HashMap<K, usize>,
    /// Places of forgotten series are taken again.
    places: Vec<Option<Box<Place<K, D>>>>,
    free: Vec<usize>,
    newest: Option<usize>,
    oldest: Option<usize>,
    evicted: u64,
    refused: u64,
}

/// A series, between the one that was updated before it and the one after.
struct Place<K, D> {
    key: K,
    detector: D,
    bytes: usize,
    older: Option<usize>,
    newer: Option<usize>,
}

impl<K: Clone + Eq + Hash, D: Detector> Bank<K, D> {
    /// A bank of at most `cap` bytes, with `make` for the detector of a new key.
    pub fn new(cap: usize, make: impl FnMut(&K) -> D + Send + 'static) -> Self {
        Self {
            make: Box::new(make),
            key_bytes: |_| 0,
            cap,
            bytes: 0,
            index: HashMap::new(),
            places: Vec::new(),
            free: Vec::new(),
            newest: None,
            oldest: None,
            evicted: 0,
            refused: 0,
        }
    }

    /// What a key takes up on the heap; nothing by default. To be set before the first sample.
    #[must_use]
    pub fn key_bytes(mut self, key_bytes: fn(&K) -> usize) -> Self {
        self.key_bytes = key_bytes;
        self
    }

    /// Hands a sample to the detector of its series; `None` where that one does not fit under the cap.
    pub fn observe(&mut self, key: &K, sample: Sample) -> Option<Reading> {
        let place = match self.index.get(key) {
            Some(place) => *place,
            None => self.add(key),
        };
        self.unlink(place);
        self.link(place);
        let size = Self::overhead(key, self.key_bytes);
        let held = self.places.get_mut(place)?.as_mut()?;
        let reading = held.detector.observe(sample);
        let bytes = size + held.detector.bytes();
        self.bytes = self.bytes - held.bytes + bytes;
        held.bytes = bytes;
        // It would drive out all others, and then not fit.
        if bytes > self.cap {
            self.remove(place);
            self.refused = self.refused.saturating_add(1);
            return None;
        }
        while self.bytes > self.cap {
            let Some(oldest) = self.oldest else { break };
            self.remove(oldest);
            self.evicted = self.evicted.saturating_add(1);
        }
        Some(reading)
    }

    /// The detector of a series, if it is kept.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&D> {
        let place = self.places.get(*self.index.get(key)?)?.as_ref()?;
        Some(&place.detector)
    }

    /// The same to be changed: told to accept a new level, say. What it takes up is counted anew with its
    /// next sample.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut D> {
        let place = self.places.get_mut(*self.index.get(key)?)?.as_mut()?;
        Some(&mut place.detector)
    }

    /// Forgets a series, and says whether there was one.
    pub fn forget(&mut self, key: &K) -> bool {
        let place = self.index.get(key).copied();
        place.into_iter().for_each(|place| self.remove(place));
        place.is_some()
    }

    /// All series, the last updated one first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &D)> {
        let held = |place: usize| self.places.get(place)?.as_deref();
        let newest = self.newest.and_then(held);
        core::iter::successors(newest, move |place| place.older.and_then(held))
            .map(|place| (&place.key, &place.detector))
    }

    /// How many series are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// How many bytes all of them take up.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many bytes they may take up.
    #[must_use]
    pub const fn cap(&self) -> usize {
        self.cap
    }

    /// How many series were forgotten to make room.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many samples came to nothing because their series did not fit alone.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// What a series takes up beside its detector: the key twice, the index at its emptiest, the place.
    fn overhead(key: &K, key_bytes: fn(&K) -> usize) -> usize {
        let index = 2 * (size_of::<(K, usize)>() + 1);
        let place = size_of::<Place<K, D>>() - size_of::<D>() + 4 * size_of::<usize>();
        2 * key_bytes(key) + index + place
    }

    fn add(&mut self, key: &K) -> usize {
        let detector = (self.make)(key);
        let (key, older, newer) = (key.clone(), None, None);
        let held = Box::new(Place { key: key.clone(), detector, bytes: 0, older, newer });
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(held);
        }
        self.index.insert(key, place);
        self.link(place);
        place
    }

    fn remove(&mut self, place: usize) {
        self.unlink(place);
        if let Some(held) = self.places.get_mut(place).and_then(Option::take) {
            self.index.remove(&held.key);
            self.bytes -= held.bytes;
            self.free.push(place);
        }
    }

    fn held(&mut self, place: Option<usize>) -> Option<&mut Place<K, D>> {
        self.places.get_mut(place?)?.as_deref_mut()
    }

    /// Puts a place at the newest end.
    fn link(&mut self, place: usize) {
        let older = self.newest.replace(place);
        if let Some(held) = self.held(Some(place)) {
            (held.older, held.newer) = (older, None);
        }
        match self.held(older) {
            Some(older) => older.newer = Some(place),
            None => self.oldest = Some(place),
        }
    }

    /// Takes a place out of the row.
    fn unlink(&mut self, place: usize) {
        let Some(held) = self.held(Some(place)) else { return };
        let (older, newer) = (held.older, held.newer);
        match self.held(older) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match self.held(newer) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
    }
}

impl<K, D> fmt::Debug for Bank<K, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cap, bytes, index, evicted, refused, .. } = self;
        f.debug_struct("Bank")
            .field("cap", cap)
            .field("bytes", bytes)
            .field("series", &index.len())
            .field("evicted", evicted)
            .field("refused", refused)
            .finish_non_exhaustive()
    }
}
