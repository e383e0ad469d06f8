//! Sweeps on clusters: `submit`, `sync`, `cancel`, `work`, and `run --on`. `docs/cluster.md` says
//! how they go together.

mod cancel;
mod draw;
mod follow;
mod program;
mod released;
mod site;
mod submit;
mod sync;
mod tasks;
mod waiting;
mod work;

pub use cancel::execute as cancel;
pub use follow::{execute as run, sync};
pub use submit::execute as submit;
pub use work::execute as work;
