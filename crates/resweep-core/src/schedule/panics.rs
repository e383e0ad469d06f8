//! A panic in a run is that run's failure, not the program's.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use crate::domain::TrainError;

/// What the last panic of each worker said, by the name of its thread.
static LAST: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

const WORKER_NAME: &str = "worker-";

/// The name of a worker's thread. A trainer that computes on threads of its own gives them the
/// name of the thread that it was called on.
pub fn worker_name(worker: usize) -> String {
    format!("{WORKER_NAME}{worker}")
}

/// Keeps the message and place of a panic in a worker for its run's record instead of printing
/// them across the progress bars. Panics elsewhere are printed as usual.
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

/// Does some work; a panic in it is an error that says what the panic said.
///
/// # Errors
/// Those of the work, and its panics.
pub fn caught<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| Err(error(payload.as_ref())))
}

/// What a panic caught on this thread said, with its place where the hook saw it.
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
    fn a_panic_for_want_of_memory_may_pass_and_another_does_not() {
        let want = said("DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")");
        assert!(want.out_of_memory && want.transient);
        assert!(want.message.starts_with("out of memory; "));
        let other = said("index out of bounds");
        assert!(!other.out_of_memory && !other.transient);
    }
}
