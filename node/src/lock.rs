//! Taking a lock, also after a panic: what is under one is whole at every moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the lock. No guard is kept across an await.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
