//! A group of threads that share jobs.

use std::sync::Mutex;

use rayon::prelude::*;

use super::kernels::InstructionSet;

/// Threads that share jobs, each with its own memory `M`.
pub struct Team<M> {
    set: InstructionSet,
    memories: Vec<Mutex<M>>,
}

impl<M: Send> Team<M> {
    /// As many threads as there are `memories`.
    pub fn new(set: InstructionSet, memories: Vec<M>) -> Self {
        Self {
            set,
            memories: memories.into_iter().map(Mutex::new).collect(),
        }
    }

    /// Runs every job on one of the threads of the calling thread's pool.
    pub fn share<J: Send>(&self, jobs: Vec<J>, work: impl Fn(InstructionSet, J, &mut M) + Sync) {
        jobs.into_par_iter().with_max_len(1).for_each(|job| {
            let thread = rayon::current_thread_index().unwrap_or_default();
            let memory = &self.memories[thread % self.memories.len()];
            // A panic leaves nothing behind that the next job relies on, except the zero borders of
            // padded images, which no job writes.
            let mut memory = memory.lock().unwrap_or_else(|error| error.into_inner());
            work(self.set, job, &mut memory);
        });
    }

    #[cfg(test)]
    pub fn sum(&mut self, len: impl Fn(&M) -> usize) -> usize {
        let memories = self.memories.iter_mut();
        memories
            .map(|memory| len(memory.get_mut().expect("no panic")))
            .sum()
    }
}
