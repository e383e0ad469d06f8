//! Prefetches the next images while the current ones are computed.

/// Arrays to bring into the second-level cache, a part at each call of [`Prefetch::tick`].
#[derive(Debug, Default)]
pub struct Prefetch {
    streams: [Stream; STREAMS],
    /// The stream to fetch from next.
    current: usize,
    /// Cache lines to fetch at each tick.
    lines: usize,
}

/// The most arrays that one image's pass through a convolution accesses.
pub const STREAMS: usize = 6;

/// Floats in a cache line.
const LINE: usize = 16;

/// The rest of an array. No lifetime: a prefetch is a hint and is sound for any address.
#[derive(Debug, Clone, Copy)]
struct Stream {
    start: *const f32,
    lines: usize,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            start: std::ptr::null(),
            lines: 0,
        }
    }
}

impl Prefetch {
    /// Spreads `arrays` over `ticks` ticks.
    pub fn new(arrays: [&[f32]; STREAMS], ticks: usize) -> Self {
        let streams = arrays.map(|array| Stream {
            start: array.as_ptr(),
            lines: array.len() / LINE,
        });
        let lines: usize = streams.iter().map(|stream| stream.lines).sum();
        Self {
            streams,
            current: 0,
            lines: lines.div_ceil(ticks.max(1)),
        }
    }

    /// Fetches the next lines.
    #[inline(always)]
    pub fn tick(&mut self) {
        let mut wanted = self.lines;
        while wanted > 0 && self.current < STREAMS {
            let stream = &mut self.streams[self.current];
            let lines = stream.lines.min(wanted);
            for line in 0..lines {
                fetch(stream.start.wrapping_add(line * LINE));
            }
            stream.start = stream.start.wrapping_add(lines * LINE);
            stream.lines -= lines;
            wanted -= lines;
            self.current += usize::from(stream.lines == 0);
        }
    }
}

/// Fetches the cache line at `address`.
#[inline(always)]
fn fetch(address: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing and never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
