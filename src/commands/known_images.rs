//! What is known of the images that a sweep trains on: seen now, or recorded by earlier runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resnet_engine::model::Architecture;
use resweep_core::domain::{BrokenImage, Configuration, Dataset};
use resweep_core::plan::DataFacts;
use resweep_data::{DataError, Facts};
use resweep_store::RecordedRun;

/// What the runs of a configuration depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImages {
    pub fingerprint: String,
    pub classes: usize,
    /// What was found in the folder; `None` where nobody looked, or where the images are not there.
    pub seen: Option<Facts>,
}

impl KnownImages {
    fn found(facts: Facts) -> Self {
        Self {
            fingerprint: facts.fingerprint.clone(),
            classes: facts.classes,
            seen: Some(facts),
        }
    }

    /// Those that a recorded run was trained on.
    pub fn recorded(run: &RecordedRun) -> Self {
        let configuration = &run.config.configuration;
        let classes = Architecture::classes_of(&configuration.model, run.cost.parameters);
        Self {
            fingerprint: run.data_fingerprint.clone(),
            classes: classes.unwrap_or_default(),
            seen: None,
        }
    }

    /// Those of a data set that is the same everywhere, before it is there. The fingerprint stands for
    /// one that is not known. `None` for other data sets.
    pub fn published(configuration: &Configuration) -> Option<Self> {
        let facts = resweep_data::published(configuration.data.dataset)?;
        Some(Self {
            seen: None,
            ..Self::found(facts)
        })
    }

    /// Stands for images of which nothing is known. No recorded run has such.
    pub fn unknown(configuration: &Configuration) -> Self {
        Self::published(configuration).unwrap_or_else(|| Self {
            fingerprint: format!("unknown: {}", Place::of(configuration).name()),
            classes: 2,
            seen: None,
        })
    }

    /// As the plan takes it.
    pub fn for_plan(&self) -> DataFacts<'_> {
        DataFacts {
            fingerprint: &self.fingerprint,
            classes: self.classes,
        }
    }
}

/// Where images come from, and what turns them into a data set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub dataset: Dataset,
    pub path: Option<PathBuf>,
    skips_broken: bool,
    /// The bits of `data.test_fraction`.
    test_fraction: Option<u64>,
    image_size: usize,
}

impl Place {
    /// That of a configuration.
    pub fn of(configuration: &Configuration) -> Self {
        let data = &configuration.data;
        Self {
            dataset: data.dataset,
            path: data.path.clone(),
            skips_broken: data.broken_image == BrokenImage::Skip,
            test_fraction: data.test_fraction.map(f64::to_bits),
            image_size: configuration.model.image_size,
        }
    }

    /// Whether two places differ at most in the folder.
    pub fn same_kind(&self, other: &Self) -> bool {
        let elsewhere = Self {
            path: other.path.clone(),
            ..self.clone()
        };
        elsewhere == *other
    }

    /// The folder, or what else people call the images.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("`{}`", path.display()),
            None => "the built-in data set".to_owned(),
        }
    }
}

/// The images of a sweep's configurations as they are now, each place looked at once.
pub struct Survey<'a> {
    cache: &'a Path,
    found: HashMap<Place, Result<KnownImages, Arc<DataError>>>,
}

impl<'a> Survey<'a> {
    /// `cache` is the folder for decoded images.
    pub fn new(cache: &'a Path) -> Self {
        Self {
            cache,
            found: HashMap::new(),
        }
    }

    /// What lies in the folder of a configuration.
    ///
    /// # Errors
    /// The images are missing or cannot be read.
    pub fn look(&mut self, configuration: &Configuration) -> Result<KnownImages, Arc<DataError>> {
        let found = self.found.entry(Place::of(configuration));
        let look = || {
            let size = configuration.model.image_size;
            let facts = resweep_data::describe(&configuration.data, size, self.cache)?;
            Ok(KnownImages::found(facts))
        };
        found.or_insert_with(look).clone()
    }
}
