use core::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rely_core::Ratio;
use rely_core::rng::Rng;

use super::key::Place;
use super::{Key, SplitService};
use crate::Controlled;
use crate::sync::lock;

/// 2⁶⁴ divided by the golden ratio, made odd: one step of the sequence.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One of the two sides of a [`Split`]. Exhaustive by nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Arm {
    /// What has served so far.
    Stable,
    /// What is on trial.
    Candidate,
}

impl Arm {
    /// The name in metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which share of the calls a candidate gets: a cheap-clone handle, every clone of which is the same
/// split.
///
/// To choose costs one atomic addition and one load, and an addition more where the candidate is
/// chosen; there is no lock and no allocation. See the [module's documentation](super) for which
/// calls are chosen.
///
/// ```
/// use rely_core::Ratio;
/// use rely_rollout::{Arm, Key, Split};
///
/// let split = Split::new("orders-v2");
/// split.set_share(Ratio::percent(10.0)?).expect("no rollout decides about it");
///
/// let candidates = (0..1000).filter(|_| split.choose(None) == Arm::Candidate).count();
/// assert_eq!(candidates, 100);
/// assert_eq!(split.counts().candidate, 100);
///
/// let user = Key::from("user-17");
/// assert_eq!(split.choose(user), split.choose(user));
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Split(Arc<Shared>);

struct Shared {
    name: Arc<str>,
    salt: u64,
    start: u64,
    share: AtomicU32,
    /// All calls that were routed, and so the number of the next one.
    calls: AtomicU64,
    candidate: AtomicU64,
    candidate_not_ready: AtomicU64,
    stable_not_ready: AtomicU64,
    candidate_failed: AtomicU64,
    controlled_by: Mutex<Option<Arc<str>>>,
}

/// What a [`Split`] has routed since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SplitCounts {
    /// Calls that went to the stable arm.
    pub stable: u64,
    /// Calls that went to the candidate.
    pub candidate: u64,
    /// Those to the stable arm that were the candidate's, which was not ready.
    pub candidate_not_ready: u64,
    /// Those to the candidate that were the stable arm's, which had not been asked because the
    /// candidate had all calls when this one was admitted.
    pub stable_not_ready: u64,
    /// How many service values have given the candidate up because its `poll_ready` failed.
    pub candidate_failed: u64,
}

impl Split {
    /// A split called `name`, with all calls to the stable arm.
    ///
    /// The name says which keys come first, so give each rollout its own. The calls without a key
    /// follow the same sequence in each process; see [`Split::seeded`].
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::seeded(name, 0)
    }

    /// A split whose sequence for calls without a key begins elsewhere for each seed.
    ///
    /// Give each process of a fleet a seed of its own, so that not all of them send their first call
    /// the same way. Calls with a key do not depend on it.
    #[must_use]
    pub fn seeded(name: impl Into<Arc<str>>, seed: u64) -> Self {
        let name = name.into();
        let salt = Rng::seeded(0).fork(name.as_bytes()).seed();
        let start = Rng::seeded(seed).fork(name.as_bytes()).next_u64();
        Self(Arc::new(Shared {
            name,
            salt,
            start,
            share: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            candidate: AtomicU64::new(0),
            candidate_not_ready: AtomicU64::new(0),
            stable_not_ready: AtomicU64::new(0),
            candidate_failed: AtomicU64::new(0),
            controlled_by: Mutex::new(None),
        }))
    }

    /// The split's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The candidate's share.
    #[inline]
    #[must_use]
    pub fn share(&self) -> Ratio {
        Ratio::from_ppm_clamped(self.0.share.load(Ordering::Relaxed))
    }

    /// Sets the candidate's share by hand, for the calls from now on.
    ///
    /// # Errors
    /// If a [`Rollout`](crate::Rollout) decides about it, for as long as any of its handles lives.
    pub fn set_share(&self, share: Ratio) -> Result<(), Controlled> {
        let controlled_by = lock(&self.0.controlled_by);
        if let Some(by) = &*controlled_by {
            return Err(Controlled { split: Arc::clone(&self.0.name), by: Arc::clone(by) });
        }
        self.0.share.store(share.ppm(), Ordering::Relaxed);
        Ok(())
    }

    /// Chooses the arm for a call, by its key or without one, and counts the call there.
    #[inline]
    #[must_use = "the call is counted for the arm that is chosen"]
    pub fn choose(&self, key: impl Into<Option<Key>>) -> Arm {
        let arm = self.pick(key.into());
        if arm == Arm::Candidate {
            self.0.candidate.fetch_add(1, Ordering::Relaxed);
        }
        arm
    }

    /// The arm that calls with this key go to at the present share. Counts nothing.
    #[must_use]
    pub fn arm_of(&self, key: Key) -> Arm {
        self.arm_at(key.place(self.0.salt))
    }

    /// What has been routed so far.
    #[must_use]
    pub fn counts(&self) -> SplitCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let candidate = count(&self.0.candidate);
        SplitCounts {
            stable: count(&self.0.calls).saturating_sub(candidate),
            candidate,
            candidate_not_ready: count(&self.0.candidate_not_ready),
            stable_not_ready: count(&self.0.stable_not_ready),
            candidate_failed: count(&self.0.candidate_failed),
        }
    }

    /// A service that sends each call to one of two. They may be of different types, as long as they
    /// take the same requests and give the same responses and errors.
    pub fn service<A, B>(&self, stable: A, candidate: B) -> SplitService<A, B> {
        SplitService::new(self.clone(), stable, candidate)
    }

    /// Like [`Split::choose`] where both arms are `ready` to be called; else counts what happens.
    #[inline]
    pub(super) fn choose_ready(&self, key: Option<Key>, ready: impl Fn(Arm) -> bool) -> Arm {
        let wanted = self.pick(key);
        let (other, displaced) = match wanted {
            Arm::Stable => (Arm::Candidate, &self.0.stable_not_ready),
            Arm::Candidate => (Arm::Stable, &self.0.candidate_not_ready),
        };
        let arm = if !ready(wanted) && ready(other) {
            displaced.fetch_add(1, Ordering::Relaxed);
            other
        } else {
            wanted
        };
        if arm == Arm::Candidate {
            self.0.candidate.fetch_add(1, Ordering::Relaxed);
        }
        arm
    }

    pub(super) fn count_candidate_failed(&self) {
        self.0.candidate_failed.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn pick(&self, key: Option<Key>) -> Arm {
        let number = self.0.calls.fetch_add(1, Ordering::Relaxed);
        self.arm_at(match key {
            Some(key) => key.place(self.0.salt),
            None => Place(self.0.start.wrapping_add(number.wrapping_mul(GOLDEN))),
        })
    }

    #[inline]
    fn arm_at(&self, place: Place) -> Arm {
        if place.is_below(self.share()) { Arm::Candidate } else { Arm::Stable }
    }

    /// Takes the share over for a rollout and leaves it as it is.
    pub(crate) fn control(&self, by: Arc<str>) -> Result<Control, Controlled> {
        let mut controlled_by = lock(&self.0.controlled_by);
        if let Some(by) = &*controlled_by {
            return Err(Controlled { split: Arc::clone(&self.0.name), by: Arc::clone(by) });
        }
        *controlled_by = Some(by);
        Ok(Control(self.clone()))
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Split")
            .field("name", &self.0.name)
            .field("share", &self.share())
            .finish_non_exhaustive()
    }
}

/// The only hand on a split's share; dropping it leaves the share and lets others set it.
#[derive(Debug)]
pub(crate) struct Control(Split);

impl Control {
    pub(crate) const fn split(&self) -> &Split {
        &self.0
    }

    pub(crate) fn set(&self, share: Ratio) {
        self.0.0.share.store(share.ppm(), Ordering::Relaxed);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        *lock(&self.0.0.controlled_by) = None;
    }
}
