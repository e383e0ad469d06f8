//! What the numbers depend on besides the processor: the memory in use, the disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;

/// The type of the file system of `folder`, by Linux's `/proc/self/mounts`.
pub fn file_system(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let around = mounts.filter(|(at, _)| folder.starts_with(at));
    around.max_by_key(|(at, _)| at.len()).map_or_else(
        || "an unknown file system".to_owned(),
        |(_, kind)| kind.to_owned(),
    )
}

/// The median time of an append of 4 KiB that waits for the disk, in milliseconds.
pub fn sync_ms(folder: &Path) -> anyhow::Result<f64> {
    let path = folder.join("sync");
    let write = || -> std::io::Result<Vec<f64>> {
        let mut file = File::create(&path)?;
        let mut once = || {
            let begin = Instant::now();
            file.write_all(&[1; 4096])?;
            file.sync_data()?;
            Ok(begin.elapsed().as_secs_f64() * 1e3)
        };
        (0..200).map(|_| once()).collect()
    };
    let times = write().with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    Ok(median(times))
}

/// A line of Linux's `/proc/self/status` in MB (10^6 bytes): `VmHWM`, the most that ever was resident; `None`
/// on other systems.
pub fn memory_mb(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(key))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// The value in the middle, the lower one of two; NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}
