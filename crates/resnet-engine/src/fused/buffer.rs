//! Large arrays of floats.

use std::io;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Zeroed floats on pages of their own, huge ones where the system has them: fewer misses of the
/// address cache, and memory that goes back to the system at once.
pub struct Buffer {
    pages: MmapMut,
    len: usize,
}

impl Buffer {
    /// `len` zeros. Memory is taken when it is first written to.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub fn new(len: usize) -> io::Result<Self> {
        let pages = MmapMut::map_anon(size_of::<f32>() * len.max(1))?;
        // Only a matter of speed, so it may fail.
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
