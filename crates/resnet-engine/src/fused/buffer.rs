//! Large arrays of floats.

use std::io;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Zeroed floats in a mapping of their own, with huge pages where the system has them: fewer TLB
/// misses, and the memory returns to the system as soon as it is freed.
pub struct Buffer {
    pages: MmapMut,
    len: usize,
}

impl Buffer {
    /// Allocates `len` zeros. The system provides each page when it is first written.
    ///
    /// # Errors
    /// When the system is out of memory.
    pub fn new(len: usize) -> io::Result<Self> {
        let pages = MmapMut::map_anon(size_of::<f32>() * len.max(1))?;
        // Only speed depends on it, so errors are ignored.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Ok(Self { pages, len })
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.pages)[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.pages)[..self.len]
    }
}
