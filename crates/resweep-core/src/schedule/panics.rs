//! Turns a panic in a run into a failure of that run.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use crate::domain::TrainError;

/// The message of each worker's last panic, by thread name.
static LAST: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

const WORKER_NAME: &str = "worker-";

/// The name of a worker's thread. A trainer with its own threads gives them the name of the calling
/// thread.
pub fn worker_name(worker: usize) -> String {
    format!("{WORKER_NAME}{worker}")
}

/// Stores the message and location of a panic in a worker for the run's record, instead of printing
/// it over the progress bars. Panics elsewhere are printed as usual.
pub fn install_hook() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let thread = thread::current();
        match thread.name().filter(|name| name.starts_with(WORKER_NAME)) {
            Some(name) => {
                let message = info.payload_as_str().unwrap_or("a panic without a message");
                let place = info.location().map(|at| format!(" at {at}"));
                let text = format!("{message}{}", place.unwrap_or_default());
                last().insert(name.to_owned(), text);
            }
            None => default(info),
        }
    }));
}

/// Calls `work` and converts a panic to an error with its message.
///
/// # Errors
/// Those of `work`, and its panics.
pub fn caught<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(error(payload.as_ref())))
}

/// The error for a caught panic, with the location if the hook recorded it.
fn error(payload: &(dyn Any + Send)) -> TrainError {
    let kept = thread::current()
        .name()
        .and_then(|name| last().remove(name));
    let text = kept
        .or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        })
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    TrainError::panicked(&text)
}

fn last() -> std::sync::MutexGuard<'static, HashMap<String, String>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &'static str) -> TrainError {
        let caught = caught::<()>(|| panic!("{text}"));
        caught.expect_err("a panic")
    }

    #[test]
    fn out_of_memory_panics_are_transient_and_others_are_not() {
        let want = said("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert!(want.out_of_memory && want.transient);
        assert!(want.message.starts_with("out of memory; "));
        let other = said("index out of bounds");
        assert!(!other.out_of_memory && !other.transient);
    }
}
