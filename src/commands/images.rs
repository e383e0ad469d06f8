//! Describes a sweep's images, for display and for the store.

use std::collections::HashSet;

use serde::Serialize;

use super::prepare::Prepared;
use resweep_core::domain::{Configuration, ImageCounts, RunId, printable};
use resweep_data::DatasetInfo;
use resweep_store::RunImages;

/// The most data sets that are described; the rest is counted.
const SHOWN: usize = 20;

/// The images of some of a sweep's configurations.
#[derive(Debug, Serialize)]
pub struct Images {
    /// The folder of the data set, or its name if it needs no folder.
    pub data: String,
    #[serde(flatten)]
    pub counts: Option<ImageCounts>,
    pub guess_error_percent: Option<f64>,
    /// Skipped files.
    pub warnings: Vec<String>,
}

/// One entry per data set and number of held-out images, in the order of the sweep.
pub fn of(prepared: &Prepared) -> Vec<Images> {
    let mut seen = HashSet::new();
    let known = prepared.images.iter().map(|images| images.seen.as_ref());
    let all = prepared.sweep.configurations.iter().zip(known);
    let all = all.filter_map(|(configuration, seen)| Some((configuration, seen?)));
    let distinct = all.filter(|(configuration, info)| {
        let data = &configuration.data;
        let skips = data.broken_image as usize;
        let test_share = data.test_fraction.map(f64::to_bits);
        let images = (&info.fingerprint, data.validation.images());
        seen.insert((&data.path, skips, test_share, images))
    });
    distinct
        .map(|(configuration, info)| describe(configuration, info))
        .collect()
}

fn describe(configuration: &Configuration, info: &DatasetInfo) -> Images {
    let counts = info.counts(configuration.data.validation);
    Images {
        data: data_name(configuration),
        guess_error_percent: counts.map(|counts| counts.guess_error_percent()),
        counts,
        warnings: info.warnings.clone(),
    }
}

/// The folder as written in the sweep file, or `synthetic`, and the source of the test set.
fn data_name(configuration: &Configuration) -> String {
    let name = match &configuration.data.path {
        Some(path) => printable(&path.to_string_lossy()),
        None => "synthetic".to_owned(),
    };
    match configuration.data.test_fraction {
        Some(fraction) => format!("{name} (test_fraction {fraction})"),
        None => name,
    }
}

/// `data pics: 3 classes, 72 training and 18 test images (24 to 24 in a class); ...`
pub fn lines(images: &[Images]) -> Vec<String> {
    let known = images.iter().filter_map(|images| {
        let counts = images.counts?;
        let guess = counts.guess_error_percent();
        let name = &images.data;
        Some(format!(
            "data {name}: {counts}; always answering the largest class: {guess:.2} % error"
        ))
    });
    let mut lines: Vec<String> = known.collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("data: {more} more data sets"));
    }
    lines
}

/// Warns about skipped files on standard error, each warning once.
pub fn warn(images: &[Images]) {
    let mut said = HashSet::new();
    for warning in images.iter().flat_map(|images| &images.warnings) {
        if said.insert(warning) {
            errln!("warning: {warning}");
        }
    }
}

/// The record of each run's images.
pub fn for_record(prepared: &Prepared) -> Vec<(&RunId, RunImages)> {
    let counted = prepared.sweep.configurations.iter().zip(&prepared.images);
    let counted: Vec<Option<RunImages>> = counted
        .map(|(configuration, images)| {
            let info = images.seen.as_ref()?;
            Some(RunImages {
                counts: info.counts(configuration.data.validation)?,
                warnings: info.warnings.clone(),
            })
        })
        .collect();
    let runs = prepared.runs.iter();
    runs.filter_map(|run| Some((&run.id, counted[run.configuration].clone()?)))
        .collect()
}
