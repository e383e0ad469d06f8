//! What the page may load: nothing but its own style and script, told by their hashes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A Content-Security-Policy under which a browser fetches nothing and runs only this style and
/// this script, also should other text ever be taken for one.
pub(super) fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(style),
        hash(script)
    )
}

/// As <https://www.w3.org/TR/CSP3/#grammardef-hash-source> writes it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_the_standard_gives_as_its_example() {
        // CSP 3, section 8.4.
        let example = hash("alert('Hello, world.');");
        assert_eq!(
            example,
            "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng="
        );
    }
}
