use core::future::Future;
use core::pin::Pin;
use std::error::Error;
use std::sync::Arc;

use crate::Release;

/// Any error that can go to another thread.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What can replace an instance: a platform, an orchestrator, a supervisor.
///
/// ```
/// use rely_rollout::Release;
/// use rely_rollout::reconcile::{Actuator, BoxError};
///
/// struct Supervisor;
///
/// impl Actuator for Supervisor {
///     async fn replace(&self, instance: &str, release: &Release) -> Result<(), BoxError> {
///         println!("stop {instance}, start it from {release}");
///         Ok(())
///     }
/// }
/// ```
pub trait Actuator: Send + Sync {
    /// Replaces the instance by a new one that runs just this release.
    ///
    /// It may be asked again for what it has done already, and its future may be dropped at any
    /// await when it takes too long, another release is declared, or the driver goes away: let the
    /// same request twice lead to the same instance, and a later one win. To be done is to have
    /// started it; whether it runs well, its reports will say.
    ///
    /// # Errors
    /// If that failed; there will be another attempt. A panic counts as a failure.
    fn replace(
        &self,
        instance: &str,
        release: &Release,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

impl<A: Actuator + ?Sized> Actuator for Arc<A> {
    fn replace(
        &self,
        instance: &str,
        release: &Release,
    ) -> impl Future<Output = Result<(), BoxError>> + Send {
        (**self).replace(instance, release)
    }
}

pub(super) type Replacement = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
pub(super) type Replace = Box<dyn Fn(Arc<str>, Release) -> Replacement + Send + Sync>;

/// The same actuator without its type.
pub(super) fn erase(actuator: impl Actuator + 'static) -> Replace {
    let actuator = Arc::new(actuator);
    Box::new(move |instance, release| {
        let actuator = Arc::clone(&actuator);
        Box::pin(async move { actuator.replace(&instance, &release).await })
    })
}
