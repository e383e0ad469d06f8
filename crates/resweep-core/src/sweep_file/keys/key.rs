//! The keys of a sweep file and the sections that they are in.

/// The tables that contain single values.
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
    /// The sections whose keys can be axes.
    pub const SETTABLE: [Section; 3] = [Section::Data, Section::Model, Section::Train];

    /// The name of the table in the file.
    pub const fn name(self) -> &'static str {
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
}

/// A key; its discriminant is its index in `KEYS`.
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
    Epochs,
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
    FigureMeasure,
    FigureX,
    FigureXScale,
    FigureYScale,
    FigureRows,
    FigureColumns,
    FigureSweeps,
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
    /// The key for the same quantity in another unit; only one of the two can be set.
    pub fn rival(self) -> Option<Key> {
        match self {
            Key::Iterations => Some(Key::Epochs),
            Key::Epochs => Some(Key::Iterations),
            _ => None,
        }
    }
}
