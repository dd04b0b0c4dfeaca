//! The atomics and locks of this crate: std's, or loom's when its model checker drives the tests.

#[cfg(not(rely_loom))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(rely_loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
};
#[cfg(rely_loom)]
pub(crate) use std::sync::PoisonError;

/// Locks a mutex whose data stays valid even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands between a sequentially consistent write and the sequentially consistent read after it.
///
/// Nothing needs to stand there: the language orders them. Loom takes such accesses for acquire and
/// release ones, which may pass each other, and has to be told by a fence.
#[inline]
pub(crate) fn tell_loom_seq_cst() {
    #[cfg(rely_loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}
