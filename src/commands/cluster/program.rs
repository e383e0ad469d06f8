//! The program that the nodes run: a copy of this one in the site's folder, unless clusters.toml names
//! another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::super::provenance::{VERSION, commit};
use resweep_cluster::Program;
use resweep_core::domain::hex;
use resweep_core::files;
use resweep_core::sweep_file::Site;

/// Identifies programs that may compute different bits.
pub fn this() -> Program {
    Program {
        version: VERSION.to_owned(),
        git_commit: commit().map(str::to_owned),
    }
}

/// The path of the program on the nodes; copies this one if the site names none.
///
/// # Errors
/// It cannot be copied.
pub fn on_nodes(site: &Site, folder: &Path) -> anyhow::Result<PathBuf> {
    match &site.program {
        Some(program) => Ok(program.clone()),
        None => copy(folder).with_context(|| {
            format!(
                "cannot copy this program into {}; name a program that the nodes see with `program` \
                 in clusters.toml",
                folder.display()
            )
        }),
    }
}

/// Where the copy would be: programs that differ have folders of their another.
fn copy(folder: &Path) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let running = Path::new("/proc/self/exe");
    // The file may have been replaced since the program started.
    let source = if running.exists() { running } else { &own };
    let mut hash = Sha256::new();
    io::copy(&mut File::open(source)?, &mut HashWriter(&mut hash))?;
    let digits = hex(&hash.finalize());
    let target = folder.join("bin").join(&digits[..12]).join("resweep");
    if target.exists() {
        return Ok(target);
    }
    let into = target.with_file_name("");
    fs::create_dir_all(&into)?;
    let temporary = files::new_temporary(&into)?;
    fs::copy(source, temporary.path())?;
    temporary.as_file().sync_all()?;
    temporary.persist(&target)?;
    Ok(target)
}

struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
