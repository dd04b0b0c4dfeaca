//! The atomics and locks of this crate: std's, or loom's when its model checker drives the tests.

#[cfg(rely_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
#[cfg(not(rely_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Stands between a sequentially consistent write and the sequentially consistent read after it, which
/// loom alone has to be told.
#[inline(always)]
pub(crate) fn tell_loom_seq_cst() {
    #[cfg(rely_loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// Locks a mutex whose data stays valid even if a holder panicked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
