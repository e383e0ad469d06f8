//! Random choices of tests: repeatable, by a seed that is printed.

use std::time::{SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The number in an environment variable, if it is set.
pub fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Random numbers from the seed in the environment variable `name`, or from a seed of the clock.
/// Prints the seed in the form that repeats the test.
pub fn seeded(name: &str) -> ChaCha8Rng {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let chance = now.expect("a date after 1970").as_nanos() as u64 % 1_000_000;
    let seed = setting(name).unwrap_or(chance);
    println!("{name}={seed}");
    ChaCha8Rng::seed_from_u64(seed)
}
