//! Which io errors speak of the other side.

use std::io::{Error, ErrorKind};

use super::{Classify, Judgement};
use crate::{Outcome, Refusal};

/// Judges an `io::Error` by its kind; `Ok` is a success.
///
/// | class | kinds |
/// |---|---|
/// | failure: the other side or the way there is broken | `ConnectionRefused`, `ConnectionReset`, `ConnectionAborted`, `NotConnected`, `BrokenPipe`, `UnexpectedEof`, `WriteZero`, `TimedOut`, `HostUnreachable`, `NetworkUnreachable`, `NetworkDown`, `InvalidData`, `StaleNetworkFileHandle`, `ReadOnlyFilesystem`, `Other` and every kind not named here |
/// | soft failure: it lives and has no room | `StorageFull`, `QuotaExceeded`, `ResourceBusy`, `ExecutableFileBusy` |
/// | ignored: the call was interrupted, or wrong in itself | `Interrupted`, `WouldBlock`, `InvalidInput`, `NotFound`, `AlreadyExists`, `PermissionDenied`, `Unsupported`, `AddrInUse`, `AddrNotAvailable`, `NotADirectory`, `IsADirectory`, `DirectoryNotEmpty`, `NotSeekable`, `FileTooLarge`, `TooManyLinks`, `CrossesDevices`, `ArgumentListTooLong`, `Deadlock`, `OutOfMemory` |
///
/// The caller's own errors are ignored rather than successes, because many of them arise before the
/// other side is reached: as successes they could close a breaker without evidence.
///
/// A [`Refusal`] inside the error makes it rejected, whatever its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByIo;

impl ByIo {
    /// The outcome of an error of this kind.
    pub const fn outcome_of(kind: ErrorKind) -> Outcome {
        use ErrorKind as K;
        match kind {
            K::StorageFull | K::QuotaExceeded | K::ResourceBusy | K::ExecutableFileBusy => {
                Outcome::SOFT_FAILURE
            }
            K::Interrupted
            | K::WouldBlock
            | K::InvalidInput
            | K::NotFound
            | K::AlreadyExists
            | K::PermissionDenied
            | K::Unsupported
            | K::AddrInUse
            | K::AddrNotAvailable
            | K::NotADirectory
            | K::IsADirectory
            | K::DirectoryNotEmpty
            | K::NotSeekable
            | K::FileTooLarge
            | K::TooManyLinks
            | K::CrossesDevices
            | K::ArgumentListTooLong
            | K::Deadlock
            | K::OutOfMemory => Outcome::IGNORED,
            _ => Outcome::FAILURE,
        }
    }
}

impl<T> Classify<T, Error> for ByIo {
    fn classify(&self, result: Result<&T, &Error>) -> Judgement {
        Judgement::Now(match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => match Refusal::find(error) {
                Some(refusal) => refusal.into(),
                None => Self::outcome_of(error.kind()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Class, RejectedBy};

    fn class(error: &Error) -> Class {
        ByIo.classify(Err::<&(), _>(error)).head().class
    }

    #[test]
    fn the_table_holds() {
        use ErrorKind as K;
        let failure = [
            K::ConnectionRefused,
            K::ConnectionReset,
            K::ConnectionAborted,
            K::NotConnected,
            K::BrokenPipe,
            K::UnexpectedEof,
            K::WriteZero,
            K::TimedOut,
            K::HostUnreachable,
            K::NetworkUnreachable,
            K::NetworkDown,
            K::InvalidData,
            K::StaleNetworkFileHandle,
            K::ReadOnlyFilesystem,
            K::Other,
        ];
        let soft = [K::StorageFull, K::QuotaExceeded, K::ResourceBusy, K::ExecutableFileBusy];
        let ignored = [
            K::Interrupted,
            K::WouldBlock,
            K::InvalidInput,
            K::NotFound,
            K::AlreadyExists,
            K::PermissionDenied,
            K::Unsupported,
            K::AddrInUse,
            K::AddrNotAvailable,
            K::NotADirectory,
            K::IsADirectory,
            K::DirectoryNotEmpty,
            K::NotSeekable,
            K::FileTooLarge,
            K::TooManyLinks,
            K::CrossesDevices,
            K::ArgumentListTooLong,
            K::Deadlock,
            K::OutOfMemory,
        ];
        for (kinds, expected) in [
            (&failure[..], Class::Failure),
            (&soft[..], Class::SoftFailure),
            (&ignored[..], Class::Ignored),
        ] {
            for kind in kinds {
                assert_eq!(class(&Error::from(*kind)), expected, "{kind:?}");
                assert_eq!(class(&Error::new(*kind, "text")), expected, "{kind:?} with text");
            }
        }
    }

    #[test]
    #[cfg(unix)]
    fn an_error_of_the_system_is_judged_by_its_kind() {
        const ENOENT: i32 = 2;
        const EIO: i32 = 5;
        assert_eq!(class(&Error::from_raw_os_error(ENOENT)), Class::Ignored);
        assert_eq!(class(&Error::from_raw_os_error(EIO)), Class::Failure, "a kind without a name");
    }

    #[test]
    fn success_and_refusal() {
        assert_eq!(ByIo.classify(Ok(&())).head(), Outcome::SUCCESS);
        let refused = Error::new(ErrorKind::NotFound, Refusal::new(RejectedBy::Chaos));
        assert_eq!(class(&refused), Class::Rejected(RejectedBy::Chaos));
    }
}
