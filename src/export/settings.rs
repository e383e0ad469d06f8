//! Lists a run's settings with the names and values of the sweep file.

use serde_json::{Map, Value, json};

use resweep_core::domain::{Configuration, Dataset, Init, RunConfig, Warmup, WarmupEnd};

/// Every setting of a run, one entry per key of the sweep file (`train.lr`), and the seed. In a
/// sweep file they give the same run. A key without effect in this run is null.
pub fn settings(config: &RunConfig) -> Map<String, Value> {
    let mut settings = of_configuration(&config.configuration);
    settings.insert("seed".to_owned(), json!(config.seed));
    settings
}

/// Keys are stored as in the sweep file, except those set here.
fn of_configuration(configuration: &Configuration) -> Map<String, Value> {
    let Configuration { data, train, .. } = configuration;
    let stored = serde_json::to_value(configuration).unwrap_or_default();
    let mut settings = Map::new();
    for section in ["data", "model", "train"] {
        for (key, value) in stored[section].as_object().into_iter().flatten() {
            settings.insert(format!("{section}.{key}"), value.clone());
        }
    }
    let mut set = |key: &str, value| settings.insert(key.to_owned(), value);
    set("data.validation", json!(data.validation.images()));
    if data.dataset != Dataset::Folder {
        set("data.broken_image", Value::Null);
    }
    set("model.init", init(configuration));
    set("train.warmup", train.warmup.map_or(json!("none"), warmup));
    set("train.layer_stats", json!(train.layer_stats));
    settings
}

fn warmup(warmup: Warmup) -> Value {
    match warmup.until {
        WarmupEnd::TrainError(percent) => {
            json!({ "lr": warmup.lr, "until_train_error": percent })
        }
        WarmupEnd::Iterations(iterations) => json!({ "lr": warmup.lr, "iterations": iterations }),
    }
}

/// A name, or a table with the keys in which the parent run differs.
fn init(configuration: &Configuration) -> Value {
    let Some(source) = &configuration.grows_from else {
        return json!(configuration.model.init);
    };
    let (own, theirs) = (without_init(configuration), of_configuration(source));
    let differs = |(key, value): &(String, Value)| match key.as_str() {
        "model.init" => *value != json!(Init::HeFanOut),
        key => own.get(key) != Some(value),
    };
    let from = theirs.into_iter().filter(differs).map(|(key, value)| {
        let name = key.split_once('.').map_or(key.as_str(), |(_, name)| name);
        (name.to_owned(), value)
    });
    json!({ "from": from.collect::<Map<_, _>>(), "deepen": "identity" })
}

fn without_init(configuration: &Configuration) -> Map<String, Value> {
    let mut plain = configuration.clone();
    plain.grows_from = None;
    of_configuration(&plain)
}

/// A setting as text: strings without quotes, tables and lists as in TOML.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => resweep_core::domain::printable(text),
        other => toml(other),
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(toml).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(table) => {
            let entries = table.iter();
            let entries: Vec<String> = entries
                .map(|(key, value)| format!("{key} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// A computed number without binary rounding noise: 0.1 times 0.1 is 0.01.
pub fn rounded(value: f64) -> f64 {
    const DIGITS: usize = 15;
    format!("{value:.*e}", DIGITS - 1).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::{Shortcut, Validation};

    fn paper() -> RunConfig {
        RunConfig {
            configuration: Configuration::paper(20, Shortcut::A),
            seed: 3,
        }
    }

    #[test]
    fn each_setting_has_the_name_type_and_value_of_the_sweep_file() {
        let mut run = paper();
        let found = settings(&run);
        assert_eq!(found["data.validation"], json!(0));
        assert_eq!(found["train.warmup"], json!("none"));
        assert_eq!(found["train.layer_stats"], json!(false));
        assert_eq!(found["train.weight_decay"].to_string(), "0.0001");
        assert_eq!(found["data.broken_image"], Value::Null);
        run.configuration.data.validation = Validation::Images(1000);
        run.configuration.train.warmup = Some(Warmup {
            lr: 0.01,
            until: WarmupEnd::Iterations(400),
        });
        let found = settings(&run);
        assert_eq!(found["data.validation"], json!(1000));
        let warmup = plain(&found["train.warmup"]);
        assert_eq!(warmup, "{ iterations = 400, lr = 0.01 }");
        assert!(found.keys().all(|key| key.matches('.').count() < 2));
    }

    #[test]
    fn a_child_run_names_the_keys_that_differ_in_its_parent() {
        let mut run = paper();
        let source = Configuration::paper(14, Shortcut::A);
        run.configuration.grows_from = Some(Box::new(source));
        let init = plain(&settings(&run)["model.init"]);
        assert_eq!(init, "{ deepen = \"identity\", from = { depth = 14 } }");
    }

    #[test]
    fn rounding_removes_only_binary_noise() {
        assert_eq!(rounded(0.1_f64 * 0.1), 0.01);
        assert_eq!(rounded(0.1 * 0.1_f64.powi(3)), 1e-4);
        for exact in [0.0, 1e-7, 0.333_333_333_333_333, 123.456, 2.5e-300] {
            assert_eq!(rounded(exact), exact);
        }
        assert!(rounded(f64::NAN).is_nan());
    }
}
