//! The data sets of a sweep, each loaded once and shared by its runs.

use std::path::Path;
use std::sync::Arc;

use crate::data::{self, Data, DataError};
use crate::domain::{Configuration, DataConfig, Sweep};

/// Loaded data sets by what asked for them.
#[derive(Default)]
pub struct Datasets {
    loaded: Vec<(DataConfig, usize, Arc<Data>)>,
}

impl Datasets {
    /// Loads what the sweep's configurations need; `cache` is the folder for decoded images.
    ///
    /// # Errors
    /// The first data set that cannot be loaded.
    pub fn load(sweep: &Sweep, cache: &Path) -> Result<Self, DataError> {
        let mut datasets = Self::default();
        for configuration in &sweep.configurations {
            if datasets.get(configuration).is_none() {
                let (config, size) = (&configuration.data, configuration.model.image_size);
                let data = Arc::new(data::load(config, size, cache)?);
                datasets.loaded.push((config.clone(), size, data));
            }
        }
        Ok(datasets)
    }

    /// The data of a configuration of the sweep that was loaded.
    pub fn get(&self, configuration: &Configuration) -> Option<&Arc<Data>> {
        self.loaded
            .iter()
            .find(|(config, size, _)| {
                *config == configuration.data && *size == configuration.model.image_size
            })
            .map(|(_, _, data)| data)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Data> {
        self.loaded.iter().map(|(_, _, data)| data.as_ref())
    }
}
