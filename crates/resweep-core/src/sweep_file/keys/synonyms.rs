//! Names of keys in other programs.

use super::key::Key;

/// Returns the synonyms of a key. They are unique across the sections, as the keys' own names are.
pub fn of(key: Key) -> &'static [&'static str] {
    match key {
        Key::Path => &["data_dir", "root", "folder"],
        Key::Depth => &["layers", "num_layers", "n_layers"],
        Key::Width => &["filters", "channels"],
        Key::ImageSize => &["img_size", "input_size"],
        Key::Iterations => &["iters", "num_iterations", "max_iters", "steps", "max_steps"],
        Key::Epochs => &["num_epochs", "n_epochs", "max_epochs"],
        Key::BatchSize => &["batch", "batchsize", "bs"],
        Key::Lr => &["learning_rate", "learningrate"],
        Key::LrGamma => &["gamma"],
        Key::WeightDecay => &["wd"],
        Key::EvalEvery => &["eval_interval", "eval_freq"],
        Key::LogEvery => &["log_interval", "log_freq", "log_every_n_steps"],
        Key::Repeats => &["num_seeds", "n_seeds"],
        _ => &[],
    }
}

/// Returns help for a name that has no exact counterpart here.
pub fn hint(name: &str) -> Option<String> {
    let name = name.replace('-', "_").to_lowercase();
    let hint = match name.as_str() {
        "lr_decay" | "decay_rate" => {
            "`lr_gamma = 0.1` is the factor of a drop, `lr_drops = [0.5, 0.75]` says when it drops"
        }
        "milestones" | "lr_steps" | "lr_schedule" | "lr_scheduler" | "scheduler" | "step_size" => {
            "write `lr_drops = [0.5, 0.75]` (fractions of the run, or iterations) and \
             `lr_gamma = 0.1`"
        }
        "warmup_steps" | "warmup_iterations" | "warmup_epochs" | "lr_warmup" => {
            "write `warmup = { lr = 0.01, iterations = 400 }` in [train]"
        }
        "optimizer" | "optimiser" | "optim" => {
            "every run trains by SGD; `momentum`, `nesterov` and `weight_decay` in [train] set it"
        }
        "augment" | "transforms" | "data_augmentation" => {
            "write `augmentation = \"pad-crop-flip\"` or `augmentation = \"none\"` in [data]"
        }
        "residual" | "skip" | "skip_connections" | "residual_type" => {
            "write `shortcut = \"A\"` (also \"B\" or \"C\"), or `shortcut = \"none\"` for a plain net"
        }
        "arch" | "architecture" | "model" | "network" | "backbone" => {
            "`depth = 20` and `shortcut = \"A\"` make ResNet-20; `shortcut = \"none\"` makes plain-20"
        }
        "val_fraction" | "val_split" | "validation_split" | "val_size" | "valid_pct" => {
            "write `validation = 5000` in [data]: the number of training images to hold out"
        }
        "test_split" | "test_size" => "write `test_fraction = 0.2` in [data]",
        "device" | "devices" | "gpu" | "gpus" | "cuda" | "accelerator" => {
            "`resweep run FILE --device cuda` trains on a GPU"
        }
        "jobs" | "workers" | "num_workers" | "n_jobs" => {
            "`resweep run FILE -j 4` trains four runs at once"
        }
        "seed" | "seeds" | "random_seed" => {
            "write `seeds = [1, 2, 3]` or `repeats = 3` in [sweep]: each configuration has all seeds"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::key::Section;
    use super::super::table::KEYS;
    use super::*;

    #[test]
    fn a_synonym_names_one_key_and_is_no_key_itself() {
        let settable = |key: Key| Section::SETTABLE.contains(&key.spec().section);
        let mut names: Vec<&str> = KEYS
            .iter()
            .filter(|spec| settable(spec.key) || spec.section == Section::Sweep)
            .flat_map(|spec| [&[spec.name], of(spec.key)].concat())
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_name_with_hyphens_or_from_another_program_finds_its_key() {
        for (name, key) in [
            ("learning_rate", Key::Lr),
            ("learning-rate", Key::Lr),
            ("weight-decay", Key::WeightDecay),
            ("batch-size", Key::BatchSize),
            ("bs", Key::BatchSize),
            ("max_epochs", Key::Epochs),
        ] {
            assert_eq!(Key::find(Section::Train, name), Some(key), "{name}");
            assert_eq!(Key::find_settable(name), Some(key), "{name}");
        }
    }
}
