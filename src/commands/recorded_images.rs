//! Looks up in the database which images earlier runs were trained on.

use std::collections::{HashMap, HashSet};

use super::known_images::{ImageFolder, KnownImages};
use super::recorded::Record;
use resweep_core::domain::{Dataset, Sweep};
use resweep_store::{RecordedRun, Store, StoreError};

/// Recorded images by the place that they were in.
pub struct RecordedImages<'a> {
    /// Those of the sweep itself, when it was last started.
    of_sweep: HashMap<ImageFolder, KnownImages>,
    store: &'a Store,
    /// The folders in the sweep file.
    named: HashSet<ImageFolder>,
}

impl<'a> RecordedImages<'a> {
    /// Collects the images of the sweep's record and of the other runs in the store.
    pub fn new(sweep: &Sweep, record: Option<&Record>, store: &'a Store) -> Self {
        let mut of_sweep = HashMap::new();
        if let Some(record) = record {
            let places = record.sweep.configurations.iter().map(ImageFolder::of);
            for (place, images) in places.zip(record.images()) {
                if let Some(images) = images {
                    of_sweep.entry(place).or_insert(images);
                }
            }
        }
        Self {
            of_sweep,
            store,
            named: sweep.configurations.iter().map(ImageFolder::of).collect(),
        }
    }

    /// The images that the sweep was trained on at this place. If the recorded and the current
    /// sweep each have one folder, these count as the same: the folder may have moved.
    pub fn of_sweep(&self, place: &ImageFolder) -> Option<&KnownImages> {
        if let Some(images) = self.of_sweep.get(place) {
            return Some(images);
        }
        let alone = |places: usize| places == 1;
        let named = self.named.iter().filter(|named| named.same_kind(place));
        let mut then = self
            .of_sweep
            .iter()
            .filter(|(then, _)| then.same_kind(place));
        match (alone(named.count()), then.next(), then.next()) {
            (true, Some((_, images)), None) => Some(images),
            _ => None,
        }
    }

    /// The images of the newest other runs: from the same folder or, for a published data set, from
    /// any folder.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn of_others(&self, place: &ImageFolder) -> Result<Option<KnownImages>, StoreError> {
        let runs = self.store.runs_by_images(place.dataset)?;
        let same = |at: &ImageFolder| *at == *place || place.dataset != Dataset::Folder;
        let at = |run: &&RecordedRun| same(&ImageFolder::of(&run.config.configuration));
        Ok(runs.iter().find(at).map(KnownImages::recorded))
    }
}
