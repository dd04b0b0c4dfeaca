//! What several scales remember.

use core::time::Duration;

use rely_core::{ConfigError, Instant};

use super::{Coarse, Open, Scales};
use crate::{Reading, Sample};

/// Everything that a [`Scales`] has learnt, to be kept across restarts; `S` is the snapshot of one of
/// its detectors.
///
/// Plain data; with the feature `serde` it goes through any format that keeps floats exactly (for
/// `serde_json` that takes its feature `float_roundtrip`). It holds instants, which mean nothing on
/// another clock: see [`ScalesSnapshot::rebase`].
///
/// ```
/// use core::time::Duration;
/// use rely_detect::{Ensemble, Scales};
///
/// let latency = Scales::new(Ensemble::new("latency"))
///     .with(Duration::from_secs(300), Ensemble::new("latency over 5 minutes"))?;
/// let stored = latency.snapshot(Ensemble::snapshot);
/// let again = stored.restore(|step, learnt| match step {
///     None => Ensemble::builder("latency").restore(learnt),
///     Some(_) => Ensemble::builder("latency over 5 minutes").restore(learnt),
/// })?;
/// assert_eq!(again, latency);
/// # Ok::<(), rely_core::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct ScalesSnapshot<S> {
    version: u32,
    fine: S,
    coarse: Vec<Scale<S>>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
struct Scale<S> {
    step: u64,
    open: Option<Open>,
    said: Option<Reading>,
    inner: S,
}

impl<S> ScalesSnapshot<S> {
    /// The version of the layout that this release writes and reads.
    pub const VERSION: u32 = 1;

    pub(super) fn of<D>(scales: &Scales<D>, mut snapshot: impl FnMut(&D) -> S) -> Self {
        let fine = snapshot(&scales.fine);
        let scale = |coarse: &Coarse<D>| Scale {
            step: coarse.step,
            open: coarse.open,
            said: coarse.said,
            inner: snapshot(&coarse.inner),
        };
        Self { version: Self::VERSION, fine, coarse: scales.coarse.iter().map(scale).collect() }
    }

    /// The same on another clock, where `to` is the moment that was `from` on the old one; `inner` does
    /// it to the snapshot of a detector, [`OnlineSnapshot::rebase`](crate::ensemble::OnlineSnapshot::rebase)
    /// for example.
    ///
    /// Steps count from the clock's origin, so the step that is not over may end earlier or later by up
    /// to its length.
    #[must_use]
    pub fn rebase(
        mut self,
        from: Instant,
        to: Instant,
        mut inner: impl FnMut(S, Instant, Instant) -> S,
    ) -> Self {
        let shift = |at: Instant| if at >= from { to + (at - from) } else { to - (from - at) };
        self.fine = inner(self.fine, from, to);
        let coarse = self.coarse.into_iter().map(|mut scale| {
            if let Some(open) = &mut scale.open {
                open.last = shift(open.last);
            }
            if let Some(said) = &mut scale.said {
                (said.sample.at, said.since) = (shift(said.sample.at), shift(said.since));
            }
            Scale { inner: inner(scale.inner, from, to), ..scale }
        });
        self.coarse = coarse.collect();
        self
    }

    /// The detectors, which go on where the snapshot was taken; `make` restores each, told the step of
    /// its means, none for that of the series as it comes.
    ///
    /// # Errors
    /// What does not fit, here or for `make`: a snapshot may come from anywhere, so nothing in it is
    /// taken on trust.
    pub fn restore<D>(
        self,
        mut make: impl FnMut(Option<Duration>, S) -> Result<D, ConfigError>,
    ) -> Result<Scales<D>, ConfigError> {
        if self.version != Self::VERSION {
            let allowed = Self::VERSION.to_string();
            return Err(ConfigError::new("snapshot.version", self.version, allowed));
        }
        let fine = make(None, self.fine)?;
        let coarse = self.coarse.into_iter().map(|scale| {
            scale.check()?;
            let Scale { step, open, said, inner } = scale;
            Ok(Coarse { inner: make(Some(Duration::from_nanos(step)), inner)?, step, open, said })
        });
        Ok(Scales { fine, coarse: coarse.collect::<Result<_, ConfigError>>()? })
    }
}

impl<S> Scale<S> {
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field: &str, allowed: &str| {
            Err(ConfigError::new(format!("snapshot.coarse.{field}"), "something else", allowed))
        };
        if self.step == 0 {
            return wrong("step", "over zero");
        }
        let open = |open: &Open| open.mean.abs() <= Sample::LIMIT && open.count > 0;
        if !self.open.as_ref().is_none_or(open) {
            return wrong("open", "the mean of at least one observation");
        }
        let said = |said: &Reading| said.severity.is_finite() && (0.0..=1.0).contains(&said.score);
        if !self.said.as_ref().is_none_or(said) {
            return wrong("said", "numbers");
        }
        Ok(())
    }
}
