use core::time::Duration;

#[cfg(feature = "serde")]
use rely_core::config::duration;
use rely_core::window::CountWindow;
use rely_core::{ConfigError, Weight, config};

/// What a window held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
pub(crate) enum Kept {
    /// The oldest first.
    Calls(Vec<Alike>),
    /// The newest first.
    Time(Vec<Bucket>),
}

/// So many calls one after the other, each of a weight, that ended alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Alike(pub(crate) u32, pub(crate) u16, pub(crate) Answer);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub(crate) enum Answer {
    Good,
    Bad,
    Slow,
    BadAndSlow,
}

/// What the calls that came so long ago weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub(crate) struct Bucket {
    #[cfg_attr(feature = "serde", serde(with = "duration"))]
    pub(crate) ago: Duration,
    pub(crate) good: u64,
    pub(crate) bad: u64,
    pub(crate) slow: u64,
    pub(crate) bad_and_slow: u64,
}

/// No window of time has more buckets, and no bucket of 64 shards holds more.
const MOST_BUCKETS: usize = 4096;
const MOST_IN_BUCKET: u64 = (1 << 45) - 1;

impl Answer {
    pub(crate) const fn is_bad(self) -> bool {
        matches!(self, Self::Bad | Self::BadAndSlow)
    }

    pub(crate) const fn is_slow(self) -> bool {
        matches!(self, Self::Slow | Self::BadAndSlow)
    }

    const fn of(bad: bool, slow: bool) -> Self {
        match (bad, slow) {
            (false, false) => Self::Good,
            (true, false) => Self::Bad,
            (false, true) => Self::Slow,
            (true, true) => Self::BadAndSlow,
        }
    }
}

impl Kept {
    pub(crate) fn calls(calls: impl IntoIterator<Item = (Weight, bool, bool)>) -> Self {
        let mut runs: Vec<Alike> = Vec::new();
        for (weight, bad, slow) in calls {
            let (weight, answer) = (weight.get(), Answer::of(bad, slow));
            match runs.last_mut() {
                Some(run) if (run.1, run.2) == (weight, answer) => run.0 += 1,
                _ => runs.push(Alike(1, weight, answer)),
            }
        }
        Self::Calls(runs)
    }

    pub(super) fn after(mut self, elapsed: Duration) -> Self {
        if let Self::Time(buckets) = &mut self {
            for bucket in buckets {
                bucket.ago = bucket.ago.saturating_add(elapsed);
            }
        }
        self
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Calls(runs) => {
                let mut left = CountWindow::MAX_CALLS;
                for Alike(calls, weight, _) in runs {
                    config::in_range("calls", *calls, 1..=left)?;
                    config::in_range("weight", *weight, 1..)?;
                    left -= calls;
                }
            }
            Self::Time(buckets) => {
                config::in_range("buckets", buckets.len(), 0..=MOST_BUCKETS)?;
                for Bucket { good, bad, slow, bad_and_slow, .. } in buckets {
                    for (name, sum) in [
                        ("good", good),
                        ("bad", bad),
                        ("slow", slow),
                        ("bad_and_slow", bad_and_slow),
                    ] {
                        config::in_range(name, *sum, 0..=MOST_IN_BUCKET)?;
                    }
                }
            }
        }
        Ok(())
    }
}
