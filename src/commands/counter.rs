//! Counts the training images of class folders, which `epochs` needs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::known_images::ImageFolder;
use super::results::{cache, database};
use resweep_core::domain::DataConfig;
use resweep_store::{Store, StoreError};

/// Counts images in folders; if those are missing, in the records.
pub struct Counter {
    results: PathBuf,
    /// The recorded sweep that is read: its numbers stay the same if a folder changes.
    sweep: Option<String>,
    known: RefCell<HashMap<ImageFolder, Result<usize, String>>>,
}

impl Counter {
    pub fn new(results: &Path, sweep: Option<&str>) -> Self {
        Self {
            results: results.to_owned(),
            sweep: sweep.map(str::to_owned),
            known: RefCell::default(),
        }
    }

    /// The training images of a class folder before the validation split.
    ///
    /// # Errors
    /// The reason why they cannot be counted.
    pub fn count(&self, data: &DataConfig, image_size: usize) -> Result<usize, String> {
        let place = ImageFolder::of_data(data, image_size);
        let mut known = self.known.borrow_mut();
        let count = || {
            let own = self.sweep.as_deref();
            let recorded = own.and_then(|own| self.recorded(data, &place, Some(own)));
            recorded.map_or_else(|| self.seen(data, &place, image_size), Ok)
        };
        known.entry(place.clone()).or_insert_with(count).clone()
    }

    /// The current number; without the folder, that of earlier runs.
    fn seen(
        &self,
        data: &DataConfig,
        place: &ImageFolder,
        image_size: usize,
    ) -> Result<usize, String> {
        match resweep_data::describe(data, image_size, &cache(&self.results)) {
            Ok(facts) => Ok(facts.train_images),
            Err(error) if error.is_missing() => {
                let recorded = self.recorded(data, place, None);
                recorded.ok_or_else(|| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn recorded(
        &self,
        data: &DataConfig,
        place: &ImageFolder,
        sweep: Option<&str>,
    ) -> Option<usize> {
        // Another function reports unreadable images.
        self.try_recorded(data, place, sweep).ok().flatten()
    }

    fn try_recorded(
        &self,
        data: &DataConfig,
        place: &ImageFolder,
        sweep: Option<&str>,
    ) -> Result<Option<usize>, StoreError> {
        let store = Store::open_read_only(&database(&self.results))?;
        for (config, images) in store.training_images(data.dataset, sweep)? {
            let configuration = &config.configuration;
            if ImageFolder::of(configuration) == *place {
                let all = images + configuration.data.validation.images() as u64;
                return Ok(usize::try_from(all).ok());
            }
        }
        Ok(None)
    }
}
