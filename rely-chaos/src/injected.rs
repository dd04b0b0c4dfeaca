use core::error::Error;
use core::fmt;
use std::sync::Arc;

use crate::Effect;

/// A marker for errors and responses: this failure was injected, by which point and into which call.
///
/// Put it into the `source()` chain of the error that stands for an injected failure, or into the
/// extensions of such a response, and the edge of the service can tell made failures from real ones.
/// It is no [`Refusal`](rely_core::Refusal): to meters and breakers an injected failure is a failure
/// like any other, which is the point of it.
///
/// ```
/// use std::io;
/// use rely_chaos::{Fault, FaultPoint, Injected};
///
/// # futures::executor::block_on(async {
/// let point = FaultPoint::builder("disk.write").build()?;
/// let guard = point.arm(Fault::error(), core::time::Duration::from_secs(60))?;
/// let write = async { Ok::<_, io::Error>(42) };
/// let error = point.call(write, |injected| Err(io::Error::other(injected))).await.unwrap_err();
/// assert_eq!(Injected::find(&error).unwrap().point(), "disk.write");
/// # Ok::<(), rely_chaos::ArmError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    point: Arc<str>,
    call: u64,
    effect: Effect,
}

impl Injected {
    pub(crate) const fn new(point: Arc<str>, call: u64, effect: Effect) -> Self {
        Self { point, call, effect }
    }

    /// The point, with its labels.
    #[must_use]
    pub fn point(&self) -> &str {
        &self.point
    }

    /// The number of the call since the fault was armed, from 0.
    #[must_use]
    pub const fn call(&self) -> u64 {
        self.call
    }

    /// What was done to the call.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// The first such marker in an error's chain of sources, the error itself included.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            // An io::Error hides the error it wraps from `source()`, giving only that one's source.
            let wrapped = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
            let wrapped = wrapped.map(|error| error as &(dyn Error + 'static));
            let found = [Some(error), wrapped].into_iter().flatten();
            if let Some(injected) = found.filter_map(|error| error.downcast_ref()).next() {
                return Some(injected);
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fault injected at {} into call {}", self.point, self.call)
    }
}

impl Error for Injected {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_however_deep_and_is_no_refusal() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::io::Error);

        let injected = Injected::new("point".into(), 3, Effect::Error);
        let inner = std::io::Error::other(injected.clone());
        let error = std::io::Error::other(Outer(inner));
        assert_eq!(Injected::find(&error), Some(&injected));
        assert_eq!(Injected::find(&injected), Some(&injected));
        assert_eq!(Injected::find(&Outer(std::io::Error::other("real"))), None);
        assert_eq!(rely_core::Refusal::find(&error), None);
        assert_eq!(injected.to_string(), "fault injected at point into call 3");
    }
}
