//! Makes the allocators reserve little where the address space is limited (`ulimit -v`).
//!
//! mimalloc reserves 1 GiB at once, and glibc up to 128 MiB for each thread. Reserved addresses cost
//! no memory, but count towards the limit, and then networks do not fit. Both read their settings
//! when a process starts, so [`reserve_little`] starts the program once more in the same process.

#[cfg(target_os = "linux")]
const SETTINGS: [(&str, &str); 2] = [
    ("MIMALLOC_ARENA_RESERVE", "32MiB"),
    ("MALLOC_ARENA_MAX", "1"),
];

/// Starts the program again with the settings, if the address space is limited and none is set.
/// Must be called before any thread starts.
#[cfg(target_os = "linux")]
pub fn reserve_little() {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::process::{Resource, getrlimit};

    let is_set = SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some());
    // A program that starts again cannot tell that a stream was closed.
    let keeps = is_set || crate::output::has_closed_stream();
    if keeps || getrlimit(Resource::As).current.is_none() {
        return;
    }
    let mut args = env::args_os();
    let (Ok(program), Some(name)) = (env::current_exe(), args.next()) else {
        return;
    };
    // Returns only if it fails; this process then continues with larger reservations.
    let _ = Command::new(program)
        .arg0(name)
        .args(args)
        .envs(SETTINGS)
        .exec();
}

#[cfg(not(target_os = "linux"))]
pub fn reserve_little() {}
