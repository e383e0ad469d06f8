//! Expands a sweep into runs, in the order of the file with seeds innermost.

use crate::architecture::Architecture;
use crate::domain::{
    Configuration, Cost, DataIdentity, ParentRun, Run, RunConfig, Sweep, run_id, trajectories,
};

/// Every configuration of the sweep with every seed. The parent of a configuration is also one of
/// the sweep's. `data` has the data of each configuration.
pub fn runs(sweep: &Sweep, data: &[DataIdentity<'_>]) -> Vec<Run> {
    let mut runs = Vec::with_capacity(sweep.configurations.len() * sweep.seeds.len());
    for (index, (configuration, &data)) in sweep.configurations.iter().zip(data).enumerate() {
        let cost = cost(configuration, data.classes);
        for &seed in &sweep.seeds {
            let config = RunConfig {
                configuration: configuration.clone(),
                seed,
            };
            runs.push(Run {
                id: run_id(&config, data),
                trajectories: trajectories(&config, data),
                parent: parent(&config, data),
                config,
                label: run_label(sweep, index, seed),
                configuration: index,
                cost,
            });
        }
    }
    runs
}

/// The parent of `config`: the same seed and the same images.
fn parent(config: &RunConfig, data: DataIdentity<'_>) -> Option<ParentRun> {
    let source = RunConfig {
        configuration: (**config.configuration.grows_from.as_ref()?).clone(),
        seed: config.seed,
    };
    Some(ParentRun {
        run: run_id(&source, data),
        trajectory: trajectories(&source, data).pop()?,
        iteration: source.configuration.train.iterations,
    })
}

/// A configuration's label, with the seed if the sweep has several.
pub fn run_label(sweep: &Sweep, configuration: usize, seed: u64) -> String {
    let label = &sweep.labels[configuration];
    if sweep.seeds.len() > 1 {
        format!("{label} seed {seed}")
    } else {
        label.clone()
    }
}

/// The part of a run's label before the seed; `None` for a label without one.
pub fn without_seed(label: &str) -> Option<&str> {
    let (label, seed) = label.rsplit_once(" seed ")?;
    let is_number = !seed.is_empty() && seed.bytes().all(|c| c.is_ascii_digit());
    is_number.then_some(label)
}

fn cost(configuration: &Configuration, classes: usize) -> Cost {
    let architecture = Architecture::new(&configuration.model, classes);
    let forward_flops = architecture.forward_flops();
    let images = configuration.train.iterations * configuration.train.batch_size as u64;
    Cost {
        parameters: architecture.parameters(),
        forward_flops,
        // a multiply-add is two operations; the backward pass costs twice the forward pass
        training_flops: (2 * 3 * forward_flops).saturating_mul(images),
    }
}
