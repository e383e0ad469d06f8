//! What is known of the images that a sweep trains on: seen now, or recorded by earlier runs.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::recorded::{Record, recorded_images};
use resweep_core::domain::{BrokenImage, Configuration, Dataset, Sweep};
use resweep_core::plan::DataFacts;
use resweep_data::{DataError, Facts};
use resweep_store::{RecordedRun, Store, StoreError};

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
    dataset: Dataset,
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

/// The images that earlier runs were trained on.
pub struct Archive<'a> {
    /// Those of the sweep itself, as it was started last.
    of_sweep: HashMap<Place, KnownImages>,
    store: Option<&'a Store>,
    /// The folders that the sweep names now.
    named: HashSet<Place>,
}

impl<'a> Archive<'a> {
    /// Of the sweep's own record, and of the other runs in the store.
    pub fn new(sweep: &Sweep, record: Option<&Record>, store: Option<&'a Store>) -> Self {
        let mut of_sweep = HashMap::new();
        if let Some(record) = record {
            let places = record.sweep.configurations.iter().map(Place::of);
            for (place, images) in places.zip(record.images()) {
                if let Some(images) = images {
                    of_sweep.entry(place).or_insert(images);
                }
            }
        }
        Self {
            of_sweep,
            store,
            named: sweep.configurations.iter().map(Place::of).collect(),
        }
    }

    /// What the sweep itself was trained on at this place. Where its images lay in one other folder,
    /// and it names one folder now, those: the folder may have moved.
    pub fn of_sweep(&self, place: &Place) -> Option<&KnownImages> {
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

    /// What other runs were trained on last: from the same folder or, of a data set that is the same
    /// everywhere, from any.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn of_others(&self, place: &Place) -> Result<Option<KnownImages>, StoreError> {
        let Some(store) = self.store else {
            return Ok(None);
        };
        let runs = store.runs_by_images(place.dataset)?;
        let same = |at: &Place| *at == *place || place.dataset != Dataset::Folder;
        let at = |run: &&RecordedRun| same(&Place::of(&run.config.configuration));
        Ok(runs.iter().find(at).map(recorded_images))
    }
}
