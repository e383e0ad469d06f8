//! The command line: types only. What the commands do is in `commands`.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::progress::Mode;
use resweep_core::domain::{DeviceRequest, Look, Palette, Theme, expand_path};

/// Train sweeps of plain and residual networks and draw the figures of "Deep Residual Learning".
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  resweep plan experiments/quickstart.toml     what would run, and for how long
  resweep run experiments/quickstart.toml      train it and draw its figure
  resweep run experiments/fig6.toml -j 4 --set sweep.repeats=3
  resweep status                               every sweep in results/
  resweep plot experiments/fig6.toml           draw again, also while the sweep runs
  resweep table experiments/fig6.toml          final errors beside the paper's, and verdicts
  resweep data download cifar10                get the images into data/cifar10

Exit codes:
  0  done: every run of the sweep is finished (a diverged run is a result)
  1  a run failed, or is left over after --max-fails
  2  a mistake in the command line or the sweep file
  3  anything else: data, results folder, device
  4  plot: the results are not what the sweep file expects
130  stopped by a signal, such as Ctrl-C; the same command resumes";

const RUN_EXAMPLES: &str = "\
Examples:
  resweep run my.toml                                  as many runs at once as there are cores
  resweep run my.toml --set axes.depth=[20,56]         other depths
  resweep run my.toml --set sweep.repeats=3            three seeds; what is finished is kept
  resweep run my.toml --retry-failed --max-fails 2     try again, but not for ever
  resweep run my.toml --fresh                          train again what is finished
  resweep run my.toml --progress json | tee run.jsonl  for a script";

const PLAN_EXAMPLES: &str = "\
Examples:
  resweep plan my.toml --set train.iterations=2000     what that would change, and cost
  resweep plan my.toml --json                          for a script";

const STATUS_EXAMPLES: &str = "\
Examples:
  resweep status                                       all sweeps
  resweep status quickstart                            the runs of one, with their errors
  resweep status quickstart --attempts                 each start of a run, and why it ended";

const PLOT_EXAMPLES: &str = "\
Examples:
  resweep plot my.toml                                 also while the sweep runs
  resweep plot my-sweep --results copied               without its file and its images
  resweep plot my.toml --theme dark                    for slides: figure-dark.png
  resweep plot my.toml --palette okabe-ito             for readers with colour-blindness";
const TABLE_EXAMPLES: &str = "\
Examples:
  resweep table my.toml                                Markdown, also while the sweep runs
  resweep table my.toml --format csv > my.csv          for a spreadsheet";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  resweep doctor                                       is everything as it was written?
  resweep doctor --save saved.db                       what can be read of a damaged database

Exit codes: 0 all is well, 1 something is wrong, 3 it could not be looked at";

const GC_EXAMPLES: &str = "\
Examples:
  resweep gc --dry-run                                 what would go, and how many bytes
  resweep gc                                           remove what nothing goes on from
  resweep gc --all                                     also the ends of finished runs";

const EXPORT_EXAMPLES: &str = "\
Examples:
  resweep export my.toml                               results/my-sweep/csv/runs.csv and points.csv
  resweep export my.toml --format tensorboard --to log then: tensorboard --logdir log
  resweep export my.toml --format checkpoints          for PyTorch; docs/pytorch.md";

const VERIFY_EXAMPLES: &str = "\
Examples:
  resweep verify results/fig6/figure.png               is it what the database gives?
  resweep verify fig6.png --results other/results      from the records of another folder

Exit codes: 0 the same, byte for byte; 1 not; 3 it could not be looked at";
const REPORT_EXAMPLES: &str = "\
Examples:
  resweep report my.toml --open                        write it and look at it
  resweep report my.toml --watch                       keep it up to date while the sweep runs
  resweep run my.toml --report                         the same from within the sweep";

/// What the program can be asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train the runs of a sweep that are not finished yet, from where they stand, then draw its figure
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Show what would run: new, finished, failed and stale runs, with cost and time
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Show the sweeps in the results folder, or the runs of one
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Look the database and the checkpoints over; save what can be read of a damaged database
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Remove checkpoints and files that nothing needs any more
    #[command(after_help = GC_EXAMPLES)]
    Gc(GcArgs),
    /// Draw a sweep's figure from what is recorded so far
    Plot(PlotArgs),
    /// Print a sweep's table: final errors beside the paper's, and whether its claims hold
    #[command(after_help = TABLE_EXAMPLES)]
    Table(TableArgs),
    /// Draw a figure again from the database, and say whether it is the same
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Write everything about a sweep into one HTML file, from what is recorded so far
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Write what a sweep recorded for other programs: tables, TensorBoard, PyTorch
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Download data sets, or look at what a network sees
    #[command(subcommand)]
    Data(DataCommand),
    /// Train one run, ordered by `run --isolate`
    #[command(hide = true)]
    TrainRun,
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
}

/// A sweep and its overrides.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// The sweep file (TOML; docs/sweep-file.md), or the name of a sweep in the results folder
    #[arg(value_parser = path())]
    pub sweep: PathBuf,
    /// Override a value: train.iterations=2000, axes.depth=[20,56], model.shortcut=B
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
}

/// Where the results are unless another folder is named.
pub const RESULTS: &str = "results";

/// The folder of the results.
#[derive(Debug, Clone, Args)]
pub struct ResultsArgs {
    /// Where the database and the figures are
    #[arg(
        long,
        value_name = "DIR",
        default_value = RESULTS,
        env = "RESWEEP_RESULTS",
        value_parser = path()
    )]
    pub results: PathBuf,
}

/// How the machine is shared among the runs.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Runs that train at once [default: as many as the cores allow]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub workers: Option<u16>,
    /// Threads of each run; a sweep is fastest with one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Where the runs compute: cpu, cuda, cuda:0,1 or cuda:all; several as cuda:all,cpu; auto:
    /// every GPU, or the CPU where none works
    #[arg(long, value_name = "DEVICES", default_value = "cpu")]
    pub device: DeviceRequest,
    /// Runs that share a GPU
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub runs_per_gpu: u16,
    /// Also train runs that failed before
    #[arg(long)]
    pub retry_failed: bool,
    /// Train every run again from its start; what was recorded before is kept as history
    #[arg(long)]
    pub fresh: bool,
}

/// `resweep run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// Start no further run after so many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_fails: Option<u32>,
    /// Write a checkpoint of each run every so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    pub checkpoint_every: f64,
    /// Train each run in a process of its own, so that whatever ends it ends nothing else
    #[arg(long)]
    pub isolate: bool,
    /// Take over the runs of another process that shows no sign of life for so many seconds; one
    /// that has died on this machine is noticed at once
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0, value_parser = seconds)]
    pub lease: f64,
    /// How much of each attempt goes into its log below the results folder
    #[arg(long = "log", value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// How to show progress; auto: bars on a terminal, plain lines elsewhere
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    pub progress: Mode,
    /// Keep results/<sweep>/report.html up to date meanwhile
    #[arg(long)]
    pub report: bool,
    /// Only show the plan
    #[arg(long)]
    pub dry_run: bool,
}

/// What is worth a line in a log, and everything graver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// A path, with `~` and variables expanded: the shell leaves them alone behind `=`, and in variables
/// of its own.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|written| match written.to_str() {
        Some("") => Err("a path cannot be empty".to_owned()),
        Some(text) => expand_path(text).map_err(|error| error.to_string()),
        None => Ok(PathBuf::from(written)),
    })
}

/// A number of seconds from 0 to a year.
fn seconds(text: &str) -> Result<f64, String> {
    let year = 366.0 * 86_400.0;
    let parsed = text.parse().ok();
    let in_range = parsed.filter(|seconds| (0.0..=year).contains(seconds));
    in_range.ok_or_else(|| "expected a number of seconds".to_owned())
}

/// A number of seconds from 1 to a day.
fn pause(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok();
    let in_range = parsed.filter(|seconds| (1.0..=86_400.0).contains(seconds));
    in_range.ok_or_else(|| "expected a number of seconds, 1 at least".to_owned())
}

/// `resweep plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[command(flatten)]
    pub workers: WorkerArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `resweep status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The name of one sweep; all sweeps without it
    pub name: Option<String>,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Show every attempt at the sweep's runs, and why it ended
    #[arg(long, requires = "name")]
    pub attempts: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `resweep doctor`, which changes nothing in the results folder.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Write everything that can be read into a new database, which must not exist yet
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub save: Option<PathBuf>,
}

/// `resweep gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Only show what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// Also remove the last checkpoints of finished runs, which then cannot be continued for longer
    #[arg(long)]
    pub all: bool,
}

/// `resweep plot`.
#[derive(Debug, Args)]
#[command(after_help = PLOT_EXAMPLES)]
pub struct PlotArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Draw on this page instead of the figure's own; the name tells: figure-dark.png
    #[arg(long, value_parser = words(&Look::THEMES, Theme::of))]
    pub theme: Option<Theme>,
    /// Draw in these colours instead of the figure's own; the name tells: figure-okabe-ito.png
    #[arg(long, value_parser = words(&Look::PALETTES, Palette::of))]
    pub palette: Option<Palette>,
}

/// Takes one of the words that `of` knows.
fn words<T: Clone + Send + Sync + 'static>(
    allowed: &'static [&'static str],
    of: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    let unknown = "an unknown word";
    PossibleValuesParser::new(allowed).try_map(move |word| of(&word).ok_or(unknown))
}

/// `resweep table`.
#[derive(Debug, Args)]
pub struct TableArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t = TableFormat::Md)]
    pub format: TableFormat,
}

/// How `resweep table` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Markdown
    Md,
    /// One line for each configuration
    Csv,
    /// Everything, for a script
    Json,
}

/// `resweep verify`, which needs neither the sweep file nor the images.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A figure that `run` or `plot` wrote, as PNG
    #[arg(value_parser = path())]
    pub figure: PathBuf,
    #[command(flatten)]
    pub results: ResultsArgs,
}

/// `resweep report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    /// Open it in the browser
    #[arg(long)]
    pub open: bool,
    /// Write it again every so many seconds until the sweep has come to its end [default: 10]
    #[arg(
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "10",
        value_parser = pause
    )]
    pub watch: Option<f64>,
}

/// `resweep export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub sweep: SweepArgs,
    #[command(flatten)]
    pub results: ResultsArgs,
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    pub format: ExportFormat,
    /// The folder to write into [default: <results>/<sweep>/<format>]
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub to: Option<PathBuf>,
}

/// What other programs read; docs/export.md describes the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// A table of runs and one of points
    Csv,
    /// The same as JSON Lines
    Jsonl,
    /// An event file for each run
    Tensorboard,
    /// The network of each finished run as safetensors, for PyTorch
    Checkpoints,
}

impl ExportFormat {
    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            ExportFormat::Csv => "csv",
            ExportFormat::Jsonl => "jsonl",
            ExportFormat::Tensorboard => "tensorboard",
            ExportFormat::Checkpoints => "checkpoints",
        }
    }
}

/// `resweep data`.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Download, verify and unpack CIFAR; resumes a download that was cut off
    Download {
        #[arg(value_enum)]
        dataset: Downloadable,
        /// The folder to unpack into [default: data/cifar10 or data/cifar100]
        #[arg(long, value_name = "DIR", value_parser = path())]
        to: Option<PathBuf>,
        /// Take it from this mirror, archive or folder instead of the official site
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Draw a contact sheet of a sweep's training images as its networks see them
    Preview {
        #[command(flatten)]
        sweep: SweepArgs,
        #[command(flatten)]
        results: ResultsArgs,
        /// Images of each class
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=100))]
        columns: u16,
    },
}

/// Data sets that have an archive to download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Downloadable {
    Cifar10,
    Cifar100,
}
