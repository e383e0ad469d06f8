//! Quotes text for a shell.

/// Quotes a word for a POSIX shell if necessary.
pub fn shell_quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        for (word, quoted) in [
            ("train.lr=0.1", "train.lr=0.1"),
            ("/a/b-c.1", "/a/b-c.1"),
            ("axes.depth=[8,14]", "'axes.depth=[8,14]'"),
            ("/a b/it's", r"'/a b/it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(shell_quoted(word), quoted);
        }
    }
}
