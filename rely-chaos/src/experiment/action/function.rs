use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::Action;
use crate::BoxError;

pub(super) type Deed =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> + Send + Sync>;

/// An action made of two closures, such as a deployment and what takes it back.
///
/// It has fired as often as the first one has ended well, unless [`fired_by`](FnAction::fired_by)
/// knows better.
///
/// ```
/// use rely_chaos::experiment::FnAction;
///
/// let deploy = FnAction::new(
///     "deploy v2",
///     || async { Ok(()) }, // … move the traffic …
///     || async { Ok(()) }, // … and back …
/// );
/// # drop(deploy);
/// ```
pub struct FnAction {
    name: String,
    inject: Deed,
    roll_back: Deed,
    abandon: Option<Box<dyn Fn() + Send + Sync>>,
    fired: Option<Box<dyn Fn() -> u64 + Send + Sync>>,
    needed: u64,
    done: AtomicU64,
}

impl FnAction {
    /// Does `inject`, and `roll_back` at the end of the run.
    #[must_use]
    pub fn new<I, IFut, R, RFut>(name: impl Into<String>, inject: I, roll_back: R) -> Self
    where
        I: Fn() -> IFut + Send + Sync + 'static,
        IFut: Future<Output = Result<(), BoxError>> + Send + 'static,
        R: Fn() -> RFut + Send + Sync + 'static,
        RFut: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self {
            name: name.into(),
            inject: Box::new(move || Box::pin(inject())),
            roll_back: Box::new(move || Box::pin(roll_back())),
            abandon: None,
            fired: None,
            needed: 1,
            done: AtomicU64::new(0),
        }
    }

    /// Counts the effects that it has had since the program began: calls hit, messages lost.
    #[must_use]
    pub fn fired_by(self, fired: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { fired: Some(Box::new(fired)), ..self }
    }

    /// How many effects it has to have in a run; 1 by default.
    #[must_use]
    pub fn at_least(self, effects: u64) -> Self {
        Self { needed: effects, ..self }
    }

    /// What takes it back without waiting, for when the run's future is dropped.
    #[must_use]
    pub fn on_abandon(self, abandon: impl Fn() + Send + Sync + 'static) -> Self {
        Self { abandon: Some(Box::new(abandon)), ..self }
    }
}

#[async_trait]
impl Action for FnAction {
    fn name(&self) -> &str {
        &self.name
    }

    async fn inject(&self) -> Result<(), BoxError> {
        (self.inject)().await?;
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn roll_back(&self) -> Result<(), BoxError> {
        (self.roll_back)().await
    }

    fn fired(&self) -> u64 {
        self.fired.as_ref().map_or_else(|| self.done.load(Ordering::Relaxed), |fired| fired())
    }

    fn needed(&self) -> u64 {
        self.needed
    }

    fn abandon(&self) {
        if let Some(abandon) = &self.abandon {
            abandon();
        }
    }
}

impl fmt::Debug for FnAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnAction").field("name", &self.name).finish_non_exhaustive()
    }
}
