//! A sweep as it was started last, from the database alone: neither its file nor its images are
//! needed.

use std::path::Path;

use anyhow::{Context, bail};

use super::records::Records;
use resweep_core::analysis::grow;
use resweep_core::domain::{Configuration, Run, Sweep, printable};
use resweep_core::sweep_file;
use resweep_store::Store;

/// The sweep, with what its results say about the seeds where they decide, and its runs; `None` where no sweep of that name was ever started.
///
/// # Errors
/// The database cannot be read, or this program reads the sweep file otherwise than the one that
/// started the sweep.
pub fn recorded(
    name: &str,
    store: &Store,
    database: &Path,
) -> anyhow::Result<Option<(Sweep, Vec<Run>)>> {
    let Some(recorded) = store.recorded_sweep(name)? else {
        return Ok(None);
    };
    let origin = format!("{} in {}", printable(name), database.display());
    let mut sweep =
        sweep_file::recorded(Path::new(&origin), &recorded.spec_toml, &recorded.overrides)?;
    let runs = runs(&sweep, store)?;
    if let Some(rule) = sweep.adaptive {
        let records = Records::read(&runs, store)?;
        sweep.seeds_note = Some(grow(rule, &sweep, &records.of(&runs)).summary());
    }
    Ok(Some((sweep, runs)))
}

/// The runs that the database lists for the sweep, in its order.
fn runs(sweep: &Sweep, store: &Store) -> anyhow::Result<Vec<Run>> {
    let wanted: Vec<Configuration> = sweep.configurations.iter().map(pathless).collect();
    let members = store.members(&sweep.name)?;
    let ids: Vec<_> = members.iter().map(|member| member.id.clone()).collect();
    let mut recorded = store.recorded_runs(&ids)?;
    let mut runs = Vec::with_capacity(members.len());
    for member in members {
        let known = recorded.remove(&member.id);
        let known = known.context("the database lacks a run of the sweep")?;
        let own = pathless(&known.config.configuration);
        let Some(configuration) = wanted.iter().position(|wanted| *wanted == own) else {
            bail!(
                "this program reads the sweep `{}` otherwise than the one that started it; start \
                 it again with `resweep run` and its sweep file",
                sweep.name
            );
        };
        runs.push(Run {
            id: member.id,
            config: known.config,
            label: member.label,
            configuration,
            trajectories: Vec::new(),
            origin: None,
            cost: known.cost,
        });
    }
    Ok(runs)
}

/// Where the images lie is no part of what a configuration is.
fn pathless(configuration: &Configuration) -> Configuration {
    let mut configuration = configuration.clone();
    configuration.data.path = None;
    configuration
}
