//! Loads each data set of a sweep once and shares it between runs.

use std::path::Path;
use std::sync::Arc;

use resweep_core::domain::{Augmentation, Configuration, DataConfig};
use resweep_data::{Data, DataError};

/// Loaded data sets by configuration.
#[derive(Default)]
pub struct Datasets {
    loaded: Vec<(DataConfig, usize, Arc<Data>)>,
}

impl Datasets {
    /// Loads the data sets of these configurations; `cache` is the folder for decoded images.
    ///
    /// # Errors
    /// The first data set that cannot be loaded.
    pub fn load<'a>(
        configurations: impl Iterator<Item = &'a Configuration>,
        cache: &Path,
    ) -> Result<Self, DataError> {
        let mut datasets = Self::default();
        for configuration in configurations {
            if datasets.get(configuration).is_none() {
                let (config, size) = key(configuration);
                let data = Arc::new(resweep_data::load(&config, size, cache)?);
                datasets.loaded.push((config, size, data));
            }
        }
        Ok(datasets)
    }

    /// The data of a configuration, if they were loaded.
    pub fn get(&self, configuration: &Configuration) -> Option<&Arc<Data>> {
        let (wanted, wanted_size) = key(configuration);
        self.loaded
            .iter()
            .find(|(config, size, _)| *config == wanted && *size == wanted_size)
            .map(|(_, _, data)| data)
    }
}

/// The part of a configuration that determines the loaded data; augmentation applies to batches.
fn key(configuration: &Configuration) -> (DataConfig, usize) {
    let mut config = configuration.data.clone();
    config.augmentation = Augmentation::None;
    (config, configuration.model.image_size)
}
