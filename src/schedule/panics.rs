//! A panic in a run is that run's failure, not the program's.

use std::any::Any;
use std::cell::RefCell;
use std::panic;

/// Worker threads have names that begin with this.
pub const WORKER_NAME: &str = "worker-";

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the message and place of a panic in a worker for its run's record instead of printing
/// them across the progress bars. Panics elsewhere are printed as usual.
pub fn install_hook() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let worker = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with(WORKER_NAME));
        if worker {
            let message = info.payload_as_str().unwrap_or("a panic without a message");
            let place = info
                .location()
                .map(|at| format!(" at {at}"))
                .unwrap_or_default();
            LAST.with(|last| *last.borrow_mut() = Some(format!("{message}{place}")));
        } else {
            default(info);
        }
    }));
}

/// What a caught panic said, with its place where the hook saw it on this thread.
pub fn message(payload: &(dyn Any + Send)) -> String {
    let kept = LAST.with(|last| last.borrow_mut().take());
    let text = kept
        .or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        })
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    format!("the training panicked: {text}")
}
