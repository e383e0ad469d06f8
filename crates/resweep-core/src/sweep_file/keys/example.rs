//! Example values of keys, for messages that show a whole line to type.

use super::key::Key;
use super::kind::Kind;
use super::table::{Fallback, KeySpec};

impl KeySpec {
    /// A value that the key takes, in TOML: its default if it has one.
    pub fn example(&self) -> String {
        let text = match self.fallback {
            // The default switches it off.
            _ if self.kind == Kind::Warmup => return self.typical(),
            Fallback::Value(value) => value,
            // Defaults of the program are in backticks, descriptions are not.
            Fallback::Text(text) => {
                match text.strip_prefix('`').and_then(|t| t.strip_suffix('`')) {
                    Some(value) => value,
                    None => return self.typical(),
                }
            }
            Fallback::Required => return self.typical(),
        };
        text.to_owned()
    }

    fn typical(&self) -> String {
        let text = match self.kind {
            Kind::Word(words) => return format!("{:?}", words[0]),
            Kind::Integer { .. } if self.key == Key::Iterations => "64000",
            Kind::Integer { .. } => "1000",
            Kind::Number { max, .. } if max <= 1.0 => "0.2",
            Kind::Number { .. } => "20",
            Kind::Boolean => "true",
            Kind::Depth => "20",
            Kind::ImageSize => "32",
            Kind::Name => "\"fig6\"",
            Kind::Names => "[\"fig1\", \"fig6\"]",
            Kind::Line | Kind::Text => "\"Plain and residual nets\"",
            Kind::Folder => "\"pics\"",
            Kind::Seeds => "[1, 2, 3]",
            Kind::Repeats => "3",
            Kind::Drops => "[0.5, 0.75]",
            Kind::Warmup => "{ lr = 0.01, iterations = 400 }",
            Kind::Init => "\"he-fan-out\"",
            Kind::Ticks => "[0, 10, 20]",
            Kind::Settable => "\"shortcut\"",
        };
        text.to_owned()
    }
}
