//! The program that the nodes run: a copy of this one in the site's folder, unless clusters.toml names
//! another.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::Sha256;

use super::super::provenance::{VERSION, commit};
use resweep_cluster::Program;
use resweep_core::files::{self, Place};
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
pub fn on_nodes(site: &Site, folder: &Place) -> anyhow::Result<PathBuf> {
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

/// Warns of a program of clusters.toml that is not on this machine: a node may have it.
pub fn warn_if_missing(site: &Site) {
    let missing = site.program.as_ref().filter(|program| !program.is_file());
    if let Some(program) = missing {
        errln!(
            "warning: `program` of [{}] in clusters.toml is not a file on this machine: {}",
            site.name,
            program.display()
        );
    }
}

/// Copies this program into a folder named by its content: programs that differ do not share one.
fn copy(folder: &Place) -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let running = Path::new("/proc/self/exe");
    // The file may have been replaced since the program started.
    let source = if running.exists() { running } else { &own };
    let digits = files::hash::<Sha256>(File::open(source)?)?;
    let target = folder.join("bin").join(&digits[..12]).join("resweep");
    let mode = fs::metadata(source)?.permissions();
    if let Ok(found) = target.open()
        && found.metadata()?.permissions() == mode
        && files::hash::<Sha256>(found)? == digits
    {
        return Ok(target.to_path_buf());
    }
    target.write_with(|file| io::copy(&mut File::open(source)?, file).map(drop))?;
    target.open()?.set_permissions(mode)?;
    Ok(target.to_path_buf())
}
