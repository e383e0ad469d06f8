//! Finds clusters.toml and the site that `--on` names.

use std::io;
use std::path::{Path, PathBuf};

use super::super::exit_code::UsageError;
use resweep_cluster::SubmissionFolder;
use resweep_core::domain::expand_path;
use resweep_core::files::Place;
use resweep_core::sweep_file::{Site, Sites};

const FILE: &str = "clusters.toml";
const USERS_FILE: &str = "~/.config/resweep/clusters.toml";

/// A complete site file, shown to users who have none.
const EXAMPLE: &str = "\
[mycluster]
engine = \"slurm\"
folder = \"/scratch/me/resweep\"     # a folder that every node sees

[mycluster.sbatch]
partition = \"gpu\"
time = \"04:00:00\"
cpus-per-task = 4";

/// The site of this name.
///
/// # Errors
/// There is no site file, it has mistakes, or it has no site of this name.
pub fn find(name: &str) -> anyhow::Result<Site> {
    let Some(path) = file() else {
        return Err(UsageError(format!(
            "there is no site file: neither `{FILE}` here nor `{USERS_FILE}`; write one, such as\n\n{EXAMPLE}\n"
        ))
        .into());
    };
    let sites = Sites::load(&path)?;
    let site = sites.find(name).map_err(|help| {
        let path = path.display();
        UsageError(format!("`{path}` has no site `{name}`; {help}"))
    })?;
    Ok(site.clone())
}

fn file() -> Option<PathBuf> {
    let here = PathBuf::from(FILE);
    let users = expand_path(USERS_FILE).ok();
    let files = [Some(here), users].into_iter().flatten();
    files.into_iter().find(|path| path.exists())
}

/// The site's folder as an absolute path. No link is followed on the way to the default one, which is
/// below the results folder.
///
/// # Errors
/// The working directory is gone.
pub fn folder(site: &Site, results: &Path) -> io::Result<Place> {
    match &site.folder {
        Some(folder) => Ok(Place::root(&std::path::absolute(folder)?)),
        None => Place::root(results).join("resweep.cluster").absolute(),
    }
}

/// The folder of a submission.
///
/// # Errors
/// The working directory is gone.
pub fn submission(results: &Path, folder: &Path) -> io::Result<SubmissionFolder> {
    Ok(SubmissionFolder::new(Place::below(results, folder)?))
}
