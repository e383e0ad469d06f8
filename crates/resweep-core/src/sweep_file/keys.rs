//! Every key of a sweep file: the one place that names it, says what it takes and what it
//! defaults to. The reader and the test of the documentation go by this table.

use crate::domain::Look;

use super::kind::{Kind, integer, positive, ratio};
use Fallback::{Required, Text, Value};
use Section::{Data, Expect, Figure, Model, Panel, Sweep, Train};

/// The tables that hold single values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    Data,
    Model,
    Train,
    Sweep,
    Figure,
    Panel,
    Expect,
}

impl Section {
    /// The sections whose keys an axis can vary.
    pub const SETTABLE: [Section; 3] = [Section::Data, Section::Model, Section::Train];

    /// The table's name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Section::Data => "data",
            Section::Model => "model",
            Section::Train => "train",
            Section::Sweep => "sweep",
            Section::Figure => "figure",
            Section::Panel => "figure.panels",
            Section::Expect => "expect",
        }
    }

    pub fn keys(self) -> impl Iterator<Item = &'static KeySpec> {
        KEYS.iter().filter(move |spec| spec.section == self)
    }
}

/// A key; its number is its place in [`KEYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Dataset,
    Path,
    Validation,
    TestFraction,
    Augmentation,
    Normalisation,
    BrokenImage,
    Depth,
    Shortcut,
    Width,
    ImageSize,
    Init,
    Decay,
    Iterations,
    BatchSize,
    Lr,
    LrDrops,
    LrGamma,
    Momentum,
    Nesterov,
    WeightDecay,
    Warmup,
    EvalEvery,
    LogEvery,
    Engine,
    LayerStats,
    Name,
    Title,
    Description,
    Repeats,
    Seeds,
    MaxAttempts,
    FigureName,
    FigureTitle,
    FigureKind,
    FigureTheme,
    FigurePalette,
    FigureTrainLine,
    FigureReference,
    FigureSmoothing,
    FigureYMin,
    FigureYMax,
    FigureYTicks,
    FigureFacet,
    FigureShow,
    PanelTitle,
    PanelShow,
    PanelYMin,
    PanelYMax,
    PanelYTicks,
    ExpectTestError,
    ExpectTrainError,
    ExpectTolerance,
    ExpectOn,
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

    /// Finds a key of one section.
    pub fn find(section: Section, name: &str) -> Option<Key> {
        section.keys().find(|spec| spec.name == name).map(|s| s.key)
    }

    /// Finds a key that an axis can vary; the names are unique across their sections.
    pub fn find_settable(name: &str) -> Option<Key> {
        Section::SETTABLE
            .into_iter()
            .find_map(|section| Key::find(section, name))
    }
}

/// What a key is where nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fallback {
    /// A value, as TOML.
    Value(&'static str),
    /// It has to be given.
    Required,
    /// In words.
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

/// The keys that `--set` takes for one value or for an axis, in the order of the documentation.
pub fn override_keys() -> Vec<String> {
    let sections = [Data, Model, Train, Sweep, Figure];
    let keys = sections.into_iter().flat_map(Section::keys);
    let axes = Section::SETTABLE.into_iter().flat_map(Section::keys);
    let keys = keys.map(|spec| spec.key.qualified());
    keys.chain(axes.map(|spec| format!("axes.{}", spec.name)))
        .collect()
}

/// The defaults of the settable keys as a TOML document, read like any other.
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

const DATASETS: Kind = Kind::Word(&["synthetic", "cifar10", "cifar100", "folder"]);
const AUGMENTATIONS: Kind = Kind::Word(&["pad-crop-flip", "none"]);
const NORMALISATIONS: Kind = Kind::Word(&["per-pixel-mean", "per-channel"]);
const BROKEN_IMAGES: Kind = Kind::Word(&["fail", "skip"]);
const SHORTCUTS: Kind = Kind::Word(&["none", "A", "B", "C"]);
const DECAYS: Kind = Kind::Word(&["all", "weights"]);
const THEMES: Kind = Kind::Word(&Look::THEMES);
const TRAIN_LINES: Kind = Kind::Word(&["dashed", "thin"]);
const REFERENCES: Kind = Kind::Word(&["none", "paper", "paper-scaled"]);
const PALETTES: Kind = Kind::Word(&Look::PALETTES);
const FIGURE_KINDS: Kind = Kind::Word(&[
    "error-vs-iteration",
    "error-vs-depth",
    "heat-map",
    "layer-responses",
]);
const SHOWS: Kind = Kind::Word(&["both", "train", "test"]);
const ERRORS: Kind = Kind::Word(&["test", "train"]);
const ENGINES: Kind = Kind::Word(&["fused", "portable"]);
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
    key(Key::Dataset, Data, "dataset", DATASETS, Value("\"synthetic\""), "which images to train on"),
    key(Key::Path, Data, "path", Kind::Folder, NO_DEFAULT, "the folder of the data set; required unless `dataset` is `synthetic`"),
    key(Key::Validation, Data, "validation", integer(0, 10_000_000), Value("0"), "training images that are held out and evaluated instead of the test set; the paper chose its schedule with 5000"),
    key(Key::TestFraction, Data, "test_fraction", SHARE, NO_DEFAULT, "the share of a folder's images that becomes the test set, where it has no `test/` or `val/`"),
    key(Key::Augmentation, Data, "augmentation", AUGMENTATIONS, Value("\"pad-crop-flip\""), "padding (4 pixels at 32 as in the paper, an eighth of other sizes), a random crop and a random mirror image, or nothing"),
    key(Key::Normalisation, Data, "normalisation", NORMALISATIONS, Value("\"per-pixel-mean\""), "subtract the mean training image (the paper), or standardise each channel"),
    key(Key::BrokenImage, Data, "broken_image", BROKEN_IMAGES, Value("\"fail\""), "what to do about an image of a folder that cannot be decoded"),
    key(Key::Depth, Model, "depth", Kind::Depth, Required, "layers with weights"),
    key(Key::Shortcut, Model, "shortcut", SHORTCUTS, Required, "`none` is a plain net; `A`, `B` and `C` are the paper's options"),
    key(Key::Width, Model, "width", integer(1, 1024), Value("16"), "filters of the first stage; the next two have twice and four times as many"),
    key(Key::ImageSize, Model, "image_size", Kind::ImageSize, Value("32"), "height and width of the input in pixels; images of another size are scaled"),
    key(Key::Init, Model, "init", Kind::Init, Value("\"he-fan-out\""), "He initialisation by the fan-out or the fan-in of a layer, or the final network of a shallower run, made deeper by layers that are the identity"),
    key(Key::Decay, Model, "decay", DECAYS, Value("\"all\""), "weight decay on every parameter, or only on the weights of convolutions and of the last layer"),
    key(Key::Iterations, Train, "iterations", ITERATIONS, Required, "mini-batch updates; the paper makes 64000"),
    key(Key::BatchSize, Train, "batch_size", integer(1, 1_000_000), Value("128"), "images of a mini-batch"),
    key(Key::Lr, Train, "lr", positive(100.0), Value("0.1"), "learning rate at the start"),
    key(Key::LrDrops, Train, "lr_drops", Kind::Drops, Value("[0.5, 0.75]"), "when the learning rate drops: after these iterations, or after these fractions of `iterations`"),
    key(Key::LrGamma, Train, "lr_gamma", positive(1.0), Value("0.1"), "what the learning rate is multiplied by at a drop"),
    key(Key::Momentum, Train, "momentum", Kind::Number { min: 0.0, max: 1.0, min_open: false, max_open: true }, Value("0.9"), "momentum of SGD"),
    key(Key::Nesterov, Train, "nesterov", Kind::Boolean, Value("false"), "Nesterov's form of momentum"),
    key(Key::WeightDecay, Train, "weight_decay", ratio(0.0, 1.0), Value("1e-4"), "L2 penalty added to the gradient"),
    key(Key::Warmup, Train, "warmup", Kind::Warmup, Value("\"none\""), "a lower learning rate at the start, until the training error is below so many percent or for so many iterations"),
    key(Key::EvalEvery, Train, "eval_every", ITERATIONS, EVERY, "iterations between two evaluations; there is always one at the end"),
    key(Key::LogEvery, Train, "log_every", ITERATIONS, EVERY, "iterations that a point of the training curve averages"),
    key(Key::Engine, Train, "engine", ENGINES, Value("\"fused\""), "what computes: all layers in one fast operation, or the portable reference, operation by operation"),
    key(Key::LayerStats, Train, "layer_stats", Kind::Boolean, Value("false"), "measure the standard deviation of each 3x3 layer's response at the end"),
    key(Key::Name, Sweep, "name", Kind::Name, Required, "names the folder of the figures below `results/`"),
    key(Key::Title, Sweep, "title", Kind::Line, NO_DEFAULT, "a line for people"),
    key(Key::Description, Sweep, "description", Kind::Text, NO_DEFAULT, "what the sweep is to show"),
    key(Key::Repeats, Sweep, "repeats", Kind::Repeats, Text("`1`"), "trains each configuration with the seeds 1 to `repeats`, or adds seeds until the order is decided"),
    key(Key::Seeds, Sweep, "seeds", Kind::Seeds, Text("`[1]`"), "the seeds themselves, instead of `repeats`"),
    key(Key::MaxAttempts, Sweep, "max_attempts", integer(1, 100), Text("`3`"), "how often a run is started at most when its failures may pass, as a full disk or a want of memory may"),
    key(Key::FigureName, Figure, "name", Kind::Name, Text("`\"figure\"`"), "names the figure's files; required where there are several"),
    key(Key::FigureTitle, Figure, "title", Kind::Line, Text("the sweep's"), "stands above the figure"),
    key(Key::FigureKind, Figure, "kind", FIGURE_KINDS, Text("`\"error-vs-iteration\"`"), "what is drawn"),
    key(Key::FigureTheme, Figure, "theme", THEMES, Text("`\"light\"`"), "the page: dark text on white, or light text on a dark grey"),
    key(Key::FigurePalette, Figure, "palette", PALETTES, Text("`\"paper\"`"), "the curves' colours: the paper's, or Okabe and Ito's, which people with colour-blindness can tell apart"),
    key(Key::FigureTrainLine, Figure, "train_line", TRAIN_LINES, Text("`\"dashed\"`"), "training error beside test error: dashed as in the paper's figure 6, or thin and solid as in its figure 4"),
    key(Key::FigureReference, Figure, "reference", REFERENCES, Text("`\"none\"`"), "what lies in grey behind the curves: the paper's own of the same nets, at their iterations or scaled to those of the run"),
    key(Key::FigureSmoothing, Figure, "smoothing", integer(1, 9999), Text("`1`"), "points of training error that a centred moving average takes, an odd number; 1 draws what was recorded"),
    key(Key::FigureYMin, Figure, "y_min", PERCENT, NO_DEFAULT, "lower end of the error axis of every panel, in percent"),
    key(Key::FigureYMax, Figure, "y_max", PERCENT, NO_DEFAULT, "upper end of the error axis of every panel, in percent"),
    key(Key::FigureYTicks, Figure, "y_ticks", Kind::Ticks, NO_DEFAULT, "positions of the ticks and grid lines of every panel"),
    key(Key::FigureFacet, Figure, "facet", Kind::Settable, NO_DEFAULT, "makes one panel for each value of this key, instead of `[[figure.panels]]`"),
    key(Key::FigureShow, Figure, "show", SHOWS, Text("`\"both\"`"), "which errors are drawn, in every panel that does not say"),
    key(Key::PanelTitle, Panel, "title", Kind::Line, NO_DEFAULT, "stands above the panel"),
    key(Key::PanelShow, Panel, "show", SHOWS, OF_FIGURE, "which errors are drawn; `test` is the validation error where images are held out"),
    key(Key::PanelYMin, Panel, "y_min", PERCENT, OF_FIGURE, "lower end of the error axis, in percent"),
    key(Key::PanelYMax, Panel, "y_max", PERCENT, OF_FIGURE, "upper end of the error axis, in percent"),
    key(Key::PanelYTicks, Panel, "y_ticks", Kind::Ticks, OF_FIGURE, "positions of the ticks and grid lines"),
    key(Key::ExpectTestError, Expect, "test_error", PERCENT, NO_DEFAULT, "the test error in percent that each configuration of `where` is to have at the end"),
    key(Key::ExpectTrainError, Expect, "train_error", PERCENT, NO_DEFAULT, "the training error in percent that it is to have at the end"),
    key(Key::ExpectTolerance, Expect, "tolerance", PERCENT, NO_DEFAULT, "how many percentage points the error may be off; required with an error"),
    key(Key::ExpectOn, Expect, "on", ERRORS, Text("`\"test\"`"), "the error by which `worse` is to be above `better`"),
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
