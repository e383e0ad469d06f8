//! The key that an override sets.

use crate::sweep_file::keys::key::{Key, Section};
use crate::sweep_file::keys::table::KeySpec;
use crate::sweep_file::values::seeds;

/// The key of an override.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub spec: &'static KeySpec,
    /// Whether it is an axis: a list of values of the key.
    pub is_axis: bool,
}

impl Target {
    /// Finds the target of a dotted key; returns `None` for tables and unknown keys.
    pub fn find(path: &[&str]) -> Option<Target> {
        let (key, is_axis) = match path {
            [_, name] if seeds::names(name) => (Key::Seeds, false),
            ["axes", name] => (Key::find_qualified(name)?, true),
            ["axes", section, name] => (Key::find_qualified(&format!("{section}.{name}"))?, true),
            [section, name] => {
                let sections = [
                    Section::Sweep,
                    Section::Data,
                    Section::Model,
                    Section::Train,
                    Section::Figure,
                ];
                let section = sections.into_iter().find(|s| s.name() == *section)?;
                (Key::find(section, name)?, false)
            }
            _ => return None,
        };
        let spec = key.spec();
        Some(Target { spec, is_axis })
    }
}
