//! The user's code, which may panic without keeping a rollback from its turn.

use core::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `user`; an error that tells of the panic if it panicked.
///
/// Whoever calls this uses nothing again that a panic may have left half-done.
pub(crate) fn guarded<T>(user: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(user)).map_err(|panic| format!("panicked: {}", text(&*panic)))
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
