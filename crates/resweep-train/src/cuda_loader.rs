//! Assembles batches on a GPU from data sets in GPU memory.

use dfdx::prelude::Cuda;

use super::loader::ImageLoader;
use resnet_engine::{CudaImages, CudaPick, EngineError, Matrix};
use resweep_data::{Batch, Data, Part, Pick, padding};

/// Keeps data sets in GPU memory as bytes; crops, mirrors and normalises there.
pub struct CudaLoader<'a> {
    device: &'a Cuda,
    /// Copied when their first batch is loaded.
    train: Option<CudaImages>,
    eval: Option<CudaImages>,
}

impl<'a> CudaLoader<'a> {
    /// Creates a loader without copying images.
    pub fn new(device: &'a Cuda) -> Self {
        Self {
            device,
            train: None,
            eval: None,
        }
    }
}

impl ImageLoader<Cuda> for CudaLoader<'_> {
    fn renders(&self) -> bool {
        true
    }

    fn load(&mut self, data: &Data, batch: &Batch) -> Result<Matrix<Cuda>, EngineError> {
        let kept = match batch.part {
            Part::Train => &mut self.train,
            Part::Eval => &mut self.eval,
        };
        let images = match kept {
            Some(images) => images,
            None => {
                let (set, map) = (data.part(batch.part), &data.normaliser);
                let sizes = (set.size, padding(set.size));
                let (scale, offset) = (map.scale(), map.offset());
                kept.insert(CudaImages::new(
                    self.device,
                    &set.images,
                    sizes,
                    scale,
                    offset,
                )?)
            }
        };
        images.render(batch.picks.iter().map(described).collect())
    }
}

fn described(pick: &Pick) -> CudaPick {
    CudaPick {
        index: pick.index as u32,
        top: pick.view.top as u32,
        left: pick.view.left as u32,
        mirrored: u32::from(pick.view.mirrored),
    }
}
