//! Lists the differences between a sweep's setting and the paper's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::{Configuration, Warmup, WarmupEnd};

/// Settings that do not affect the final errors: measurement intervals, the engine, paths.
const NO_MATTER: [&str; 5] = [
    "data.path",
    "data.broken_image",
    "train.eval_every",
    "train.log_every",
    "train.engine",
];

/// The warm-up of depth 110 (section 4.2).
const WARMUP: Warmup = Warmup {
    lr: 0.01,
    until: WarmupEnd::TrainError(80.0),
};

/// Settings in which any configuration differs from the paper's for CIFAR-10, each as
/// `train.iterations 4000 (paper 64000)`, in alphabetical order; empty if absolute errors are
/// comparable.
pub fn departures<'a>(configurations: impl Iterator<Item = &'a Configuration>) -> Vec<String> {
    let mut departures: BTreeMap<String, (Vec<String>, String)> = BTreeMap::new();
    for configuration in configurations {
        let model = &configuration.model;
        let mut paper = Configuration::paper(model.depth, model.shortcut);
        if model.depth == 110 {
            paper.train.warmup = Some(WARMUP);
        }
        let (ours, papers) = (flat(configuration), flat(&paper));
        for (key, value) in &ours {
            let expected = papers
                .get(key)
                .cloned()
                .unwrap_or_else(|| "none".to_owned());
            if *value != expected && !NO_MATTER.contains(&key.as_str()) {
                let (found, paper) = departures.entry(key.clone()).or_default();
                *paper = expected;
                if !found.contains(value) {
                    found.push(value.clone());
                }
            }
        }
    }
    let line = |(key, (found, paper)): (String, (Vec<String>, String))| {
        format!("{key} {} (paper {paper})", found.join(", "))
    };
    departures.into_iter().map(line).collect()
}

/// Each setting as text, by its key in the sweep file.
fn flat(configuration: &Configuration) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    // Plain data always serialise to JSON.
    let json = serde_json::to_value(configuration).unwrap_or_default();
    for (section, table) in json.as_object().into_iter().flatten() {
        for (key, value) in table.as_object().into_iter().flatten() {
            settings.insert(format!("{section}.{key}"), text(value));
        }
    }
    settings
}

fn text(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Null => "none".to_owned(),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Dataset, Shortcut};

    #[test]
    fn paper_setting_has_no_departures() {
        let mut nets = vec![Configuration::paper(20, Shortcut::None)];
        nets.push(Configuration::paper(110, Shortcut::A));
        nets[1].train.warmup = Some(WARMUP);
        nets[0].train.log_every = 5;
        nets[0].data.path = Some("somewhere".into());
        assert!(departures(nets.iter()).is_empty());
    }

    #[test]
    fn keys_without_a_value_in_the_paper_depart_from_none() {
        let mut photos = Configuration::paper(20, Shortcut::None);
        photos.data.test_fraction = Some(0.2);
        assert_eq!(
            departures([photos].iter()),
            ["data.test_fraction 0.2 (paper none)"]
        );
    }

    #[test]
    fn departures_name_the_paper_value() {
        let mut short = Configuration::paper(20, Shortcut::None);
        short.train.iterations = 4000;
        short.train.lr_drops = vec![2000, 3000];
        let mut other = short.clone();
        other.train.iterations = 8000;
        other.data.dataset = Dataset::Synthetic;
        assert_eq!(
            departures([short, other].iter()),
            [
                "data.dataset synthetic (paper cifar10)",
                "train.iterations 4000, 8000 (paper 64000)",
                "train.lr_drops [2000, 3000] (paper [32000, 48000])",
            ]
        );
    }
}
