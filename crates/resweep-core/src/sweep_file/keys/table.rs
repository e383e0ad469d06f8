//! Table of all keys of a sweep file, with their kinds, defaults and meanings. The reader and the
//! test of the documentation use this table.

use strum::VariantNames;

use crate::domain::{
    Augmentation, BrokenImage, Dataset, DecayScope, EngineKind, FigureKind, Measure, Normalisation,
    Palette, Quantity, Reference, Shortcut, Show, Theme, TrainLine,
};

use super::key::{Key, Section};
use super::kind::{Kind, integer, positive, ratio};
use super::synonyms;
use Fallback::{Required, Text, Value};
use Section::{Data, Expect, Figure, Model, Panel, Sweep, Train};

impl Section {
    /// The keys of the section, in the order of the documentation.
    pub fn keys(self) -> impl Iterator<Item = &'static KeySpec> {
        KEYS.iter().filter(move |spec| spec.section == self)
    }
}

impl Key {
    pub fn spec(self) -> &'static KeySpec {
        &KEYS[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// `train.lr`.
    pub fn qualified(self) -> String {
        format!("{}.{}", self.spec().section.name(), self.name())
    }

    /// Finds a key of a section by its name or a synonym; `-` equals `_`.
    pub fn find(section: Section, name: &str) -> Option<Key> {
        let name = name.replace('-', "_");
        let found = section
            .keys()
            .find(|spec| spec.name == name || synonyms::of(spec.key).contains(&name.as_str()));
        found.map(|spec| spec.key)
    }

    /// Finds a key that can be an axis; the names are unique across sections.
    pub fn find_settable(name: &str) -> Option<Key> {
        Section::SETTABLE
            .into_iter()
            .find_map(|section| Key::find(section, name))
    }

    /// Finds a key that can be an axis by its bare or its qualified name.
    pub fn find_qualified(name: &str) -> Option<Key> {
        let Some((section, name)) = name.split_once('.') else {
            return Key::find_settable(name);
        };
        let section = Section::SETTABLE
            .into_iter()
            .find(|candidate| candidate.name() == section.trim())?;
        Key::find(section, name.trim())
    }

    /// The names of the keys that can be axes.
    pub fn settable_names() -> Vec<&'static str> {
        let keys = Section::SETTABLE.into_iter().flat_map(Section::keys);
        keys.map(|spec| spec.name).collect()
    }
}

/// The default of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fallback {
    /// A value in TOML.
    Value(&'static str),
    /// The key must be set.
    Required,
    /// A description.
    Text(&'static str),
}

#[derive(Debug)]
pub struct KeySpec {
    pub key: Key,
    pub section: Section,
    pub name: &'static str,
    pub kind: Kind,
    pub fallback: Fallback,
    pub meaning: &'static str,
}

/// The defaults of the settable keys as a TOML document, which is read as a sweep file is.
pub fn defaults() -> String {
    let mut text = String::new();
    for section in Section::SETTABLE {
        text += &format!("[{}]\n", section.name());
        for spec in section.keys() {
            if let Fallback::Value(value) = spec.fallback {
                text += &format!("{} = {value}\n", spec.name);
            }
        }
    }
    text
}

const fn key(
    key: Key,
    section: Section,
    name: &'static str,
    kind: Kind,
    fallback: Fallback,
    meaning: &'static str,
) -> KeySpec {
    KeySpec {
        key,
        section,
        name,
        kind,
        fallback,
        meaning,
    }
}

const DATASETS: Kind = Kind::Word(Dataset::VARIANTS);
const AUGMENTATIONS: Kind = Kind::Word(Augmentation::VARIANTS);
const NORMALISATIONS: Kind = Kind::Word(Normalisation::VARIANTS);
const BROKEN_IMAGES: Kind = Kind::Word(BrokenImage::VARIANTS);
const SHORTCUTS: Kind = Kind::Word(<Shortcut as VariantNames>::VARIANTS);
const DECAYS: Kind = Kind::Word(DecayScope::VARIANTS);
const THEMES: Kind = Kind::Word(<Theme as VariantNames>::VARIANTS);
const TRAIN_LINES: Kind = Kind::Word(TrainLine::VARIANTS);
const REFERENCES: Kind = Kind::Word(Reference::VARIANTS);
const PALETTES: Kind = Kind::Word(<Palette as VariantNames>::VARIANTS);
const FIGURE_KINDS: Kind = Kind::Word(FigureKind::VARIANTS);
const MEASURES: Kind = Kind::Word(Quantity::VARIANTS);
const X_UNITS: Kind = Kind::Word(&["iterations", "epochs"]);
const SCALES: Kind = Kind::Word(&["linear", "log"]);
const SHOWS: Kind = Kind::Word(Show::VARIANTS);
const ERRORS: Kind = Kind::Word(Measure::VARIANTS);
const ENGINES: Kind = Kind::Word(EngineKind::VARIANTS);
const ITERATIONS: Kind = integer(1, 1_000_000_000);
const EVERY: Fallback = Text("`iterations` / 64, rounded up");
const SHARE: Kind = Kind::Number {
    min: 0.0,
    max: 1.0,
    min_open: true,
    max_open: true,
};
const PERCENT: Kind = ratio(0.0, 100.0);
const NO_DEFAULT: Fallback = Text("none");
const OF_FIGURE: Fallback = Text("as in `[figure]`");

/// All keys, by section in the order of the documentation.
#[rustfmt::skip]
pub static KEYS: [KeySpec; Key::ExpectOn as usize + 1] = [
    key(Key::Dataset, Data, "dataset", DATASETS, Value("\"synthetic\""), "images to train on"),
    key(Key::Path, Data, "path", Kind::Folder, NO_DEFAULT, "folder of the data set; required unless `dataset` is `synthetic`"),
    key(Key::Validation, Data, "validation", integer(0, 10_000_000), Value("0"), "number of training images to hold out and evaluate on instead of the test set; the paper holds out 5000 to choose its schedule"),
    key(Key::TestFraction, Data, "test_fraction", SHARE, NO_DEFAULT, "share of a folder's images to use as the test set if it has no `test/` or `val/`"),
    key(Key::Augmentation, Data, "augmentation", AUGMENTATIONS, Value("\"pad-crop-flip\""), "`pad-crop-flip` pads by 4 pixels (an eighth of sizes other than 32), crops at random and mirrors at random, as in the paper"),
    key(Key::Normalisation, Data, "normalisation", NORMALISATIONS, Value("\"per-pixel-mean\""), "`per-pixel-mean` subtracts the mean training image, as in the paper; `per-channel` standardises each channel"),
    key(Key::BrokenImage, Data, "broken_image", BROKEN_IMAGES, Value("\"fail\""), "`fail` stops if an image of a folder cannot be decoded; `skip` leaves it out"),
    key(Key::Depth, Model, "depth", Kind::Depth, Required, "layers with weights"),
    key(Key::Shortcut, Model, "shortcut", SHORTCUTS, Required, "`none` is a plain net; `A`, `B` and `C` are the paper's options"),
    key(Key::Width, Model, "width", integer(1, 1024), Value("16"), "filters in the first stage; the second stage has twice as many, the third four times as many"),
    key(Key::ImageSize, Model, "image_size", Kind::ImageSize, Value("32"), "height and width of the input in pixels; other images are scaled"),
    key(Key::Init, Model, "init", Kind::Init, Value("\"he-fan-out\""), "He initialisation by fan-out or fan-in, or the final network of a shallower run with identity layers added"),
    key(Key::Decay, Model, "decay", DECAYS, Value("\"all\""), "`all` applies weight decay to every parameter; `weights` only to the weights of convolutions and of the last layer"),
    key(Key::Iterations, Train, "iterations", ITERATIONS, Required, "mini-batch updates; the paper makes 64000"),
    key(Key::Epochs, Train, "epochs", positive(1e6), NO_DEFAULT, "passes over the training images, instead of `iterations`"),
    key(Key::BatchSize, Train, "batch_size", integer(1, 1_000_000), Value("128"), "images of a mini-batch"),
    key(Key::Lr, Train, "lr", positive(100.0), Value("0.1"), "learning rate at the start"),
    key(Key::LrDrops, Train, "lr_drops", Kind::Drops, Value("[0.5, 0.75]"), "when the learning rate drops: after these iterations, or after these fractions of `iterations`"),
    key(Key::LrGamma, Train, "lr_gamma", positive(1.0), Value("0.1"), "factor applied to the learning rate at each drop"),
    key(Key::Momentum, Train, "momentum", Kind::Number { min: 0.0, max: 1.0, min_open: false, max_open: true }, Value("0.9"), "momentum of SGD"),
    key(Key::Nesterov, Train, "nesterov", Kind::Boolean, Value("false"), "use Nesterov momentum"),
    key(Key::WeightDecay, Train, "weight_decay", ratio(0.0, 1.0), Value("1e-4"), "L2 penalty added to the gradient"),
    key(Key::Warmup, Train, "warmup", Kind::Warmup, Value("\"none\""), "lower learning rate at the start: until the training error falls below a percentage, or for a number of iterations"),
    key(Key::EvalEvery, Train, "eval_every", ITERATIONS, EVERY, "iterations between evaluations; the last iteration is always evaluated"),
    key(Key::LogEvery, Train, "log_every", ITERATIONS, EVERY, "iterations averaged in each point of the training curve"),
    key(Key::Engine, Train, "engine", ENGINES, Value("\"fused\""), "`fused` is fast; `portable` is the slow reference, one operation at a time"),
    key(Key::LayerStats, Train, "layer_stats", Kind::Boolean, Value("false"), "measure the standard deviation of each 3x3 layer's response after training"),
    key(Key::Name, Sweep, "name", Kind::Name, Required, "name of the sweep and of its folder in `results/`"),
    key(Key::Title, Sweep, "title", Kind::Line, NO_DEFAULT, "title of the figures and the report"),
    key(Key::Description, Sweep, "description", Kind::Text, NO_DEFAULT, "longer text for the report"),
    key(Key::Repeats, Sweep, "repeats", Kind::Repeats, Text("`1`"), "seeds per configuration: 1 to `repeats`, or as many as it takes to decide the order"),
    key(Key::Seeds, Sweep, "seeds", Kind::Seeds, Text("`[1]`"), "list of seeds, instead of `repeats`"),
    key(Key::MaxAttempts, Sweep, "max_attempts", integer(1, 100), Text("`3`"), "maximum number of starts of a run whose failures are transient, such as a full disk or out of memory"),
    key(Key::FigureName, Figure, "name", Kind::Name, Text("`\"figure\"`"), "name of the figure's files; required if there are several figures"),
    key(Key::FigureTitle, Figure, "title", Kind::Line, Text("the sweep's"), "title above the figure"),
    key(Key::FigureKind, Figure, "kind", FIGURE_KINDS, Text("`\"error-vs-iteration\"`"), "what the figure shows"),
    key(Key::FigureTheme, Figure, "theme", THEMES, Text("`\"light\"`"), "dark text on white, or light text on dark grey"),
    key(Key::FigurePalette, Figure, "palette", PALETTES, Text("`\"paper\"`"), "colours of the curves: the paper's, or Okabe and Ito's for readers with colour-blindness"),
    key(Key::FigureTrainLine, Figure, "train_line", TRAIN_LINES, Text("`\"dashed\"`"), "line of the training error: dashed as in the paper's figure 6, or thin and solid as in figure 4"),
    key(Key::FigureReference, Figure, "reference", REFERENCES, Text("`\"none\"`"), "the paper's curves of the same nets in grey, at their own iterations or scaled to those of the run"),
    key(Key::FigureSmoothing, Figure, "smoothing", integer(1, 9999), Text("`1`"), "number of points in the centred moving average of training error, an odd number; 1 does not smooth"),
    key(Key::FigureYMin, Figure, "y_min", PERCENT, NO_DEFAULT, "lower end of the error axis of every panel, in percent"),
    key(Key::FigureYMax, Figure, "y_max", PERCENT, NO_DEFAULT, "upper end of the error axis of every panel, in percent"),
    key(Key::FigureYTicks, Figure, "y_ticks", Kind::Ticks, NO_DEFAULT, "positions of ticks and grid lines in every panel"),
    key(Key::FigureFacet, Figure, "facet", Kind::Settable, NO_DEFAULT, "draw one panel for each value of this key, instead of `[[figure.panels]]`"),
    key(Key::FigureShow, Figure, "show", SHOWS, Text("`\"both\"`"), "errors to draw in panels that do not set `show` themselves"),
    key(Key::FigureMeasure, Figure, "measure", MEASURES, Text("`\"error\"`"), "quantity of the curves over the training"),
    key(Key::FigureX, Figure, "x", X_UNITS, Text("`\"iterations\"`"), "unit of their x axis"),
    key(Key::FigureXScale, Figure, "x_scale", SCALES, Text("`\"linear\"`"), "scale of their x axis"),
    key(Key::FigureYScale, Figure, "y_scale", SCALES, Text("`\"linear\"`"), "scale of their y axis"),
    key(Key::FigureRows, Figure, "rows", Kind::Settable, Text("`\"depth\"`"), "key whose values are the rows of a heat map"),
    key(Key::FigureColumns, Figure, "columns", Kind::Settable, Text("`\"shortcut\"`"), "key whose values are the columns of a heat map"),
    key(Key::FigureSweeps, Figure, "sweeps", Kind::Names, Text("this sweep"), "recorded sweeps to draw together in this figure"),
    key(Key::PanelTitle, Panel, "title", Kind::Line, NO_DEFAULT, "title above the panel"),
    key(Key::PanelShow, Panel, "show", SHOWS, OF_FIGURE, "errors to draw; `test` is the validation error if images are held out"),
    key(Key::PanelYMin, Panel, "y_min", PERCENT, OF_FIGURE, "lower end of the error axis, in percent"),
    key(Key::PanelYMax, Panel, "y_max", PERCENT, OF_FIGURE, "upper end of the error axis, in percent"),
    key(Key::PanelYTicks, Panel, "y_ticks", Kind::Ticks, OF_FIGURE, "positions of ticks and grid lines"),
    key(Key::ExpectTestError, Expect, "test_error", PERCENT, NO_DEFAULT, "expected final test error in percent, of each configuration of `where`"),
    key(Key::ExpectTrainError, Expect, "train_error", PERCENT, NO_DEFAULT, "expected final training error in percent"),
    key(Key::ExpectTolerance, Expect, "tolerance", PERCENT, NO_DEFAULT, "accepted difference in percentage points; required with `test_error` or `train_error`"),
    key(Key::ExpectOn, Expect, "on", ERRORS, Text("`\"test\"`"), "error by which `worse` is compared with `better`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of the documentation's tables.
    fn row(spec: &KeySpec) -> String {
        let fallback = match spec.fallback {
            Fallback::Value(value) => format!("`{value}`"),
            Fallback::Required => "required".to_owned(),
            Fallback::Text(text) => text.to_owned(),
        };
        let (name, takes) = (spec.name, spec.kind.allowed());
        format!("| `{name}` | {takes} | {fallback} | {} |", spec.meaning)
    }

    #[test]
    fn the_table_is_in_the_order_of_the_keys() {
        for (index, spec) in KEYS.iter().enumerate() {
            assert_eq!(spec.key as usize, index, "{}", spec.name);
        }
    }

    #[test]
    fn the_names_that_an_axis_can_use_are_unique() {
        let settable = Section::SETTABLE.into_iter().flat_map(Section::keys);
        let names: Vec<&str> = settable.map(|spec| spec.name).collect();
        let distinct: std::collections::HashSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), distinct.len());
    }

    #[test]
    fn the_documentation_has_every_key_with_what_it_takes_and_its_default() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sweep-file.md");
        let documentation = std::fs::read_to_string(path).expect("docs/sweep-file.md");
        for spec in &KEYS {
            let row = row(spec);
            let found = documentation.lines().any(|line| line == row);
            assert!(found, "docs/sweep-file.md lacks this row:\n{row}");
        }
    }
}
