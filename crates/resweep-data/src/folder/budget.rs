//! Limits the memory that many threads use together: a thread waits while the total would exceed
//! the limit.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A number of bytes for all threads together.
pub struct Budget {
    bytes: u64,
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// Bytes of a budget, returned when dropped.
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub const fn new(bytes: u64) -> Self {
        Self {
            bytes,
            taken: Mutex::new(0),
            given_back: Condvar::new(),
        }
    }

    /// Waits for `bytes`. A request larger than the budget waits until no other is acquired.
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.bytes);
        let taken = self.lock();
        let full = |taken: &mut u64| *taken + bytes > self.bytes;
        let waited = self.given_back.wait_while(taken, full);
        *waited.unwrap_or_else(PoisonError::into_inner) += bytes;
        Share {
            budget: self,
            bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.lock() -= self.bytes;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn the_sum_of_all_shares_stays_within_the_budget() {
        let budget = Budget::new(100);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    for step in 0..50 {
                        let bytes = (thread * 31 + step * 17) % 150;
                        let share = budget.take(bytes);
                        let held = now.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes;
                        most.fetch_max(held, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(share.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 100);
        assert_eq!(*budget.lock(), 0);
    }
}
