//! A sweep's runs, in the order of the file with seeds innermost.

use crate::architecture::Architecture;
use crate::domain::{
    Configuration, Cost, DataFacts, Origin, Run, RunConfig, Sweep, run_id, trajectories,
};

/// Every configuration of the sweep with every seed. What a configuration grows from is one of the
/// sweep's own. `facts` has the data of each configuration.
pub fn runs(sweep: &Sweep, facts: &[DataFacts<'_>]) -> Vec<Run> {
    let mut runs = Vec::with_capacity(sweep.configurations.len() * sweep.seeds.len());
    for (index, (configuration, &facts)) in sweep.configurations.iter().zip(facts).enumerate() {
        let cost = cost(configuration, facts.classes);
        for &seed in &sweep.seeds {
            let config = RunConfig {
                configuration: configuration.clone(),
                seed,
            };
            runs.push(Run {
                id: run_id(&config, facts),
                trajectories: trajectories(&config, facts),
                origin: origin(&config, facts),
                config,
                label: label(sweep, index, seed),
                configuration: index,
                cost,
            });
        }
    }
    runs
}

/// The run that `config` grows from: the same seed and the same images.
fn origin(config: &RunConfig, facts: DataFacts<'_>) -> Option<Origin> {
    let source = RunConfig {
        configuration: (**config.configuration.grows_from.as_ref()?).clone(),
        seed: config.seed,
    };
    Some(Origin {
        run: run_id(&source, facts),
        trajectory: trajectories(&source, facts).pop()?,
        iteration: source.configuration.train.iterations,
    })
}

fn label(sweep: &Sweep, configuration: usize, seed: u64) -> String {
    let label = &sweep.labels[configuration];
    if sweep.seeds.len() > 1 {
        format!("{label} seed {seed}")
    } else {
        label.clone()
    }
}

fn cost(configuration: &Configuration, classes: usize) -> Cost {
    let architecture = Architecture::new(&configuration.model, classes);
    let forward_flops = architecture.forward_flops();
    let images = configuration.train.iterations * configuration.train.batch_size as u64;
    Cost {
        parameters: architecture.parameters(),
        forward_flops,
        // two operations a multiply-add; the backward pass does twice the forward's work
        training_flops: (2 * 3 * forward_flops).saturating_mul(images),
    }
}
