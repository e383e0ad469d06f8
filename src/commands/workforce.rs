//! This machine's cores, shared out.

use crate::cli::WorkerArgs;
use crate::schedule::Workforce;

/// The workers and threads for `pending` runs.
pub fn workforce(args: &WorkerArgs, pending: usize) -> Workforce {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let requested = args.workers.map(usize::from);
    Workforce::new(cores, pending, usize::from(args.threads), requested)
}
