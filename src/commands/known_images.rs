//! The known properties of a sweep's images: read now, or recorded by earlier runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use resnet_engine::model::Architecture;
use resweep_core::domain::{BrokenImage, Configuration, DataConfig, Dataset};
use resweep_core::plan::DataIdentity;
use resweep_data::{DataError, DatasetInfo};
use resweep_store::RecordedRun;

/// The properties of images that enter run ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownImages {
    pub fingerprint: String,
    pub classes: usize,
    /// The properties read from the folder; `None` if it was not read or does not exist.
    pub seen: Option<DatasetInfo>,
}

impl KnownImages {
    fn found(info: DatasetInfo) -> Self {
        Self {
            fingerprint: info.fingerprint.clone(),
            classes: info.classes,
            seen: Some(info),
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

    /// The published images of a data set, before they are downloaded. The fingerprint is a
    /// placeholder. `None` for class folders.
    pub fn published(configuration: &Configuration) -> Option<Self> {
        let info = resweep_data::published(configuration.data.dataset)?;
        Some(Self {
            seen: None,
            ..Self::found(info)
        })
    }

    /// A placeholder for unknown images. No recorded run has its fingerprint.
    pub fn unknown(configuration: &Configuration) -> Self {
        Self::published(configuration).unwrap_or_else(|| Self {
            fingerprint: format!("unknown: {}", ImageFolder::of(configuration).name()),
            classes: 2,
            seen: None,
        })
    }

    /// The form that the plan takes.
    pub fn for_plan(&self) -> DataIdentity<'_> {
        DataIdentity {
            fingerprint: &self.fingerprint,
            classes: self.classes,
        }
    }
}

/// The folder of images, and the settings that turn them into a data set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageFolder {
    pub dataset: Dataset,
    pub path: Option<PathBuf>,
    skips_broken: bool,
    /// The bits of `data.test_fraction`.
    test_fraction: Option<u64>,
    image_size: usize,
}

impl ImageFolder {
    /// That of a configuration.
    pub fn of(configuration: &Configuration) -> Self {
        Self::of_data(&configuration.data, configuration.model.image_size)
    }

    /// The place of a data set for networks of this `image_size`.
    pub fn of_data(data: &DataConfig, image_size: usize) -> Self {
        Self {
            dataset: data.dataset,
            path: data.path.clone(),
            skips_broken: data.broken_image == BrokenImage::Skip,
            test_fraction: data.test_fraction.map(f64::to_bits),
            image_size,
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

    /// The folder, or a name for the built-in images.
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("`{}`", path.display()),
            None => "the built-in data set".to_owned(),
        }
    }
}

/// The current images of a sweep's configurations; reads each folder once.
pub struct Survey<'a> {
    cache: &'a Path,
    found: HashMap<ImageFolder, Result<KnownImages, Arc<DataError>>>,
}

impl<'a> Survey<'a> {
    /// `cache` is the folder for decoded images.
    pub fn new(cache: &'a Path) -> Self {
        Self {
            cache,
            found: HashMap::new(),
        }
    }

    /// Reads the properties of a configuration's images.
    ///
    /// # Errors
    /// The images are missing or cannot be read.
    pub fn read(&mut self, configuration: &Configuration) -> Result<KnownImages, Arc<DataError>> {
        let found = self.found.entry(ImageFolder::of(configuration));
        let read = || {
            let size = configuration.model.image_size;
            let info = resweep_data::describe(&configuration.data, size, self.cache)?;
            Ok(KnownImages::found(info))
        };
        found.or_insert_with(read).clone()
    }
}
